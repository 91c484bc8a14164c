"""The one deadline of a request: whatever waits on its behalf asks here how long it still may."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_around: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """Some seconds from now, or the end of the request that it is a part of, whichever comes first."""

    def __init__(self, seconds: float) -> None:
        around = _around.get()
        own = time.monotonic() + seconds
        self._end = own if around is None else min(own, around._end)

    def left(self) -> float:
        """Seconds until then, never less than 0."""
        return max(0.0, self._end - time.monotonic())


@contextmanager
def bounded(seconds: float) -> Generator[Deadline]:
    """Makes the block a request, or a part of the one around it, that ends after so many seconds."""
    deadline = Deadline(seconds)
    token = _around.set(deadline)
    try:
        yield deadline
    finally:
        _around.reset(token)


def at_most(seconds: float) -> float:
    """How long to wait for something that may take so many seconds: less where the request ends before."""
    return Deadline(seconds).left()
