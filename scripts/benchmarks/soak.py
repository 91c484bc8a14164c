"""200 clients on a pool of 10 connections for minutes: memory, latency, refusals, and whether health still answers.

The clients are the managers of every store. They ask in turn for a constant, a point, an aggregate, a thousand rows,
products, and now and then for an error or something slow. Whoever is told to try again later is counted and waits as
long as that says; any other refusal of what is right is an error of this run. The first tenth of the time is left
out, for everything to reach its size.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.common import Goal, Measure, Report
from benchmarks.databases import ROOT, seeded_database, zava
from benchmarks.serving.clients import Answer, http_client
from benchmarks.serving.contestants import Running, bearer, listening, stateless, with_workers, zava_server
from benchmarks.serving.loads import run

WARM_SHARE = 0.1
RETRY_TEXTS = ("DATABASE_UNAVAILABLE: All connections are busy.", "RATE_LIMITED")
THIRDS = ("first third", "middle third", "last third")
MOST_GROWTH = 1.1
MOST_HEALTH_SECONDS = 1.0
QUERIES = {
    "constant": "select 1 as one",
    "point": "select name, price from products order by sku limit 1",
    "aggregate": "select date_trunc('month', order_date) as month, sum(total_amount) as total from orders"
    " group by 1 order by 1",
    "a thousand rows": "select sku, name, price from products, generate_series(1, 3) order by 1 limit 1000",
    "join": "select p.category_id, sum(i.total_amount) as total from order_items i join products p using (product_id)"
    " group by 1 order by 2 desc",
    "slow": "select count(*) from generate_series(1, 300000)",
    "error": "select nothing from products",
}
SEARCH = {"name": "search_products", "arguments": {"query_description": "cordless drill", "max_rows": 5}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many ask for how long."""
    parser.add_argument("--seconds", type=float, default=300, help="how long they ask (300)")
    parser.add_argument("--clients", type=int, default=200, help="who ask at once (200)")
    parser.add_argument("--pool", type=int, default=10, help="connections to PostgreSQL")
    parser.add_argument("--workers", type=int, help="zava serve --workers, without sessions")


@dataclass
class Sample:
    """What was seen in one second."""

    megabytes: float = 0
    health_seconds: float = 0
    seconds: float = 1
    milliseconds: list[float] = field(default_factory=list[float])
    busy: int = 0


@dataclass
class Seen:
    """Everything that was seen, second by second."""

    samples: list[Sample] = field(default_factory=list[Sample])
    current: Sample = field(default_factory=Sample)
    errors: Counter[str] = field(default_factory=Counter[str])

    def answer(self, answer: Answer, milliseconds: float, expects_error: bool) -> None:
        """Counts one answer."""
        if told_to_retry(answer):
            self.current.busy += 1
        elif answer.is_error != expects_error:
            self.errors[f"{answer.status} {answer.text[:120]}"] += 1
        else:
            self.current.milliseconds.append(milliseconds)


def measure(arguments: argparse.Namespace) -> Report:
    """One run, however many --runs are asked for."""
    if arguments.quick:
        arguments.seconds, arguments.clients = 6, 20
    with seeded_database() as database:
        zava("embed", data_directory=database.folder)
        server = zava_server(database, ZAVA_POOL_MAX=str(arguments.pool))
        if arguments.workers:
            server = with_workers(stateless(server), arguments.workers)
        with listening(server) as running:
            seen = Seen()
            run(_soak(running, [bearer(database, store) for store in stores()], arguments, seen))
    return report(seen, arguments)


def stores() -> list[str]:
    """Their names, each of which stands for its manager."""
    with (ROOT / "sample_data" / "stores.csv").open(encoding="utf-8", newline="") as file:
        return [store["name"] for store in csv.DictReader(file)]


async def _soak(
    running: Running, callers: Sequence[Mapping[str, str]], arguments: argparse.Namespace, seen: Seen
) -> None:
    until = time.perf_counter() + arguments.seconds
    crowd = itertools.islice(itertools.cycle(callers), arguments.clients)
    asking = [_ask(headers, number, running, until, seen) for number, headers in enumerate(crowd)]
    await asyncio.gather(_watch(running, until, seen), *asking)


