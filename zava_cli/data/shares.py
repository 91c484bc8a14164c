"""How much of a pool one manager may hold, so that whoever asks much leaves something for the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from zava_cli.infra.deadline import at_most
from zava_cli.infra.errors import RateLimitedError
from zava_cli.infra.operations import waiting


class Shares:
    """Counts each manager's transactions in one pool; `most` None means that there is nobody to share with."""

    def __init__(self, most: int | None, wait: float) -> None:
        self._most = most
        self._wait = wait
        # A manager who holds nothing and waits for nothing is forgotten.
        self._held: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, manager_id: UUID) -> AsyncGenerator[None]:
        """A place for the block; RateLimitedError when the manager's own earlier requests keep all of theirs."""
        if self._most is None:
            yield
            return
        held = self._held.get(manager_id)
        if held is None:
            held = self._held[manager_id] = asyncio.Semaphore(self._most)
        if held.locked():
            await self._wait_for(held)
        else:
            await held.acquire()
        try:
            yield
        finally:
            held.release()

    async def _wait_for(self, held: asyncio.Semaphore) -> None:
        try:
            with waiting():
                await asyncio.wait_for(held.acquire(), at_most(self._wait))
        except TimeoutError:
            raise RateLimitedError from None
