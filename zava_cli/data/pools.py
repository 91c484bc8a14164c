"""The pools of connections: opened on first use, bounded in what they wait for, and given back behind the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import Context
from functools import partial
from typing import Any

import asyncpg

from zava_cli.data.connections import (
    BEGIN,
    OwnConnection,
    PoolUse,
    TextConnection,
    prepare_own_connection,
    prepare_text_connection,
)
from zava_cli.data.driver_errors import is_misuse, translated
from zava_cli.data.lent import AWAY, BROKEN, RELEASE_SECONDS, Lent
from zava_cli.data.named_sql import named_sql
from zava_cli.data.statement_spans import SYSTEM
from zava_cli.data.target import Target
from zava_cli.infra.deadline import Deadline, at_most
from zava_cli.infra.errors import DatabaseBusyError, DatabaseUnavailableError, MCPError, QueryTimeoutError
from zava_cli.infra.operations import current_operation, waiting
from zava_cli.infra.tracing import span

KNOCK_SECONDS = 0.1
"""A server that could not be reached is left alone for so long, however many ask for it."""
_FEW = {"gateway": 2, "health": 1}
"""Connections beside those of pool_max: each token, name and look is one short statement."""

Begin = Callable[[Any], Awaitable[Any]]
"""Begins the transaction of a connection; returns what that opened with."""


class Pools:
    """One pool for zava's `own` statements and one for the `text` of users, as the gateway login.

    A server has small ones beside them, `gateway` for tokens and names, which never wait for a manager's work, and
    `health`, which waits for nobody and also looks at backends that work on for callers who are gone.
    """

    def __init__(self, target: Target, *, serving: bool) -> None:
        self._gateway = "gateway" if serving else "own"
        self.most = max(1, target.settings.pool_max // 2) if serving else 1
        self._target = target
        self._settings = target.settings
        self._serving = serving
        self._open: dict[str, asyncpg.Pool] = {}
        self._opening = asyncio.Lock()
        self._releases: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Future[bool] | None = None
        self._is_away_until = 0.0

    def use(self) -> dict[str, PoolUse]:
        """How full each open pool is."""
        return {kind: PoolUse.of(pool) for kind, pool in self._open.items()}

    @asynccontextmanager
    async def open_connection(self) -> AsyncGenerator[asyncpg.Connection]:
        """A connection for zava's own statements outside of any transaction, if a pool is open; opens none."""
        pool = self._open.get("own")
        if pool is None:
            raise DatabaseUnavailableError("There is no open connection.")
        async with pool.acquire(timeout=self._settings.connect_timeout) as connection:
            yield connection  # pyright: ignore[reportReturnType]

    async def lend(
        self, kind: str, begin: Begin, turn: Deadline | None = None, place: asyncio.Semaphore | None = None
    ) -> Lent:
        """A connection in the transaction that `begin` begins.

        The caller's `place` goes with it, and is released here where there is none; `turn` is from `turn()`, for who
        has waited before.
        """
        with translated(holds=True):
            try:
                pool, connection = await self._acquire(kind, turn or Deadline(self._settings.pool_wait))
            except BaseException:
                if place is not None:
                    place.release()
                raise
            lent = Lent(pool, connection, connection.get_server_pid(), place, self._later, self._may_work)
            try:
                lent.opened = await self._begin(pool, connection, begin)
            except BaseException:
                lent.end(failed=True)
                raise
            return lent

    def turn(self) -> Deadline:
        """Until when a request waits for others to be done, from now on.

        A server's request waits no longer in all, however many connections it needs one after the other.
        """
        waited = current_operation().waited if self._serving else 0
        return Deadline(max(0, self._settings.pool_wait - waited))

    def gateway(self) -> AbstractAsyncContextManager[Any]:
        """A connection for the login's own statements, which need no transaction around them."""
        return self.single_statements(self._gateway)

    def health(self) -> AbstractAsyncContextManager[Any]:
        """The connection that asks whether the database answers, however many tokens wait to be looked up."""
        return self.single_statements("health" if self._serving else self._gateway)

    @asynccontextmanager
    async def single_statements(self, kind: str, turn: Deadline | None = None) -> AsyncGenerator[Any]:
        """A connection for statements that are each a transaction by themselves; `turn` as for `lend`."""
        if not self._settings.prepared_statements:
            # A pooler may give the two halves of such a statement to different servers.
            lent = await self.lend(kind, self._begin_plainly, turn)
            with translated(holds=True), lent:
                yield lent.connection
            return
        with translated(holds=True):
            pool, connection = await self._acquire(kind, turn or Deadline(self._settings.pool_wait))
            try:
                yield connection
            except (*BROKEN, DatabaseUnavailableError, QueryTimeoutError) as error:
                # These statements take no time: one that runs past its own has not been heard.
                await self._expire(pool, connection)
                if is_misuse(error, holds=True):
                    raise
                raise DatabaseUnavailableError(
                    "PostgreSQL does not answer.", hint="Try again; `zava health` tells more."
                ) from error
            finally:
                self._later(pool.release(connection, timeout=RELEASE_SECONDS))

    async def close(self) -> None:
        """Closes every pool, also when one of them fails to."""
        if self._releases:
            _, unfinished = await asyncio.wait(self._releases, timeout=self._settings.serve_grace)
            for release in unfinished:
                release.cancel()
        pools, self._open = list(self._open.values()), {}
        for pool in pools:
            try:
                await asyncio.wait_for(pool.close(), self._settings.serve_grace)
            except (TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError, OSError):
                pool.terminate()

    async def _begin_plainly(self, connection: Any) -> None:
        await connection.execute(BEGIN, timeout=at_most(self._settings.connect_timeout))

    async def _begin(self, pool: asyncpg.Pool, connection: Any, begin: Begin) -> Any:
        try:
            return await begin(connection)
        except BROKEN:
            await self._expire(pool, connection)
            raise

    async def _expire(self, pool: asyncpg.Pool, connection: Any) -> None:
        # It died unnoticed, and so did those that are as old: they must not cost an error each.
        with suppress(asyncpg.InterfaceError):
            # The pool may have let go of it already.
            connection.terminate()
        await pool.expire_connections()

    async def _acquire(self, kind: str, turn: Deadline) -> tuple[asyncpg.Pool, Any]:
        with span("wait for a connection", {**SYSTEM, "db.client.connection.pool.name": kind}):
            return await self._waited_for(kind, turn)

    async def _waited_for(self, kind: str, turn: Deadline) -> tuple[asyncpg.Pool, Any]:
        self._check_not_away()
        try:
            pool = self._open.get(kind) or await self._pool(kind)
            try:
                return pool, await self._acquire_from(pool, turn)
            except AWAY:
                # The server died after the pool was opened.
                if not await self._start_embedded():
                    raise
                return pool, await self._acquire_from(pool, turn)
        except AWAY:
            self._is_away_until = time.monotonic() + KNOCK_SECONDS
            raise

    async def _acquire_from(self, pool: asyncpg.Pool, turn: Deadline) -> Any:
        # Where the pool's queue holds one, only the server is waited for. It nearly keeps the order: who comes while
        # another is being woken goes first.
        is_free = not pool._queue.empty()  # pyright: ignore
        wait = at_most(self._settings.connect_timeout) if is_free else turn.left()
        try:
            with waiting():
                async with asyncio.timeout(wait):
                    return await pool.acquire()
        except TimeoutError:
            if pool.get_size() < pool.get_max_size():
                # There was room for one more: it is the server that did not answer.
                raise
            raise DatabaseBusyError(
                "All connections are busy with everybody's requests.", hint="Try again in a second."
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
                except AWAY:
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
            start = server.revive if self._serving and self._open else server.wake
            self._starting = asyncio.ensure_future(asyncio.to_thread(start))
        await asyncio.wait_for(asyncio.shield(self._starting), at_most(self._settings.connect_timeout))
        return True

    async def _opened(self, kind: str) -> asyncpg.Pool:
        settings = self._settings
        is_text = kind == "text"
        most = _FEW.get(kind, self.most)
        cached = 0 if is_text or not settings.prepared_statements else 100
        return await asyncpg.create_pool(
            self._target.gateway_dsn,
            min_size=min(most, max(1, settings.pool_min // 2)) if self._serving else 1,
            max_size=most,
            max_inactive_connection_lifetime=settings.pool_idle,
            connection_class=TextConnection if is_text else OwnConnection,
            init=partial(
                prepare_text_connection if is_text else prepare_own_connection,
                keeps_statements=kind in {"text", "own"} and self._serving and settings.prepared_statements,
            ),
            statement_cache_size=cached,
            timeout=settings.connect_timeout,
            command_timeout=None,
        )

    async def _may_work(self, backend: int) -> bool:
        try:
            async with self.health() as connection:
                limit = at_most(self._settings.connect_timeout)
                return await connection.fetchval(named_sql("session")["is_at_work"], backend, timeout=limit)
        except DatabaseBusyError:
            return True
        except MCPError:
            # Who cannot be asked has no more connections to give.
            return False

    def _later(self, release: Coroutine[Any, Any, None]) -> None:
        """Gives a connection back after the answer has gone out, not before, and also when the caller was cancelled."""
        # The deadline of the request is none of this.
        task = asyncio.get_running_loop().create_task(release, context=Context())
        self._releases.add(task)
        task.add_done_callback(self._released)

    def _released(self, task: asyncio.Task[None]) -> None:
        self._releases.discard(task)
        if not task.cancelled():
            # A connection that broke meanwhile is dropped by the pool; there is nothing to tell anybody.
            task.exception()