async def _ask(headers: Mapping[str, str], number: int, running: Running, until: float, seen: Seen) -> None:
    """One client; each begins elsewhere in the round."""
    questions: list[tuple[str, dict[str, Any]]] = [
        *((name, running.contestant.call(sql)) for name, sql in QUERIES.items()), ("search", SEARCH),
    ]  # fmt: skip
    async with http_client(running.port, headers) as client:
        try:
            # At once: the server hangs up on whoever connects and says nothing.
            await client.greet()
            for name, params in itertools.islice(itertools.cycle(questions), number % len(questions), None):
                started = time.perf_counter()
                if started > until:
                    return
                answer = await client.ask("tools/call", params)
                seen.answer(answer, (time.perf_counter() - started) * 1000, name == "error")
                if told_to_retry(answer):
                    await asyncio.sleep(float(answer.retry_after or 1))
        except ConnectionError as exc:
            seen.errors[str(exc)] += 1


async def _watch(running: Running, until: float, seen: Seen) -> None:
    """Looks at memory and health once a second."""
    looked = time.perf_counter() - 1
    async with http_client(running.port, {}) as probe:
        while (started := time.perf_counter()) < until:
            status = await probe.get("/health/ready")
            seen.current.health_seconds = time.perf_counter() - started
            if status != 200:
                seen.errors[f"health {status}"] += 1
            seen.current.megabytes = running.megabytes()
            seen.current.seconds, looked = started - looked, started
            seen.samples.append(seen.current)
            seen.current = Sample()
            await asyncio.sleep(max(0, 1 - (time.perf_counter() - started)))


def told_to_retry(answer: Answer) -> bool:
    """Whether that is a refusal for now: of a tool in words, of the server by its header."""
    return answer.is_error and (answer.retry_after is not None or answer.text.startswith(RETRY_TEXTS))


def report(seen: Seen, arguments: argparse.Namespace) -> Report:
    """The three thirds beside each other, and what must hold."""
    samples = seen.samples[int(len(seen.samples) * WARM_SHARE) :]
    size = len(samples) // len(THIRDS)
    parts = {name: samples[number * size : (number + 1) * size] for number, name in enumerate(THIRDS)}
    rows: list[tuple[str, str, dict[str, list[float]]]] = [
        ("answers", "calls/s", {name: [len(s.milliseconds) / s.seconds for s in part] for name, part in parts.items()}),
        ("memory", "MB", {name: [s.megabytes for s in part] for name, part in parts.items()}),
        ("/health/ready", "s", {name: [s.health_seconds for s in part] for name, part in parts.items()}),
        ("told to retry", "calls", {name: [float(sum(s.busy for s in part))] for name, part in parts.items()}),
    ]
    for share in (50, 95, 99):
        rows.append(
            (
                f"p{share}",
                "ms",
                {name: [percentile([m for s in p for m in s.milliseconds], share)] for name, p in parts.items()},
            )
        )
    measures = [Measure(*row) for row in rows]
    memory = measures[1]
    goals = [
        Goal("memory of the last third by that of the first", memory.median(THIRDS[2]) / memory.median(THIRDS[0]),
             at_most=MOST_GROWTH),
        Goal("slowest answer of /health/ready in s", max(s.health_seconds for s in samples),
             at_most=MOST_HEALTH_SECONDS),
        Goal("unexpected errors", seen.errors.total(), at_most=0),
    ]  # fmt: skip
    notes = [f"{arguments.clients} clients for {arguments.seconds:g} s on a pool of {arguments.pool}"]
    return Report(
        "soak", measures, goals, [*notes, *(f"{count} times: {error}" for error, count in seen.errors.items())]
    )


def percentile(values: Sequence[float], share: int) -> float:
    """The value below which that share of them is, in per cent; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else float("nan")
