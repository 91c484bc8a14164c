"""The pools behind every read: who asks is resolved once, and each answer runs in a session of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID
from weakref import WeakSet

import asyncpg

from zava_cli.data.callers import Caller, caller_from_row
from zava_cli.data.connections import CLIENT_MARGIN, PoolUse, Statement
from zava_cli.data.driver_errors import translated
from zava_cli.data.lent import Lent
from zava_cli.data.named_sql import named_sql
from zava_cli.data.pools import Pools
from zava_cli.data.retries import retried
from zava_cli.data.session import GatewaySession, ManagerSession, Session, TextSession
from zava_cli.data.shares import Shares
from zava_cli.data.target import Target
from zava_cli.infra.deadline import Deadline, at_most
from zava_cli.infra.errors import AuthorizationError, ContextRefusedError, ValidationError
from zava_cli.infra.operations import current_operation

CONTEXT_SECONDS = 60
"""A context outlives the longest statement of its transaction by this much."""
LOOK_UP_SECONDS = 60.0
"""How long a caller is known before keys, rights and the server's clock are looked up again."""


class PostgreSQLProvider:
    """Reads as a manager. Users' SQL and zava's own statements use connections of their own.

    `serving` decides the pool's size (one connection for a command) and the application name; where it serves
    `many` managers, each may hold about half of a pool.
    """

    def __init__(self, target: Target, *, serving: bool = False, many: bool = False) -> None:
        self.target = target
        self.settings = target.settings
        self.serving = serving
        self.master_keys = target.master_keys()
        self._keys = target.signing_keys(self.master_keys)
        self._looked_up: WeakSet[Caller] = WeakSet()
        self._known: dict[UUID, _Known] = {}
        self._looking_up = asyncio.Lock()
        self._pools = Pools(target, serving=serving)
        self._shares = {kind: Shares((self._pools.most + 1) // 2) for kind in ("own", "text")} if many else {}

    async def identify(self, who: str | None) -> Caller:
        """The manager that `who` names, or whose own key file this is; AuthorizationError unless it is exactly one."""
        who = who or self._keys.owner
        if not who:
            raise ValidationError(
                "as", who, "nobody is asking",
                hint="Say who you are with --as NAME or ZAVA_AS, for example --as seattle or --as 'head office'.",
            )  # fmt: skip

        async def resolve() -> list[dict[str, Any]]:
            async with self.gateway_reader() as session:
                return await session.rows(named_sql("identity")["resolve_identity"], who)

        rows = await retried(self.settings, resolve)
        if len(rows) != 1:
            raise AuthorizationError(
                "That name does not stand for exactly one manager.", who,
                hint="Use a manager's name or e-mail, or a store's name or city, as your administrator gave it to you.",
            )  # fmt: skip
        caller = caller_from_row(rows[0], self._keys, time.time())
        _note(caller)
        self._looked_up.add(caller)
        self._known[caller.identity.manager_id] = _Known(caller, time.monotonic(), self._keys.generation())
        return caller

    async def key_versions(self) -> dict[int, datetime | None]:
        """Key versions that the database accepts and their ends, oldest first."""
        async with self.gateway_reader() as session:
            return {
                row["version"]: row["valid_until"] for row in await session.rows(named_sql("identity")["key_versions"])
            }

    def held_versions(self) -> list[int]:
        """Key versions that this process can sign with, oldest first; ConfigurationError without any."""
        return self._keys.versions()

    async def state(self) -> dict[str, Any]:
        """Newest migration, time zone and data version, as the gateway sees them."""
        async with self._pools.health() as connection:
            session = GatewaySession(connection, Deadline(self.settings.connect_timeout))
            return await session.row(named_sql("identity")["migration_state"])

    async def reading_state(self, caller: Caller) -> tuple[Caller, str]:
        """The caller as they are known now, and what decides at this moment which rows they see.

        Two equal states mean that the same statement of the same caller would read the same rows, but for what
        somebody else than zava wrote. Errors as for `reader`.
        """
        _note(caller)
        caller = await self.current(caller)
        try:
            return caller, await retried(self.settings, partial(self._reading_state, caller))
        except ContextRefusedError:
            if caller not in self._looked_up:
                raise
            caller = await self._look_up_again(caller)
            return caller, await retried(self.settings, partial(self._reading_state, caller))

    async def _reading_state(self, caller: Caller) -> str:
        turn = self._pools.turn()
        place = await self._place("own", caller, turn)
        try:
            async with self._pools.single_statements("own", turn) as connection:
                context = caller.sign(connection.get_server_pid(), time.time(), CONTEXT_SECONDS)
                limit = at_most(self.settings.connect_timeout)
                statement = named_sql("identity")["reading_state"]
                token = current_operation().token
                return str(await connection.fetchval(statement, context, token, column=2, timeout=limit))
        finally:
            if place is not None:
                place.release()

    @asynccontextmanager
    async def gateway_reader(self) -> AsyncGenerator[Session]:
        """Statements as the login itself, which sees the catalog and no data; each may be a transaction of its own."""
        deadline = Deadline(self.settings.connect_timeout)
        async with self._pools.gateway() as connection:
            yield GatewaySession(connection, deadline)

    def reader(self, caller: Caller, *, timeout: float | None = None, alone: bool = False) -> ManagerSession:
        """A block that is a read-only transaction for zava's own statements, and sees what `caller` may see.

        It begins with the first of them, in the same round trip where the connection has run that before; without any
        it verifies nobody. Where that is to be `alone` the transaction ends with it, which takes less, and what
        follows has another.
        """
        seconds = timeout or self.settings.statement_timeout
        return ManagerSession(partial(self._begun, "own", caller), seconds, alone=alone)

    @asynccontextmanager
    async def text_reader(
        self, caller: Caller, sql: str | None = None, *, timeout: float | None = None
    ) -> AsyncGenerator[TextSession]:
        """A read-only transaction for one statement that a caller wrote; with its `sql` in a round trip less.

        That is run once: a statement whose connection breaks may be the reason for it. Where it breaks during the
        set-up, the next attempt is without the statement, which may be parsed a second time when all is well.
        """
        deadline = Deadline(timeout or self.settings.statement_timeout)
        # A kept answer needs the reading state, which is lost in front of a statement that is only parsed.
        openings = iter([] if sql is None or current_operation().keeps_answer else [Statement(sql)])
        lent = await retried(
            self.settings, lambda: self._begun("text", caller, deadline, next(openings, None)), deadline.left()
        )
        with translated(holds=True), lent:
            yield TextSession(lent.connection, deadline.left(), lent.opened)

    def pool_use(self) -> dict[str, PoolUse]:
        """How full each open pool is."""
        return self._pools.use()

    @asynccontextmanager
    async def open_connection(self) -> AsyncGenerator[asyncpg.Connection]:
        """A connection for zava's own statements outside of any transaction, if a pool is open; opens none."""
        async with self._pools.open_connection() as connection:
            yield connection

    async def _begun(self, kind: str, caller: Caller, deadline: Deadline, opening: Statement | None) -> Lent:
        _note(caller)
        caller = await self.current(caller)
        try:
            return await self._lent(kind, caller, deadline, opening)
        except ContextRefusedError:
            if caller not in self._looked_up:
                raise
            # A clock was set or a key was cut off since the caller was looked up.
            return await self._lent(kind, await self._look_up_again(caller), deadline, opening)

    async def _lent(self, kind: str, caller: Caller, deadline: Deadline, opening: Statement | None) -> Lent:
        async def begin(connection: Any) -> Any:
            left = deadline.left()
            values = self._session_values(caller, connection, left)
            timeout = at_most(self.settings.connect_timeout)
            if opening is None:
                state, opened = await connection.begin(values, timeout), None
            else:
                state, opened = await connection.begin_with(values, timeout, opening, left + CLIENT_MARGIN)
            operation = current_operation()
            # The oldest, so that it is never younger than a row of the answer.
            operation.reading_state = operation.reading_state or state
            return opened

        # One wait, whether for one's own requests, for everybody's, or for both.
        turn = self._pools.turn()
        return await self._pools.lend(kind, begin, turn, await self._place(kind, caller, turn))

    async def _place(self, kind: str, caller: Caller, turn: Deadline) -> asyncio.Semaphore | None:
        return await self._shares[kind].take(caller.identity.manager_id, turn) if self._shares else None

    async def current(self, caller: Caller) -> Caller:
        """The caller as they are known now: a server keeps one for as long as it runs."""
        if caller not in self._looked_up:
            return caller
        known = self._known[caller.identity.manager_id]
        is_recent = time.monotonic() - known.since < LOOK_UP_SECONDS
        if is_recent and known.generation == self._keys.generation():
            return known.caller
        return await self._look_up_again(known.caller)

    async def _look_up_again(self, outdated: Caller) -> Caller:
        manager_id = outdated.identity.manager_id
        async with self._looking_up:
            known = self._known[manager_id].caller
            # Others may have waited for the same.
            return known if known is not outdated else await self.identify(str(manager_id))

    def _session_values(self, caller: Caller, connection: asyncpg.Connection, limit: float) -> tuple[str, ...]:
        milliseconds = str(max(1, int(limit * 1000)))
        return (
            caller.sign(connection.get_server_pid(), time.time(), int(limit) + CONTEXT_SECONDS),
            self.target.roles.of(caller.identity.role),
            milliseconds,
            caller.time_zone,
            "on" if self.settings.jit else "off",
            self.settings.work_mem,
            self.settings.application_name or ("zava-mcp-server" if self.serving else "zava-cli"),
            current_operation().token,
            "on" if current_operation().keeps_answer else "",
        )

    async def close(self) -> None:
        """Closes every pool, also when one of them fails to."""
        await self._pools.close()


def _note(caller: Caller) -> None:
    current_operation().identified(caller.identity.manager_id, caller.identity.role.value)


@dataclass(frozen=True)
class _Known:
    """The newest look-up of one manager, when it was made, and with which state of the keys."""

    caller: Caller
    since: float
    generation: int
