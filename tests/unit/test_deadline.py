"""A request has one deadline, whatever its parts would like to wait for."""

from __future__ import annotations

import asyncio

from zava_cli.infra.deadline import Deadline, at_most, bounded


def test_outside_of_a_request_one_waits_as_long_as_one_wants() -> None:
    assert 9 < at_most(10) <= 10


def test_a_part_of_a_request_ends_with_it_and_may_end_before() -> None:
    with bounded(5):
        assert 4 < at_most(10) <= 5
        assert at_most(1) <= 1
        with bounded(100) as inner:
            assert 4 < inner.left() <= 5
        with bounded(2):
            assert at_most(10) <= 2
        assert 4 < at_most(10) <= 5
    assert at_most(10) > 5


def test_what_is_over_leaves_nothing_and_not_less() -> None:
    assert Deadline(-1).left() == 0


async def test_requests_at_the_same_time_have_deadlines_of_their_own() -> None:
    async def request(seconds: float) -> float:
        with bounded(seconds):
            await asyncio.sleep(0)
            return at_most(100)

    short, long = await asyncio.gather(request(3), request(30))
    assert short <= 3
    assert long > 20
