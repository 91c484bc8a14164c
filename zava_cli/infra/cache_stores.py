"""Where answers are kept: in this process within bounds, or sealed in Redis for as long as that answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cachetools import TLRUCache

from zava_cli.infra.log import logger
from zava_cli.infra.settings import Settings

if TYPE_CHECKING:
    from zava_cli.infra.cache_redis import SealedRedis

ENTRY_BYTES = 1_000
"""About what an entry takes beside its text."""
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it did not answer; one caller then tries again."""


@dataclass(frozen=True)
class Place:
    """Where one answer lies: a name that tells nothing, and the key that seals it outside of this process."""

    name: str
    key: bytes = field(repr=False)


@dataclass
class CacheStatistics:
    """What became of requests to the cache since it was made, and what it holds in this process now."""

    hits: int = 0
    shared: int = 0
    """Answers that somebody else was waiting for already."""
    misses: int = 0
    bypassed: int = 0
    """Requests that wanted a fresh answer."""
    errors: int = 0
    """Times that Redis failed or returned what it was not given."""
    evictions: int = 0
    """Answers that went before their time, for want of room."""
    entries: int = 0
    bytes: int = 0


class AnswerStore:
    """Redis while it answers, this process's memory otherwise."""

    def __init__(self, settings: Settings, statistics: CacheStatistics) -> None:
        self._statistics = statistics
        self._memory = MemoryStore(settings.cache_bytes, settings.cache_entries, statistics)
        self._redis = _redis(settings)
        self._paused_until = 0.0
        self.trouble: str | None = None
        """Why Redis was not used the last time that it was tried; None where it was, or where none is set."""

    async def read(self, place: Place) -> dict[str, Any] | None:
        """What was kept there; nothing when it is gone, too old or not what was put there."""
        if (redis := self._available()) is not None:
            with self._watched():
                return await redis.read(place)
        return self._memory.read(place.name)

    async def write(self, place: Place, kept: dict[str, Any], seconds: float) -> None:
        """Keeps something for a number of seconds."""
        if (redis := self._available()) is not None:
            with self._watched():
                return await redis.write(place, kept, seconds)
        return self._memory.write(place.name, kept, seconds)

    async def is_shared(self) -> bool | None:
        """Whether Redis answers at this moment; None where none is set."""
        if self._redis is None:
            return None
        with self._watched():
            await self._redis.probe()
        return self.trouble is None

    async def aclose(self) -> None:
        """Closes connections."""
        if self._redis is not None:
            await self._redis.aclose()

    def _available(self) -> SealedRedis | None:
        if self._redis is None or time.monotonic() < self._paused_until:
            return None
        if self.trouble is not None:
            # Whoever comes while this one tries does not wait as well.
            self._paused_until = time.monotonic() + PAUSE_SECONDS
        return self._redis

    @contextmanager
    def _watched(self) -> Generator[None]:
        """Goes on behind the block when Redis fails in it, and remembers that."""
        from zava_cli.infra.cache_redis import AlteredError, AwayError

        try:
            yield
        except AlteredError:
            self._statistics.errors += 1
            logger().warning("an answer in Redis is not what was put there")
        except AwayError as exc:
            self._statistics.errors += 1
            if self.trouble is None:
                logger().warning("answers are kept in memory and not in Redis", reason=str(exc))
            self.trouble, self._paused_until = str(exc), time.monotonic() + PAUSE_SECONDS
            return
        if self.trouble is not None:
            logger().warning("Redis answers again")
        self.trouble, self._paused_until = None, 0.0


class MemoryStore:
    """At most so many bytes and entries; what was not asked for longest goes first.

    The library's own is bounded in entries alone, and takes a fifth of a server's start to import.
    """

    def __init__(self, most_bytes: int, most_entries: int, statistics: CacheStatistics) -> None:
        self._most_entries = most_entries
        self._statistics = statistics
        self._kept = _Kept(most_bytes, statistics)

    def read(self, name: str) -> dict[str, Any] | None:
        """What was kept under that name and is not over."""
        entry = self._kept.get(name)
        self._count()
        return None if entry is None else entry.kept

    def write(self, name: str, kept: dict[str, Any], seconds: float) -> None:
        """Keeps something for a number of seconds."""
        self._kept[name] = _Entry(kept, time.monotonic() + seconds)
        while len(self._kept) > self._most_entries:
            self._kept.popitem()
        self._count()

    def _count(self) -> None:
        self._statistics.entries, self._statistics.bytes = len(self._kept), int(self._kept.currsize)


@dataclass(frozen=True)
class _Entry:
    """Something and when it is over, on the monotonic clock."""

    kept: dict[str, Any]
    until: float


class _Kept(TLRUCache[str, _Entry]):
    """Counts what it throws out."""

    def __init__(self, most_bytes: int, statistics: CacheStatistics) -> None:
        super().__init__(most_bytes, ttu=_until, getsizeof=_size)
        self._statistics = statistics

    def popitem(self) -> tuple[str, _Entry]:
        self._statistics.evictions += 1
        return super().popitem()


def _until(_name: str, entry: _Entry, _now: float) -> float:
    return entry.until


def _size(entry: _Entry) -> int:
    return ENTRY_BYTES + sum(map(sys.getsizeof, entry.kept.values()))


def _redis(settings: Settings) -> SealedRedis | None:
    if settings.redis_url is None:
        return None
    from zava_cli.infra.cache_redis import SealedRedis

    return SealedRedis(settings.redis_url.get_secret_value())
