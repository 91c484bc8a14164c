"""When the next request to a service may start: not too often, and not while the service wants to be left alone."""

from __future__ import annotations

import asyncio


class Pace:
    """One clock for all requests to a service, in seconds of the running loop; `rate` is requests a minute."""

    def __init__(self, rate: float | None) -> None:
        self._interval = 0.0 if rate is None else 60 / rate
        self._next_start = 0.0
        self._held_until = 0.0

    def hold(self, seconds: float) -> None:
        """Keeps every request waiting for so long, because the service told one of them to."""
        self._held_until = max(self._held_until, _now() + seconds)

    def held_for(self) -> float:
        """Seconds until a request may start again; 0 when one may."""
        return max(0.0, self._held_until - _now())

    async def turn(self) -> None:
        """Returns when it is this request's turn."""
        while True:
            now = _now()
            start = max(now, self._next_start, self._held_until)
            self._next_start = start + self._interval
            await asyncio.sleep(start - now)
            # Somebody else may have been told to wait meanwhile.
            if not self.held_for():
                return


def _now() -> float:
    return asyncio.get_running_loop().time()
