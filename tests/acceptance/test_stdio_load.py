"""`zava serve` with much to do, with nothing to do, and when the database or the client is taken away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from tests.own_server import kill_all, remove, short_folder
from tests.stdio_serving import BUSY, PATIENCE, Served, backends, greet, question, serving, until, working
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings
from zava_cli.models.seed import SeedRequest
from zava_cli.services.seed.seed import seed_database

CALLS = 200


async def answers(served: Served, wanted: int) -> dict[int, dict[str, Any]]:
    """That many answers by their number."""
    heard: dict[int, dict[str, Any]] = {}
    async with asyncio.timeout(PATIENCE):
        while len(heard) < wanted:
            message = await served.hear()
            heard[message["id"]] = message["result"]
    return heard


async def test_two_hundred_calls_at_once_are_each_answered_with_their_own_rows(target: Target) -> None:
    with serving(target) as served:
        await greet(served)
        served.say(*(question(number, f"select {number} as n") for number in range(10, 10 + CALLS)))
        heard = await answers(served, CALLS)
        served.stdin.close()
        assert await served.end() == (0, [], "")
    for number, result in heard.items():
        assert f'"rows":[[{number}]]' in result["content"][0]["text"]
    await until(target, 0)


async def test_a_server_that_is_stopped_under_load_answers_what_it_has_begun_and_leaves_nothing(target: Target) -> None:
    with serving(target, ZAVA_SERVE_GRACE="20") as served:
        await greet(served)
        served.say(*(question(number, f"select {number} as n") for number in range(10, 10 + CALLS)))
        first = await served.hear()
        served.process.send_signal(signal.SIGTERM)
        code, said, err = await served.end()
    assert (code, err) == (0, "")
    assert all(message["result"]["isError"] is False for message in [first, *said])
    assert len({message["id"] for message in [first, *said]}) == len(said) + 1
    await until(target, 0)


async def test_a_client_that_says_nothing_costs_nothing_and_may_speak_late(target: Target) -> None:
    with serving(target) as served:
        await until(target, 1)
        process = psutil.Process(served.process.pid)
        # Reading identities and loading what the first request needs is over by then.
        await asyncio.sleep(1)
        before = process.cpu_times()
        await asyncio.sleep(2)
        after = process.cpu_times()
        assert after.user + after.system - before.user - before.system < 0.5
        await greet(served)
        served.stdin.close()
        assert await served.end() == (0, [], "")


async def test_a_client_that_hangs_up_without_a_word_ends_the_server(target: Target) -> None:
    with serving(target) as served:
        await until(target, 1)
        served.hang_up()
        assert await served.code() == 0
    await until(target, 0)


async def test_a_killed_server_leaves_no_query_behind(target: Target) -> None:
    async with working(target) as served:
        served.process.kill()
    assert await backends(target, BUSY) == 0


@pytest.fixture
async def own_database() -> AsyncIterator[Target]:
    """A database on a server that may be killed."""
    folder = short_folder()
    target = Target(Settings.model_validate({"profile": "own", "data_dir": folder}))
    try:
        await migrate(target)
        await seed_database(target, SeedRequest(seed=1, customers=100, until="2021-03-01"))
        yield target
    finally:
        remove(folder)


async def test_whoever_waits_when_the_database_dies_is_told_and_the_next_one_is_answered(own_database: Target) -> None:
    sleepy = "select count(*) from (select generate_series(1, 1000000000000)) n"
    with serving(own_database) as served:
        await greet(served)
        served.say(*(question(number, f"{sleepy} where {number} > 0") for number in range(10, 14)))
        await until(own_database, 4, "state = 'active' AND query LIKE '%1000000000000%'")
        assert own_database.embedded is not None
        kill_all(own_database.embedded)
        told = await answers(served, 4)
        assert {result["content"][0]["text"].split(":")[0] for result in told.values()} == {"DATABASE_UNAVAILABLE"}
        served.say(question(20, "select count(*) > 0 from orders"))
        heard = await answers(served, 1)
        assert '"rows":[[true]]' in heard[20]["content"][0]["text"]
        served.stdin.close()
        assert await served.end() == (0, [], "")
