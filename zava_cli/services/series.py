"""How long one kind of work takes: counted in bounded memory, and added up over processes without loss."""

from __future__ import annotations

import math
from typing import Any

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import CollapsingLowestDenseStore, DenseStore

ACCURACY = 0.01
MOST_BINS = 1_024
"""Enough for times that differ by a factor of 800 million; beyond that the shortest become one."""
_MAPPING = LogarithmicMapping(ACCURACY)


class Series:
    """Times at work of what was answered, how often something else happened, and how long all of it waited."""

    def __init__(self) -> None:
        self.failed = 0
        self.slow = 0
        self.rows = 0
        self.seconds = 0.0
        self._waited = 0.0
        self._longest_wait = 0.0
        self._least = float("inf")
        self._most = 0.0
        self._bins = CollapsingLowestDenseStore(MOST_BINS)
        self._sketch = BaseDDSketch(_MAPPING, self._bins, DenseStore(), 0.0)

    def add(self, seconds: float, rows: int) -> None:
        """Something was answered."""
        self.rows += rows
        self.seconds += seconds
        self._least, self._most = min(self._least, seconds), max(self._most, seconds)
        self._sketch.add(seconds)

    def waited(self, seconds: float) -> None:
        """Something, answered or not, had to wait first."""
        self._waited += seconds
        self._longest_wait = max(self._longest_wait, seconds)

    def exported(self) -> dict[str, Any]:
        """What `absorb` takes in another process."""
        first = self._bins.offset
        return {
            "numbers": [self.failed, self.slow, self.rows, self.seconds],
            "waited": [self._waited, self._longest_wait],
            "range": [self._least, self._most] if self._bins.count else [],
            "bins": [(_MAPPING.value(first + place), n) for place, n in enumerate(self._bins.bins) if n],
        }

    def absorb(self, exported: dict[str, Any]) -> None:
        """Adds what another process has exported."""
        failed, slow, rows, seconds = exported["numbers"]
        self.failed, self.slow, self.rows = self.failed + failed, self.slow + slow, self.rows + rows
        self.seconds += seconds
        waited, longest = exported["waited"]
        self._waited, self._longest_wait = self._waited + waited, max(self._longest_wait, longest)
        self._least = min([self._least, *exported["range"]])
        self._most = max([self._most, *exported["range"]])
        for value, weight in exported["bins"]:
            self._sketch.add(value, weight)

    def performance(self) -> dict[str, Any]:
        """The fields of a Performance."""
        count = round(self._sketch.count)
        counted: dict[str, Any] = {"count": count, "failed": self.failed, "slow": self.slow, "rows": self.rows}
        if asked := count + self.failed:
            counted |= {"waited": round(self._waited / asked, 6), "waited_max": round(self._longest_wait, 6)}
        if count == 0:
            return counted
        quantiles = {name: self._quantile(part) for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
        times = quantiles | {"avg": self.seconds / count, "min": self._least, "max": self._most}
        return counted | {name: round(seconds, 6) for name, seconds in times.items()}

    def _quantile(self, part: float) -> float:
        """Nearest rank: the time that so large a part took at most, never beyond what was seen.

        The sketch by itself takes the rank below, which of two times calls the shorter one the 99th percentile.
        """
        last = round(self._sketch.count) - 1
        place = math.ceil(part * (last + 1)) - 1
        # Half a place further, so that no rounding leads to the place before.
        value = self._sketch.get_quantile_value(min(1.0, (place + 0.5) / last) if last else 1.0)
        # The middle of a bin may be beyond.
        return min(max(value or 0.0, self._least), self._most)
