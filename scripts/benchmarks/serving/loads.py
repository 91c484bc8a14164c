"""What is asked of an MCP server, each as one run that returns its numbers."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import asyncpg

from benchmarks.serving.clients import Answer, HttpClient, http_client
from benchmarks.serving.contestants import Contestant, Running, listening, piped

T = TypeVar("T")

ONE = "select 1 as one"
WIDE = (
    "select i as order_id, 'Zava Retail ' || i % 8 as store, date '2026-01-01' + i % 365 as day,"
    " 'SKU-' || lpad((i % 424)::text, 6, '0') as sku, 'Cordless drill number ' || i % 424 as product,"
    " i % 9 as quantity, (i % 997) * 0.25 as unit_price, (i % 997) * 0.25 * (i % 9) as total_amount"
    " from generate_series(1, 10000) i"
)
"""10,000 rows of eight columns, the same for everybody, whatever rows one may see."""
HUGE = "select generate_series(1, 5000000) as n"
ERRORS = {
    "syntax error": "selec 1",
    "division by zero": "select 1 / (1 - 1) as one",
    "unknown column": "select nothing from products",
}
GOOD = "good call"
SLOW = "select count(*) from generate_series(1, 1000000000) n where n % 7 = 3"
BUSY = "FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%1000000000%' AND pid <> pg_backend_pid()"
BUSY_SECONDS = 5.0
WARM = 20


def cold_start(contestant: Contestant) -> dict[str, float]:
    """From the start of the process to the answer to tools/list, in seconds and in CPU seconds; its memory then."""
    started = time.perf_counter()
    with piped(contestant) as (pipe, running):
        pipe.greet()
        pipe.ask("tools/list", {})
        return _started(running, started)


def http_start(contestant: Contestant) -> dict[str, float]:
    """The same over HTTP."""

    async def go(running: Running) -> dict[str, float]:
        async with http_client(running.port, contestant.headers) as client:
            await client.greet()
            expect_good(await client.ask("tools/list", {}))
            return _started(running, started)

    started = time.perf_counter()
    with listening(contestant) as running:
        return run(go(running))


def _started(running: Running, since: float) -> dict[str, float]:
    return {"s": time.perf_counter() - since, "CPU s": running.cpu_seconds(), "MB": running.megabytes()}


def pipe_calls(contestant: Contestant, calls: int, sql: str = ONE) -> dict[str, float]:
    """Calls one after the other on pipes: the median, and the CPU time of each."""
    with piped(contestant) as (pipe, running):
        pipe.greet()
        params = contestant.call(sql)
        for _ in range(WARM):
            pipe.ask("tools/call", params)
        milliseconds: list[float] = []
        cpu = running.cpu_seconds()
        for _ in range(calls):
            started = time.perf_counter()
            pipe.ask("tools/call", params)
            milliseconds.append((time.perf_counter() - started) * 1000)
        return {"ms": statistics.median(milliseconds), "CPU ms a call": (running.cpu_seconds() - cpu) * 1000 / calls}


def error_calls(contestant: Contestant, calls: int) -> dict[str, float]:
    """The median of a good call and of each kind of error, in turn on the same pipes."""
    with piped(contestant) as (pipe, _):
        pipe.greet()
        milliseconds: dict[str, list[float]] = {}
        for number in range(1 + calls):
            for name, sql in {GOOD: ONE, **ERRORS}.items():
                started = time.perf_counter()
                answer = pipe.ask("tools/call", contestant.call(sql))
                if answer.is_error != (name in ERRORS):
                    raise RuntimeError(f"{contestant.name}, {name}: {answer.text[:300]}")
                if number:
                    milliseconds.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        return {name: statistics.median(values) for name, values in milliseconds.items()}


def http_calls(running: Running, calls: int) -> dict[str, float]:
    """Calls one after the other over HTTP: the median, and the CPU time of each."""

    async def go() -> dict[str, float]:
        async with http_client(running.port, running.contestant.headers) as client:
            await client.greet()
            params = running.contestant.call(ONE)
            for _ in range(WARM):
                expect_good(await client.ask("tools/call", params))
            milliseconds: list[float] = []
            cpu = running.cpu_seconds()
            for _ in range(calls):
                started = time.perf_counter()
                await client.ask("tools/call", params)
                milliseconds.append((time.perf_counter() - started) * 1000)
            return {
                "ms": statistics.median(milliseconds),
                "CPU ms a call": (running.cpu_seconds() - cpu) * 1000 / calls,
            }

    return run(go())


def protocol(running: Running) -> str:
    """The newest version of MCP that it speaks over HTTP, of those that the clients here know."""

    async def go() -> str:
        async with http_client(running.port, running.contestant.headers) as client:
            await client.greet()
            return client.protocol

    return run(go())


def http_clients(running: Running, clients: int, seconds: float) -> dict[str, float]:
    """So many clients at once, each asking again as soon as it has its answer: all their calls per second."""

    async def ask(client: HttpClient, until: float) -> int:
        params = running.contestant.call(ONE)
        calls = 0
        while time.perf_counter() < until:
            expect_good(await client.ask("tools/call", params))
            calls += 1
        return calls

    async def go() -> dict[str, float]:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(60):
                crowd = [
                    await stack.enter_async_context(http_client(running.port, running.contestant.headers))
                    for _ in range(clients)
                ]
                for client in crowd:
                    await client.greet()
                await asyncio.gather(*(ask(client, time.perf_counter() + seconds / 10) for client in crowd))
            cpu = running.cpu_seconds()
            started = time.perf_counter()
            done = sum(await asyncio.gather(*(ask(client, started + seconds) for client in crowd)))
            elapsed = time.perf_counter() - started
            return {"calls/s": done / elapsed, "CPU ms a call": (running.cpu_seconds() - cpu) * 1000 / done}

    return run(go())


def one_answer(running: Running, sql: str) -> dict[str, float]:
    """One answer over HTTP: its bytes, its seconds, the memory above idle that it took, and what it said of its end."""

    async def go() -> dict[str, float]:
        async with http_client(running.port, running.contestant.headers) as client:
            await client.greet()
            expect_good(await client.ask("tools/call", running.contestant.call(ONE)))
            idle = running.megabytes()
            running.forget_peak()
            started = time.perf_counter()
            answer = await client.ask("tools/call", running.contestant.call(sql))
            seconds = time.perf_counter() - started
            return {
                "MB": answer.bytes / 1e6, "s": seconds, "MB above idle": running.peak_megabytes() - idle,
                "truncated": float('"truncated":true' in answer.text), "error": float(answer.is_error),
            }  # fmt: skip

    return run(go())


def departed(running: Running, admin_url: str) -> dict[str, float]:
    """How long the database works on for a caller who hung up."""

    async def go() -> dict[str, float]:
        connection = await asyncpg.connect(admin_url)

        async def until(wanted: bool, seconds: float) -> float:
            started = time.perf_counter()
            while (elapsed := time.perf_counter() - started) < seconds:
                if await connection.fetchval(f"SELECT count(*) > 0 {BUSY}") is wanted:
                    return elapsed
                await asyncio.sleep(0.01)
            return seconds

        try:
            async with http_client(running.port, running.contestant.headers) as client:
                await client.greet()
                call = asyncio.create_task(client.ask("tools/call", running.contestant.call(SLOW)))
                await until(True, 10)
                client.hang_up()
                await asyncio.gather(call, return_exceptions=True)
            return {"s": await until(False, BUSY_SECONDS)}
        finally:
            await connection.execute(f"SELECT pg_terminate_backend(pid) {BUSY}")
            await connection.close()

    return run(go())


def run(work: Coroutine[Any, Any, T]) -> T:
    """On the fastest loop there is, so that the clients cost little."""
    import uvloop

    return uvloop.run(work)


def expect_good(answer: Answer) -> None:
    """Ends the run at an error."""
    if answer.is_error:
        raise RuntimeError(f"unexpected: {answer.status} {json.dumps(answer.message)[:500]}")


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
