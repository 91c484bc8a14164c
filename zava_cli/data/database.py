"""The pools behind every read: who asks is resolved once, and each answer runs in a session of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakSet

import asyncpg

from zava_cli.data.callers import Caller, caller_from_row
from zava_cli.data.connections import TextConnection, prepare_own_connection, prepare_text_connection
from zava_cli.data.driver_errors import translated
from zava_cli.data.named_sql import named_sql
from zava_cli.data.session import Session, TextSession
from zava_cli.data.shares import Shares
from zava_cli.data.statement_spans import SYSTEM
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError, ContextRefusedError, DatabaseUnavailableError, ValidationError
from zava_cli.infra.operations import current_operation
from zava_cli.infra.tracing import span

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
        self._pools: dict[str, asyncpg.Pool] = {}
        most = (self._pool_size + 1) // 2 if many else None
        self._shares = {kind: Shares(most, target.settings.connect_timeout) for kind in ("own", "text")}
        self._opening = asyncio.Lock()
        self._releases: set[asyncio.Task[None]] = set()

    @property
    def _pool_size(self) -> int:
        return max(1, self.settings.pool_max // 2) if self.serving else 1

    async def identify(self, who: str | None) -> Caller:
        """The manager that `who` names, or whose own key file this is; AuthorizationError unless it is exactly one."""
        who = who or self._keys.owner
        if not who:
            raise ValidationError(
                "as", who, "nobody is asking",
                hint="Say who you are with --as NAME or ZAVA_AS, for example --as seattle or --as 'head office'.",
            )  # fmt: skip
        async with self._connection("own") as connection:
            rows = await connection.fetch(named_sql("identity")["resolve_identity"], who)
        if len(rows) != 1:
            raise AuthorizationError(
                "That name does not stand for exactly one manager.", who,
                hint="Use a manager's name or e-mail, or a store's name or city, as your administrator gave it to you.",
            )  # fmt: skip
        caller = caller_from_row(dict(rows[0]), self._keys, time.time())
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
        async with self.gateway_reader() as session:
            return await session.row(named_sql("identity")["migration_state"])

    @asynccontextmanager
    async def gateway_reader(self) -> AsyncGenerator[Session]:
        """A read-only transaction as the login itself, which sees the catalog and no data."""
        async with self._connection("own") as connection:
            yield Session(connection)

    @asynccontextmanager
    async def reader(self, caller: Caller, *, timeout: float | None = None) -> AsyncGenerator[Session]:
        """A read-only transaction for zava's own statements that sees what `caller` may see."""
        async with self._transaction("own", caller, timeout) as connection:
            yield Session(connection)

    @asynccontextmanager
    async def text_reader(self, caller: Caller, *, timeout: float | None = None) -> AsyncGenerator[TextSession]:
        """A read-only transaction for one statement that a caller wrote."""
        limit = timeout or self.settings.statement_timeout
        async with self._transaction("text", caller, timeout) as connection:
            yield TextSession(connection, limit)

    @asynccontextmanager
    async def open_connection(self) -> AsyncGenerator[asyncpg.Connection]:
        """A connection for zava's own statements outside of any transaction, if a pool is open; opens none."""
        pool = self._pools.get("own")
        if pool is None:
            raise DatabaseUnavailableError("There is no open connection.")
        async with pool.acquire(timeout=self.settings.connect_timeout) as connection:
            yield connection  # pyright: ignore[reportReturnType]

    @asynccontextmanager
    async def _transaction(
        self, kind: str, caller: Caller, timeout: float | None
    ) -> AsyncGenerator[asyncpg.Connection]:
        _note(caller)
        limit = timeout or self.settings.statement_timeout
        caller = await self._current(caller)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._shares[kind].of(caller.identity.manager_id))
            try:
                connection = await stack.enter_async_context(self._begun(kind, caller, limit))
            except ContextRefusedError:
                if caller not in self._looked_up:
                    raise
                # A clock was set or a key was cut off since the caller was looked up.
                caller = await self._look_up_again(caller)
                connection = await stack.enter_async_context(self._begun(kind, caller, limit))
            yield connection

    @asynccontextmanager
    async def _begun(self, kind: str, caller: Caller, limit: float) -> AsyncGenerator[asyncpg.Connection]:
        async with self._connection(kind) as connection:
            await connection.fetchrow(
                named_sql("session")["begin"], *self._session_values(kind, caller, connection, limit)
            )
            yield connection

    async def _current(self, caller: Caller) -> Caller:
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

    def _session_values(
        self, kind: str, caller: Caller, connection: asyncpg.Connection, limit: float
    ) -> tuple[str, ...]:
        milliseconds = str(max(1, int(limit * 1000)))
        return (
            caller.sign(connection.get_server_pid(), time.time(), int(limit) + CONTEXT_SECONDS),
            self.target.roles.of(caller.identity.role),
            milliseconds,
            caller.time_zone,
            "on" if self.settings.jit else "off",
            self.settings.work_mem,
            self.settings.application_name or ("zava-mcp-server" if self.serving else "zava-cli"),
        )

    @asynccontextmanager
    async def _connection(self, kind: str) -> AsyncGenerator[asyncpg.Connection]:
        """A connection in a read-only transaction."""
        with translated():
            pool, connection = await self._acquire(kind)
            transaction = connection.transaction(readonly=True)
            try:
                await transaction.start()
                yield connection  # pyright: ignore[reportReturnType]
            finally:
                self._give_back_later(pool, connection, transaction)

    async def _acquire(self, kind: str) -> tuple[asyncpg.Pool, Any]:
        with span("wait for a connection", {**SYSTEM, "db.client.connection.pool.name": kind}):
            return await self._waited_for(kind)

    async def _waited_for(self, kind: str) -> tuple[asyncpg.Pool, Any]:
        pool = await self._pool(kind)
        wait = self.settings.connect_timeout
        try:
            return pool, await pool.acquire(timeout=wait)
        except TimeoutError:
            raise DatabaseUnavailableError(
                "All connections are busy.", hint="Try again in a moment, or raise pool_max."
            ) from None
        except (OSError, asyncpg.CannotConnectNowError):
            # The server died after the pool was opened.
            if not await self._start_embedded():
                raise
            return pool, await pool.acquire(timeout=wait)

    def _give_back_later(self, pool: asyncpg.Pool, connection: Any, transaction: Any) -> None:
        """Ends and resets after the answer has gone out, not before, and also when the caller was cancelled."""
        task = asyncio.ensure_future(_give_back(pool, connection, transaction))
        self._releases.add(task)
        task.add_done_callback(self._released)

    def _released(self, task: asyncio.Task[None]) -> None:
        self._releases.discard(task)
        if not task.cancelled():
            # A connection that broke meanwhile is dropped by the pool; there is nothing to tell anybody.
            task.exception()

    async def _pool(self, kind: str) -> asyncpg.Pool:
        async with self._opening:
            if kind not in self._pools:
                try:
                    self._pools[kind] = await self._open(kind)
                except (OSError, asyncpg.CannotConnectNowError):
                    if not await self._start_embedded():
                        raise
                    self._pools[kind] = await self._open(kind)
            return self._pools[kind]

    async def _start_embedded(self) -> bool:
        """Makes sure that the embedded server runs; False when the database is not an embedded one."""
        if self.target.embedded is None:
            return False
        await asyncio.to_thread(self.target.embedded.start)
        return True

    async def _open(self, kind: str) -> asyncpg.Pool:
        settings = self.settings
        is_text = kind == "text"
        cached = 0 if is_text or not settings.prepared_statements else 100
        return await asyncpg.create_pool(
            self.target.gateway_dsn,
            min_size=max(1, settings.pool_min // 2) if self.serving else 1,
            max_size=self._pool_size,
            max_inactive_connection_lifetime=settings.pool_idle,
            connection_class=TextConnection if is_text else asyncpg.Connection,
            init=prepare_text_connection if is_text else prepare_own_connection,
            reset=_forget_everything if is_text else None,
            statement_cache_size=cached,
            timeout=settings.connect_timeout,
            command_timeout=None,
        )

    async def close(self) -> None:
        """Closes every pool, also when one of them fails to."""
        if self._releases:
            await asyncio.wait(self._releases, timeout=self.settings.serve_grace)
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            try:
                await asyncio.wait_for(pool.close(), self.settings.serve_grace)
            except (TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError, OSError):
                pool.terminate()


def _note(caller: Caller) -> None:
    current_operation().identified(caller.identity.manager_id, caller.identity.role.value)


@dataclass(frozen=True)
class _Known:
    """The newest look-up of one manager, when it was made, and with which state of the keys."""

    caller: Caller
    since: float
    generation: int


async def _give_back(pool: asyncpg.Pool, connection: Any, transaction: Any) -> None:
    try:
        # Rolled back, not committed: session settings that a query made are undone with it.
        if not connection.is_closed():
            await transaction.rollback()
    finally:
        await pool.release(connection)


async def _forget_everything(connection: Any) -> None:
    """Leaves nothing of one caller's SQL to the next: prepared statements and roles survive the default reset."""
    await connection.execute("DISCARD ALL")
