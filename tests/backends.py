"""Backends that work on something, and one that hears nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager

from tests.small_data import Walls

PATIENCE = 20
"""Seconds after which a test gives up; nothing measures how fast something is."""


@contextmanager
def deaf(backend: int) -> Generator[None]:
    """Makes a backend hear neither timeout nor cancel, as `position` of two long texts does for hours."""
    os.kill(backend, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(backend, signal.SIGCONT)


async def until_busy(walls: Walls, mark: str) -> int:
    """Waits until a backend works on a statement that holds `mark`; returns its process."""
    for _ in range(PATIENCE * 20):
        if busy := await _busy(walls, mark):
            return busy[0]
        await asyncio.sleep(0.05)
    raise AssertionError("the statement never ran")


async def until_idle(walls: Walls, mark: str) -> None:
    """Waits until no backend works on one any more."""
    for _ in range(PATIENCE * 20):
        if not await _busy(walls, mark):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the backend is still busy")


async def _busy(walls: Walls, mark: str) -> list[int]:
    rows = await walls.as_superuser(
        "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()"
        " AND datname = current_database()",
        f"%{mark}%",
    )
    return [row[0] for row in rows]
