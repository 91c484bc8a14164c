"""The administrator's side of keys: verification keys for every manager, and new versions of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from zava_cli.data.admin import admin_connection
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.keys import MasterKeys, encoded, key_check, manager_key, new_key, pads
from zava_cli.infra.private_files import create_private
from zava_cli.models.security import KeyRotation

FIRST_VERSION = 1


async def register_keys(connection: asyncpg.Connection, target: Target) -> int:
    """Gives managers the verification keys that they lack in this very database; returns how many were written.

    Makes a master key where neither the database nor this machine has one. ConfigurationError when the database
    has keys of a master that this machine does not hold.
    """
    master = target.master_keys()
    async with connection.transaction():
        keys = await _Keys.locked(connection, target)
        await keys.forget_ended()
        accepted = await keys.accepted()
        usable = {version: accepted[version].valid_until for version in accepted if accepted[version].is_of(master)}
        if not accepted:
            usable = {_newest_or_new(master): None}
        lacking = await keys.managers_without(usable or [max(accepted)])
        if lacking and not usable:
            raise ConfigurationError(
                "This machine does not hold the key that signs for this database.",
                hint="Copy the key file from the machine that does, or set ZAVA_MASTER_KEY; "
                "if it is lost, `zava security rotate-key` makes a new one.",
            )
        await keys.add(lacking, master.held(), usable)
        _drop_unused(master, await keys.in_use())
    return len(lacking)


async def rotate_keys(target: Target, overlap: timedelta, write_to: Path | None) -> KeyRotation:
    """Gives every manager a key of a new version; those of older ones end after `overlap`.

    The new master key goes into the key file, or with the others into the new file `write_to`.
    """
    master = target.master_keys()
    async with admin_connection(target) as connection:
        async with connection.transaction():
            keys = await _Keys.locked(connection, target)
            in_use, held = await keys.in_use(), master.held()
            version = max([*in_use, *held], default=0) + 1
            kept = {v: key for v, key in held.items() if v in in_use}
            # The file first: a key that the database does not know yet does no harm, one that nobody holds any
            # more would lock everybody out.
            if write_to is None:
                master.write({**kept, version: new_key()})
                held = master.by_version()
            else:
                held = {**kept, version: new_key()}
                create_private(write_to, encoded(held))
            await keys.end_before(version, overlap)
            await keys.forget_ended()
            lacking = await keys.managers_without([version])
            await keys.add(lacking, held, {version: None})
            ending = {v: a.valid_until for v, a in (await keys.accepted()).items() if a.valid_until is not None}
            in_use = await keys.in_use()
        if write_to is None:
            _drop_unused(master, [*in_use, version])
    written_to = write_to or target.key_file
    return KeyRotation(version=version, managers=len(lacking), ending=ending, written_to=written_to)


async def bind_backend(target: Target, bound: bool) -> None:
    """Says whether a context is good on the connection only that it was made for; servers learn it by themselves."""
    async with admin_connection(target) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{target.roles.security}"')
        await connection.execute(named_sql("keys")["bind_backend"], bound)


@dataclass(frozen=True)
class _Accepted:
    """A version that the database accepts, with one manager's key to recognise it by."""

    version: int
    valid_until: datetime | None
    manager_id: UUID
    key_check: str
    identity: str

    def is_of(self, master: MasterKeys) -> bool:
        """Whether this machine holds the master key of it."""
        key = master.held().get(self.version)
        return key is not None and key_check(manager_key(key, self.manager_id, self.identity)) == self.key_check


class _Keys:
    """The table of keys within one transaction as its owner, which nobody else changes meanwhile."""

    def __init__(self, connection: asyncpg.Connection, identity: str) -> None:
        self._connection = connection
        self._identity = identity
        self._sql = named_sql("keys")

    @classmethod
    async def locked(cls, connection: asyncpg.Connection, target: Target) -> _Keys:
        """Waits for its turn."""
        sql = named_sql("keys")
        await connection.execute(f'SET LOCAL ROLE "{target.roles.security}"')
        await connection.execute(sql["lock_keys"])
        return cls(connection, await connection.fetchval(sql["database_identity"]))

    async def accepted(self) -> dict[int, _Accepted]:
        """What the database accepts, oldest first."""
        rows = await self._connection.fetch(self._sql["accepted_versions"])
        return {row["version"]: _Accepted(**row, identity=self._identity) for row in rows}

    async def in_use(self) -> list[int]:
        """Versions that something in the database depends on."""
        return [row["version"] for row in await self._connection.fetch(self._sql["versions_in_use"])]

    async def managers_without(self, versions: Iterable[int]) -> list[tuple[UUID, int]]:
        """Managers and versions that lack a key for each other."""
        rows = await self._connection.fetch(self._sql["managers_without_key"], list(map(str, versions)))
        return [(row["manager_id"], row["version"]) for row in rows]

    async def add(
        self, lacking: Iterable[tuple[UUID, int]], held: Mapping[int, bytes], ends: Mapping[int, datetime | None]
    ) -> None:
        """Writes verification keys, each with its version's end."""
        rows = [
            (manager, version, *pads(manager_key(held[version], manager, self._identity)), ends[version])
            for manager, version in lacking
        ]
        await self._connection.executemany(self._sql["add_key"], rows)

    async def end_before(self, version: int, overlap: timedelta) -> None:
        """Lets all older versions end."""
        await self._connection.execute(self._sql["end_versions"], version, overlap)

    async def forget_ended(self) -> None:
        """Removes what is accepted no more."""
        await self._connection.execute(self._sql["forget_ended_keys"])


def _newest_or_new(master: MasterKeys) -> int:
    """The newest version that is held, made and written first when there is none."""
    if not master.held():
        master.write({FIRST_VERSION: new_key()})
    return max(master.held())


def _drop_unused(master: MasterKeys, in_use: Collection[int]) -> None:
    """Removes old versions from the key file that nothing depends on any more."""
    held = master.held()
    newest = max(in_use, default=0)
    kept = {version: key for version, key in held.items() if version in in_use or version > newest}
    if kept != held and not master.is_configured:
        master.write(kept)
