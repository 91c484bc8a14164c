"""Answers that are kept in memory: for how long, how many, and one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from zava_cli.infra.cache import Answer, MakeAnswer, QueryCache
from zava_cli.infra.cache_stores import Place
from zava_cli.infra.settings import Settings


def cache_of(**settings: Any) -> QueryCache:
    return QueryCache(Settings.model_validate(settings))


def place(name: str = "a") -> Place:
    return Place(name, b"k" * 32)


class Kitchen:
    """Makes answers, numbered, once it is let; `fails` at those of these numbers."""

    def __init__(self, *fails: int) -> None:
        self.made = 0
        self.open = asyncio.Event()
        self._fails = fails

    async def make(self) -> Answer:
        self.made += 1
        number = self.made
        started = Answer("", None)
        await self.open.wait()
        if number in self._fails:
            raise RuntimeError(str(number))
        return Answer(f"answer {number}", number, started.made_at)


def at_once(text: str = "x", **fields: Any) -> MakeAnswer:
    async def make() -> Answer:
        return Answer(text, 1, **fields)

    return make


async def same(_state: str | None) -> bool:
    return True


async def never() -> Answer:
    raise AssertionError("nobody should have been asked")


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110  # it happens in a task of this very loop
        await asyncio.sleep(0)


async def test_an_answer_is_given_again_and_counted() -> None:
    cache = cache_of()
    assert (await cache.answer(place(), at_once("x"), same))[1] is False
    answer, was_there = await cache.answer(place(), never, same)
    assert (answer.text, answer.row_count, was_there) == ("x", 1, True)
    counted = cache.statistics
    assert (counted.hits, counted.misses, counted.entries) == (1, 1, 1)


async def test_an_answer_older_than_the_setting_or_the_caller_allows_is_made_again() -> None:
    cache = cache_of(cache_seconds=100)
    old = Answer("", None).made_at - 50
    await cache.answer(place(), at_once("old", made_at=old), same)
    assert (await cache.answer(place(), never, same, max_age=60))[0].text == "old"
    assert (await cache.answer(place(), at_once("new"), same, max_age=40))[0].text == "new"
    await cache.answer(place("b"), at_once("too old", made_at=old - 51), same)
    assert (await cache.answer(place("b"), at_once("new"), same, max_age=1_000))[0].text == "new"


async def test_an_answer_from_the_future_is_not_taken() -> None:
    cache = cache_of()
    await cache.answer(place(), at_once("tomorrow's", made_at=Answer("", None).made_at + 60), same)
    assert (await cache.answer(place(), at_once("today's"), same))[0].text == "today's"


async def test_whoever_wants_it_fresh_asks_and_leaves_it_for_the_others() -> None:
    cache = cache_of()
    await cache.answer(place(), at_once("1"), same)
    assert (await cache.answer(place(), at_once("2"), same, max_age=0))[1] is False
    assert (await cache.answer(place(), never, same))[0].text == "2"
    assert cache.statistics.bypassed == 1


async def test_only_an_answer_that_is_there_costs_a_question_about_the_state() -> None:
    cache, asked = cache_of(), list[str | None]()

    async def is_new(state: str | None) -> bool:
        asked.append(state)
        return state == "new"

    await cache.answer(place(), at_once("1", state="old"), is_new)
    assert asked == []
    assert (await cache.answer(place(), at_once("2", state="new"), is_new))[0].text == "2"
    assert (await cache.answer(place(), never, is_new))[0].text == "2"
    assert asked == ["old", "new"]


async def test_who_waited_for_an_answer_that_depends_on_something_else_makes_it_anew_once() -> None:
    cache, kitchen = cache_of(), Kitchen()

    async def is_new(state: str | None) -> bool:
        return state == "new"

    async def make() -> Answer:
        answer = await kitchen.make()
        await asyncio.sleep(0)
        return replace(answer, state="old" if answer.row_count == 1 else "new")

    tasks = [asyncio.create_task(cache.answer(place(), make, is_new)) for _ in range(5)]
    await until(lambda: kitchen.made == 1)
    kitchen.open.set()
    first, *others = [answer.text for answer, _ in await asyncio.gather(*tasks)]
    assert (first, set(others)) == ("answer 1", {"answer 2"})


async def test_several_who_ask_the_same_at_once_make_it_once() -> None:
    cache, kitchen = cache_of(), Kitchen()
    tasks = [asyncio.create_task(cache.answer(place(), kitchen.make, same)) for _ in range(20)]
    other = asyncio.create_task(cache.answer(place("b"), at_once("another"), same))
    assert (await other)[0].text == "another"
    kitchen.open.set()
    answers = await asyncio.gather(*tasks)
    assert kitchen.made == 1
    assert {answer.text for answer, _ in answers} == {"answer 1"}
    assert sum(was_there for _, was_there in answers) == cache.statistics.shared == 19


async def test_one_that_fails_fails_nobody_else() -> None:
    cache, kitchen = cache_of(), Kitchen(1)
    tasks = [asyncio.create_task(cache.answer(place(), kitchen.make, same)) for _ in range(5)]
    await until(lambda: kitchen.made == 1)
    kitchen.open.set()
    first, *rest = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, RuntimeError)
    assert all(isinstance(answer, tuple) for answer in rest)


async def test_one_whose_caller_leaves_takes_nobody_along() -> None:
    cache, kitchen = cache_of(), Kitchen()
    leaving, *staying = [asyncio.create_task(cache.answer(place(), kitchen.make, same)) for _ in range(5)]
    await until(lambda: kitchen.made == 1)
    leaving.cancel()
    await until(lambda: kitchen.made == 2)
    # Somebody who waits leaves as well, which is nobody's business.
    staying.pop().cancel()
    kitchen.open.set()
    assert {answer.text for answer, _ in await asyncio.gather(*staying)} == {"answer 2"}
    assert leaving.cancelled()


async def test_who_wants_it_fresh_does_not_wait_for_one_that_began_before() -> None:
    cache, kitchen = cache_of(), Kitchen()
    first = asyncio.create_task(cache.answer(place(), kitchen.make, same))
    await until(lambda: kitchen.made == 1)
    second = asyncio.create_task(cache.answer(place(), kitchen.make, same, max_age=0))
    await until(lambda: kitchen.made == 2)
    kitchen.open.set()
    assert (await second)[0].text == "answer 2"
    assert (await first)[0].text == "answer 1"


async def test_an_answer_that_does_not_last_is_for_those_who_wait_for_it() -> None:
    cache = cache_of()
    await cache.answer(place(), at_once("degraded", lasting=False), same)
    assert (await cache.answer(place(), at_once("whole"), same))[0].text == "whole"


async def test_answers_are_bounded_in_number_and_the_one_not_asked_for_longest_goes() -> None:
    cache = cache_of(cache_entries=3)
    for name in "abc":
        await cache.answer(place(name), at_once(name), same)
    await cache.answer(place("a"), never, same)
    await cache.answer(place("d"), at_once("d"), same)
    assert [(await cache.answer(place(name), at_once("again"), same))[1] for name in "acd"] == [True] * 3
    assert (await cache.answer(place("b"), at_once("again"), same))[1] is False
    assert (cache.statistics.entries, cache.statistics.evictions) == (3, 2)


async def test_answers_are_bounded_in_bytes() -> None:
    cache = cache_of(cache_bytes=100_000)
    for number in range(100):
        await cache.answer(place(str(number)), at_once("x" * 10_000), same)
        assert cache.statistics.bytes <= 100_000
    assert 1 < cache.statistics.entries < 10
    assert cache.statistics.evictions == 100 - cache.statistics.entries
    await cache.answer(place("large"), at_once("x" * 20_000), same)
    assert (await cache.answer(place("large"), at_once("again"), same))[1] is False
    await cache.answer(place("wide"), at_once("\N{GRINNING FACE}" * 12_000), same)
    assert cache.statistics.bytes <= 100_000


@pytest.mark.parametrize("seconds", [0, 1])
async def test_a_cache_that_is_off_says_so(seconds: int) -> None:
    assert cache_of(cache_seconds=seconds).is_on is bool(seconds)
