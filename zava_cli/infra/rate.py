"""How often somebody may ask: the generic cell rate algorithm (ITU-T I.371, "virtual scheduling").

All that is kept of a name is the moment, by the monotonic clock, at which its bucket will be full again. Among
very many names whoever has not asked for the longest time is forgotten, and begins with a full one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from cachetools import LRUCache

MOST_NAMES = 10_000


@dataclass(frozen=True)
class Rate:
    """`per_second` requests for each name, and `burst` of them at once."""

    per_second: float
    burst: int

    def full_after(self, full_at: float, now: float) -> float | None:
        """When the bucket will be full again once a request is taken out of it now; None when it is empty."""
        full_at = max(full_at, now)
        return None if full_at - now > (self.burst - 1) / self.per_second else full_at + 1 / self.per_second


class OwnRate:
    """The rate of those who ask this process."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at: LRUCache[str, float] = LRUCache(MOST_NAMES)

    def may_ask(self, name: str) -> bool:
        """Whether there is room for one more request under that name, which is taken then."""
        full_at = self._rate.full_after(self._full_at.get(name, 0.0), time.monotonic())
        if full_at is None:
            return False
        self._full_at[name] = full_at
        return True
