"""Signing keys: new versions for everybody, and a file with one manager's own key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Secret

from zava_cli.data import keys as data
from zava_cli.data.callers import Caller
from zava_cli.data.migrate import outstanding
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError, ValidationError
from zava_cli.infra.manager_key import ManagerKey
from zava_cli.infra.private_files import create_private
from zava_cli.models.security import IssuedKey, KeyRotation


async def rotate_key(target: Target, overlap: timedelta, write_to: Path | None) -> KeyRotation:
    """Makes a new key version; contexts of older ones are accepted until `overlap` is over.

    The key goes into the key file, or into the new file `write_to` when keys come from ZAVA_MASTER_KEY.
    """
    is_configured = target.master_keys().is_configured
    if is_configured and write_to is None:
        raise ValidationError(
            "write-to", None, "the key comes from ZAVA_MASTER_KEY, so the new one needs a file to go into",
            hint="Name a file that does not exist: --write-to FILE. Then set ZAVA_MASTER_KEY to what it holds.",
        )  # fmt: skip
    if write_to is not None and not is_configured:
        raise ValidationError(
            "write-to", write_to, f"the key comes from {target.key_file}, which gets the new one",
            hint="Leave --write-to away; it is for keys from ZAVA_MASTER_KEY.",
        )  # fmt: skip
    await _check_migrated(target)
    return await data.rotate_keys(target, overlap, write_to)


async def bind_backend(target: Target, bound: bool) -> None:
    """Binds contexts to the connection that they are made for, or no longer."""
    await _check_migrated(target)
    await data.bind_backend(target, bound)


async def _check_migrated(target: Target) -> None:
    if await outstanding(target):
        raise ConfigurationError("This database is not up to date.", hint="Run `zava db migrate` first.")


def issue_key(caller: Caller, out: Path, lifetime: timedelta | None) -> IssuedKey:
    """Writes a new file (0600) with which `caller` alone can be signed for."""
    expires = None
    if lifetime is not None:
        expires = (datetime.now(UTC) + timedelta(seconds=caller.clock_offset) + lifetime).replace(microsecond=0)
    who = caller.identity
    key = ManagerKey(
        manager_id=who.manager_id, name=who.name, key_version=caller.key_version,
        database_identity=caller.database_identity, key=Secret(caller.key.hex()), expires=expires,
    )  # fmt: skip
    create_private(out, key.model_dump_json(indent=2) + "\n")
    return IssuedKey(
        manager_id=who.manager_id, name=who.name, version=caller.key_version, expires=expires, written_to=out
    )
