"""Reads that break for a passing reason are done again, within the request's deadline. What writes never is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from zava_cli.infra.deadline import Deadline, bounded
from zava_cli.infra.errors import DatabaseBusyError, DatabaseError
from zava_cli.infra.retrying import attempts
from zava_cli.infra.settings import Settings

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT, JITTER = 0.1, 1.0, 0.1
"""Seconds; a server that is restarted is back after one or two."""


async def retried(settings: Settings, read: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
    """What `read` returns. It may run several times, so nothing of an answer may leave it before its end.

    All attempts together have `seconds`, or else the setting `statement_timeout`.
    """
    with bounded(seconds or settings.statement_timeout) as deadline:
        try:
            return await read()
        except DatabaseError as error:
            if not _passes(error, deadline) or settings.read_attempts == 1:
                raise
            return await _again(settings.read_attempts, deadline, read, error)


async def _again(most: int, deadline: Deadline, read: Callable[[], Awaitable[T]], error: DatabaseError) -> T:
    """Goes on after a first attempt that failed."""
    first: list[DatabaseError] = [error]
    tries = attempts(lambda exc: _passes(exc, deadline), most, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=JITTER)
    async for attempt in tries:
        with attempt:
            if first:
                raise first.pop()
            return await read()
    raise error


def _passes(error: Exception, deadline: Deadline) -> bool:
    """Whether a read may succeed in a moment, and there is time for it. Who has waited for a place goes, though."""
    is_passing = isinstance(error, DatabaseError) and error.retry_after is not None
    return is_passing and not isinstance(error, DatabaseBusyError) and deadline.left() > LONGEST_WAIT
