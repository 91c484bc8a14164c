"""How much of a pool one manager may hold, so that whoever asks much leaves something for the others."""

from __future__ import annotations

import asyncio
from uuid import UUID
from weakref import WeakValueDictionary

from zava_cli.infra.deadline import Deadline
from zava_cli.infra.errors import ShareBusyError
from zava_cli.infra.operations import waiting


class Shares:
    """Counts each manager's transactions in one pool, among them those that the server has not ended yet."""

    def __init__(self, most: int) -> None:
        self._most = most
        # A manager who holds nothing and waits for nothing is forgotten.
        self._held: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    async def take(self, manager_id: UUID, turn: Deadline) -> asyncio.Semaphore:
        """A place, to be released; ShareBusyError when the manager's own earlier requests keep all of theirs."""
        held = self._held.get(manager_id)
        if held is None:
            held = self._held[manager_id] = asyncio.Semaphore(self._most)
        if held.locked():
            await _wait_for(held, turn)
        else:
            await held.acquire()
        return held


async def _wait_for(held: asyncio.Semaphore, turn: Deadline) -> None:
    try:
        with waiting():
            await asyncio.wait_for(held.acquire(), turn.left())
    except TimeoutError:
        raise ShareBusyError(
            "Your own earlier requests keep all connections busy that one manager may have.",
            hint="Wait until one of them has ended, then try again.",
        ) from None
