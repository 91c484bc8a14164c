"""The pools of connections: opened on first use, bounded in what they wait for, and given back behind the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from zava_cli.data.connections import TextConnection, prepare_own_connection, prepare_text_connection
from zava_cli.data.driver_errors import translated
from zava_cli.data.target import Target
from zava_cli.infra.deadline import at_most
from zava_cli.infra.errors import DatabaseBusyError, DatabaseUnavailableError

KNOCK_SECONDS = 0.1
"""A server that could not be reached is left alone for so long, however many ask for it."""
RELEASE_SECONDS = 10.0
"""By then a connection that does not answer is given up: the server may be gone without a word."""

_AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)
_BROKEN = (
    *_AWAY,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Pools:
    """One pool for zava's `own` statements and one for the `text` of users, as the gateway login."""

    def __init__(self, target: Target, *, serving: bool) -> None:
        self.most = max(1, target.settings.pool_max // 2) if serving else 1
        self._target = target
        self._settings = target.settings
        self._serving = serving
        self._open: dict[str, asyncpg.Pool] = {}
        self._opening = asyncio.Lock()
        self._releases: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Future[bool] | None = None
        self._is_away_until = 0.0

    @asynccontextmanager
    async def open_connection(self) -> AsyncGenerator[asyncpg.Connection]:
        """A connection for zava's own statements outside of any transaction, if a pool is open; opens none."""
        pool = self._open.get("own")
        if pool is None:
            raise DatabaseUnavailableError("There is no open connection.")
        async with pool.acquire(timeout=self._settings.connect_timeout) as connection:
            yield connection  # pyright: ignore[reportReturnType]

    @asynccontextmanager
    async def connection(self, kind: str) -> AsyncGenerator[asyncpg.Connection]:
        """A connection in a read-only transaction."""
        with translated():
            pool, connection = await self._acquire(kind)
            transaction = connection.transaction(readonly=True)
            try:
                await self._begin(pool, connection, transaction)
                yield connection  # pyright: ignore[reportReturnType]
            finally:
                self._give_back_later(pool, connection, transaction)

    async def close(self) -> None:
        """Closes every pool, also when one of them fails to."""
        if self._releases:
            await asyncio.wait(self._releases, timeout=self._settings.serve_grace)
        pools, self._open = list(self._open.values()), {}
        for pool in pools:
            try:
                await asyncio.wait_for(pool.close(), self._settings.serve_grace)
            except (TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError, OSError):
                pool.terminate()

    async def _begin(self, pool: asyncpg.Pool, connection: Any, transaction: Any) -> None:
        try:
            async with asyncio.timeout(at_most(self._settings.connect_timeout)):
                await transaction.start()
        except _BROKEN:
            # It died unnoticed, and so did those that are as old: they must not cost an error each.
            connection.terminate()
            await pool.expire_connections()
            raise

    async def _acquire(self, kind: str) -> tuple[asyncpg.Pool, Any]:
        self._check_not_away()
        try:
            pool = await self._pool(kind)
            try:
                return pool, await self._acquire_from(pool)
            except _AWAY:
                # The server died after the pool was opened.
                if not await self._start_embedded():
                    raise
                return pool, await self._acquire_from(pool)
        except _AWAY:
            self._is_away_until = time.monotonic() + KNOCK_SECONDS
            raise

    async def _acquire_from(self, pool: asyncpg.Pool) -> Any:
        try:
            return await pool.acquire(timeout=at_most(self._settings.connect_timeout))
        except TimeoutError:
            if pool.get_size() < pool.get_max_size():
                # There was room for one more: it is the server that did not answer.
                raise
            raise DatabaseBusyError(
                "All connections are busy.", hint="Try again in a moment, or raise pool_max."
            ) from None

    def _check_not_away(self) -> None:
        if time.monotonic() < self._is_away_until:
            raise DatabaseUnavailableError("PostgreSQL cannot be reached.", hint="Try again; `zava health` tells more.")

    async def _pool(self, kind: str) -> asyncpg.Pool:
        async with self._opening:
            if kind not in self._open:
                self._check_not_away()
                try:
                    self._open[kind] = await self._opened(kind)
                except _AWAY:
                    if not await self._start_embedded():
                        raise
                    self._open[kind] = await self._opened(kind)
            return self._open[kind]

    async def _start_embedded(self) -> bool:
        """Makes sure that the embedded server runs; False when the database is not an embedded one.

        A server of ours revives one that died under it, and leaves alone one that somebody has stopped.
        """
        server = self._target.embedded
        if server is None:
            return False
        if self._starting is None or self._starting.done():
            start = server.revive if self._serving and self._open else server.start
            self._starting = asyncio.ensure_future(asyncio.to_thread(start))
        await asyncio.wait_for(asyncio.shield(self._starting), at_most(self._settings.connect_timeout))
        return True

    async def _opened(self, kind: str) -> asyncpg.Pool:
        settings = self._settings
        is_text = kind == "text"
        cached = 0 if is_text or not settings.prepared_statements else 100
        return await asyncpg.create_pool(
            self._target.gateway_dsn,
            min_size=max(1, settings.pool_min // 2) if self._serving else 1,
            max_size=self.most,
            max_inactive_connection_lifetime=settings.pool_idle,
            connection_class=TextConnection if is_text else asyncpg.Connection,
            init=prepare_text_connection if is_text else prepare_own_connection,
            reset=_forget_everything if is_text else None,
            statement_cache_size=cached,
            timeout=settings.connect_timeout,
            command_timeout=None,
        )

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


async def _give_back(pool: asyncpg.Pool, connection: Any, transaction: Any) -> None:
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            # Rolled back, not committed: session settings that a query made are undone with it.
            if not connection.is_closed():
                await transaction.rollback()
    except TimeoutError:
        connection.terminate()
    finally:
        await pool.release(connection, timeout=RELEASE_SECONDS)


async def _forget_everything(connection: Any) -> None:
    """Leaves nothing of one caller's SQL to the next: prepared statements and roles survive the default reset."""
    await connection.execute("DISCARD ALL")
