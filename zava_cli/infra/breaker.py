"""Leaves a service alone that keeps failing, so that nobody waits for it, and lets one caller at a time try again."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager


class CircuitBreaker:
    """Opens after `failures` in a row of the type `counts`; after `pause` seconds one attempt decides.

    The libraries for this let everybody through once the pause is over, and take a caller who leaves for a success.
    """

    def __init__(self, counts: type[Exception], *, failures: int = 5, pause: float = 30.0) -> None:
        self._counts = counts
        self._most = failures
        self._pause = pause
        self._failures = 0
        self._open_until = 0.0

    def seconds_left(self) -> float:
        """For how long nobody may try; 0 when one may."""
        return max(0.0, self._open_until - time.monotonic())

    @contextmanager
    def attempt(self) -> Generator[None]:
        """Watches a block that tries."""
        if self._failures >= self._most:
            # The others wait for the outcome of this one.
            self._open()
        try:
            yield
        except self._counts:
            self.failed()
            raise
        except Exception:
            # It answers; what it says is not for here.
            self._close()
            raise
        except BaseException:
            # The caller left and nothing was learnt: the next one may try.
            self._open_until = 0.0
            raise
        else:
            self._close()

    def failed(self) -> None:
        """Counts an attempt that was given up from outside."""
        self._failures += 1
        if self._failures >= self._most:
            self._open()

    def _open(self) -> None:
        self._open_until = time.monotonic() + self._pause

    def _close(self) -> None:
        self._failures = 0
        self._open_until = 0.0
