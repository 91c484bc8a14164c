"""A connection that is lent for one transaction, and taken back behind the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import asyncpg

AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)
BROKEN = (
    *AWAY,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

RELEASE_SECONDS = 10.0
"""By then a connection that does not answer is given up: the server may be gone without a word."""
LOOK_AGAIN_SECONDS = 1.0
"""Between two looks at a backend that does not end."""


@dataclass
class Lent:
    """A connection in its transaction, unless that ended with what it `opened` with, and for no longer than the block.

    `place` is the caller's share of the pool. Behind an error it is kept until the server has done with the connection,
    for some functions of PostgreSQL heed neither a cancel nor a caller who is gone, for hours. Behind a pooler, which
    makes the backend's number up, it is kept for as long as the connection takes to end.
    """

    pool: asyncpg.Pool
    connection: Any
    backend: int
    place: asyncio.Semaphore | None
    later: Callable[[Coroutine[Any, Any, None]], None]
    may_work: Callable[[int], Awaitable[bool]]
    opened: Any = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(failed=kind is not None)

    def end(self, *, failed: bool) -> None:
        """Has the transaction ended behind the answer."""
        if self.place is None or not failed:
            if self.place is not None:
                self.place.release()
            self.later(self._give_back())
        else:
            self.later(self._give_back_with(self.place))

    async def _give_back_with(self, place: asyncio.Semaphore) -> None:
        try:
            with suppress(*BROKEN):
                await self._give_back()
                return
            while await self.may_work(self.backend):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
        finally:
            place.release()

    async def _give_back(self) -> None:
        try:
            await self.connection.end(RELEASE_SECONDS)
        except BaseException:
            # Nobody else may have a connection that still holds something.
            self.connection.terminate()
            raise
        finally:
            await self.pool.release(self.connection, timeout=RELEASE_SECONDS)
