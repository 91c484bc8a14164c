"""Tells a client how far long work is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastmcp import Context

from zava_cli.infra.progress import Progress

INTERVAL = 0.2
"""Seconds between two notifications; work reports far more often."""


@asynccontextmanager
async def progress_notifications(context: Context) -> AsyncGenerator[Progress]:
    """A Progress callable for the block; its newest call reaches the client from time to time and at the end."""
    reports = _Reports()
    sender = asyncio.create_task(reports.keep_sending(context))
    try:
        yield reports
        await reports.send(context)
    finally:
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender


class _Reports:
    """Turns stages that each start at 0 into one number that only grows, as the protocol wants it.

    Between two notifications the newest report of each stage is kept: a short stage is not left out.
    """

    def __init__(self) -> None:
        self._what = ""
        self._before = -1
        self._done = 0
        self._sent = -1
        self._unsent: dict[str, tuple[int, int | None]] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        if what != self._what:
            self._before += self._done + 1
            self._what, self._done = what, 0
        self._done = max(done, self._done)
        self._unsent[what] = (self._before + self._done, None if total is None else self._before + total)

    async def send(self, context: Context) -> None:
        unsent, self._unsent = self._unsent, {}
        for what, (progress, total) in unsent.items():
            if progress > self._sent:
                self._sent = progress
                await context.report_progress(progress, total, what)

    async def keep_sending(self, context: Context) -> None:
        while True:
            await self.send(context)
            await asyncio.sleep(INTERVAL)
