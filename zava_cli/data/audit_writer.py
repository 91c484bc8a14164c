"""Writes a server's audit records behind its answers."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self

import asyncpg

from zava_cli.data.audit import BATCH_BYTES, BATCH_RECORDS, UNWRITABLE, append, as_line, connect_gateway, replay
from zava_cli.data.audit_backlog import Backlog
from zava_cli.data.target import Target
from zava_cli.infra.log import logger
from zava_cli.infra.operations import OperationRecord

INTERVAL = 0.4
CONFIRMATION = 0.4
"""Seconds that records wait for company, and then for the database before a file gets them as well."""
WRITE_SECONDS = 30.0
RETRY_SECONDS = 5.0
MOST_RECORDS = 10_000
MOST_BYTES = 32 << 20


class AuditWriter:
    """Takes records without waiting and writes them in batches, on a connection of its own.

    A process that is killed loses the records of at most its last second: by then they are in the database or,
    when that is away or slow, in the backlog. A queue beyond its bounds is put into the backlog at once.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._keeps_sql = target.settings.audit_sql == "full"
        self._backlog = Backlog(target)
        self._queue: deque[str] = deque()
        self._bytes = 0
        self._begin()

    def _begin(self) -> None:
        """What belongs to one event loop; a server may be entered again in another one."""
        self._something = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self._attempt: asyncio.Task[bool] | None = None
        self._connection: asyncpg.Connection | None = None

    def add(self, record: OperationRecord) -> None:
        """Takes a record; the caller goes on at once."""
        line = as_line(record, keeps_sql=self._keeps_sql)
        self._queue.append(line)
        self._bytes += len(line)
        if len(self._queue) > MOST_RECORDS or self._bytes > MOST_BYTES:
            self._backlog.add(self._take())
        elif len(self._queue) > BATCH_RECORDS or self._bytes > BATCH_BYTES:
            self._hurry.set()
        self._something.set()

    def waiting(self) -> tuple[int, int]:
        """Records that wait in memory, and bytes that wait in the backlog."""
        return len(self._queue), self._backlog.size()

    async def __aenter__(self) -> Self:
        self._begin()
        if self._queue:
            self._something.set()
        self._task = asyncio.create_task(self._keep_writing())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Writes what is left, within a second."""
        self._is_closing = True
        self._something.set()
        self._hurry.set()
        try:
            if self._task is not None:
                await self._task
        finally:
            self._backlog.add(self._take())
            if self._attempt is not None and not self._attempt.done():
                self._attempt.cancel()
                self._disconnect()
            if self._connection is not None:
                with suppress(*UNWRITABLE):
                    await self._connection.close(timeout=1)

    async def _keep_writing(self) -> None:
        while not (self._is_closing and not self._queue):
            await _heard(self._something, RETRY_SECONDS if self._backlog.waits() else None)
            await _heard(self._hurry, INTERVAL)
            self._something.clear()
            if not self._is_closing:
                self._hurry.clear()
            await self._flush()

    async def _flush(self) -> None:
        lines = self._take()
        if not lines and not self._backlog.waits():
            return
        try:
            if self._attempt is None or self._attempt.done():
                self._attempt = asyncio.create_task(self._write(lines))
                await asyncio.wait({self._attempt}, timeout=CONFIRMATION)
                if self._attempt.done() and self._attempt.result():
                    return
            await asyncio.to_thread(self._backlog.add, lines)
        except asyncio.CancelledError:
            self._backlog.add(lines)
            raise

    def _take(self) -> list[str]:
        lines = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return lines

    async def _write(self, lines: list[str]) -> bool:
        """Whether the database has the records; the backlog follows them."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect_gateway(self._target)
                await append(self._connection, lines)
                await replay(self._connection, self._backlog)
        except UNWRITABLE as exc:
            logger().info("audit records wait", records=len(lines), reason=type(exc).__name__)
            self._disconnect()
            return False
        return True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def _heard(event: asyncio.Event, seconds: float | None) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
