"""Answers kept for a while, so that who asks the same again need not wait, and at once is asked only once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from zava_cli.infra.cache_stores import AnswerStore, CacheStatistics, Place
from zava_cli.infra.settings import Settings

CLOCK_SECONDS = 2.0
"""How far the clocks of servers that share answers may be apart; one that comes from further ahead is not taken."""
LARGEST_SHARE = 8
"""No answer takes more than this part of the room: one of a few would push out all others."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered with; `made_at`, in seconds since 1970, is from when its rows are, at the latest.

    `state` is what it depends on: it goes to nobody later for whom that is another. One that is not `lasting` goes
    to whoever waits for it and to nobody later.
    """

    text: str
    row_count: int | None
    made_at: float = field(default_factory=time.time)
    lasting: bool = True
    state: str | None = None

    @property
    def age(self) -> float:
        """Seconds since then, by this machine's clock."""
        return time.time() - self.made_at


MakeAnswer = Callable[[], Awaitable[Answer]]
HasState = Callable[[str | None], Awaitable[bool]]
"""Whether that is, at this moment, what the answer would depend on."""


class QueryCache:
    """Keeps answers in this process, or in Redis where the settings name one and it answers.

    It knows nothing of what it keeps: a place says under which name an answer lies and what it is sealed with.
    As an async context manager it lets go of connections.
    """

    def __init__(self, settings: Settings) -> None:
        self.seconds = settings.cache_seconds
        self.statistics = CacheStatistics()
        self._most_characters = settings.cache_bytes // LARGEST_SHARE
        self._store = AnswerStore(settings, self.statistics)
        self._flights: dict[str, _Flight] = {}

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return self.seconds > 0

    async def answer(
        self, place: Place, make: MakeAnswer, has_state: HasState, max_age: float | None = None
    ) -> tuple[Answer, bool]:
        """An answer no older than `max_age` and the setting allow, and whether it was there already.

        Of several who want the same at once one makes it. When that one fails, each of the others tries for
        itself; when it leaves, or its answer is not what another would get, one of them takes its place.
        """
        oldest = self.seconds if max_age is None else min(max_age, self.seconds)
        if oldest <= 0:
            self.statistics.bypassed += 1
            return await self._lead(place, make), False
        answer = _answer(await self._store.read(place))
        if answer is not None and -CLOCK_SECONDS <= answer.age <= oldest and await has_state(answer.state):
            self.statistics.hits += 1
            return answer, True
        while (flight := self._flights.get(place.name)) is not None and flight.age <= oldest:
            await flight.is_over.wait()
            if flight.answer is not None and await has_state(flight.answer.state):
                self.statistics.shared += 1
                return flight.answer, True
            if flight.has_failed:
                self.statistics.misses += 1
                return await make(), False
        self.statistics.misses += 1
        return await self._lead(place, make), False

    @property
    def trouble(self) -> str | None:
        """Why Redis was not used the last time that it was tried; None where it was, or where none is set."""
        return self._store.trouble

    async def is_shared(self) -> bool | None:
        """Whether Redis answers at this moment; None where none is set."""
        return await self._store.is_shared()

    async def _lead(self, place: Place, make: MakeAnswer) -> Answer:
        flight = self._flights[place.name] = _Flight()
        try:
            flight.answer = answer = await make()
        except Exception:
            flight.has_failed = True
            raise
        finally:
            if self._flights.get(place.name) is flight:
                del self._flights[place.name]
            flight.is_over.set()
        left = self.seconds - answer.age
        if answer.lasting and left > 0 and len(answer.text) <= self._most_characters:
            kept = {name: getattr(answer, name) for name in ("text", "row_count", "made_at", "state")}
            await self._store.write(place, kept, left)
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.aclose()


@dataclass
class _Flight:
    """An answer that is being made."""

    started: float = field(default_factory=time.monotonic)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Answer | None = None
    has_failed: bool = False

    @property
    def age(self) -> float:
        """Seconds that its rows may be old."""
        return time.monotonic() - self.started


def _answer(kept: dict[str, Any] | None) -> Answer | None:
    return None if kept is None else Answer(**kept)
