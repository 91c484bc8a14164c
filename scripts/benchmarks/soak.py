"""200 clients on a pool of 10 connections for minutes: memory, latency, refusals, and whether health still answers.

The clients are the managers of every store. They ask in turn for a constant, a point, an aggregate, a thousand rows,
products, and now and then for an error or something slow. Whoever is told to try again later is counted by the reason,
and waits as long as that says; any other refusal of what is right is an error of this run. The first tenth of the time
is left out, for everything to reach its size.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import json
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

from benchmarks import common
from benchmarks.common import Goal, Measure, Report
from benchmarks.databases import ROOT, seeded_database, zava
from benchmarks.serving.clients import Answer, http_client
from benchmarks.serving.contestants import Running, bearer, listening, stateless, with_workers, zava_server
from benchmarks.serving.loads import run
from zava_cli.infra.settings import Settings

WARM_SHARE = 0.1
REFUSALS = {
    "DATABASE_BUSY": "told that all are busy",
    "SHARE_BUSY": "told that their own are busy",
    "RATE_LIMITED": "told that they ask too often",
}
"""Refusals for now, by the code that a tool's answer begins with."""
BY_THE_SERVER = "told to come again, by the server"
TOLD = (*REFUSALS.values(), BY_THE_SERVER)
THIRDS = ("first third", "middle third", "last third")
MOST_GROWTH = 1.1
MOST_HEALTH_SECONDS = 1.0
MOST_UNFAIR = 2.0
MOST_LAG_SECONDS = 1.0
"""By so much may a wait be longer than pool_wait: one process with so many callers looks at its clock late."""
SECONDS_PER_LOOK = 10
"""Between two reports of how it goes."""
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
    told: Counter[str] = field(default_factory=Counter[str])


@dataclass
class Seen:
    """Everything that was seen, second by second."""

    samples: list[Sample] = field(default_factory=list[Sample])
    current: Sample = field(default_factory=Sample)
    errors: Counter[str] = field(default_factory=Counter[str])
    clients: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    longest_wait: float | None = None
    """Seconds that a request had to wait for a connection, as the server itself says in the end."""

    def answer(self, answer: Answer, milliseconds: float, expects_error: bool, client: int = 0) -> None:
        """Counts one answer."""
        if (told := told_to_retry(answer)) is not None:
            self.current.told[told] += 1
        elif answer.is_error != expects_error:
            self.errors[f"{answer.status} {answer.text[:120]}"] += 1
        else:
            self.current.milliseconds.append(milliseconds)
            self.clients.setdefault(client, []).append(milliseconds)

    def unfairness(self) -> float:
        """The slowest client's median by the median client's; NaN of none."""
        medians = [statistics.median(milliseconds) for milliseconds in self.clients.values()]
        return max(medians) / statistics.median(medians) if medians else float("nan")


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
            seen.longest_wait = _longest_wait(running)
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
    await asyncio.gather(_watch(running, until, seen, arguments), *asking)


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
                seen.answer(answer, (time.perf_counter() - started) * 1000, name == "error", number)
                if told_to_retry(answer):
                    await asyncio.sleep(float(answer.retry_after or 1))
        except ConnectionError as exc:
            seen.errors[str(exc)] += 1


async def _watch(running: Running, until: float, seen: Seen, arguments: argparse.Namespace) -> None:
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
            if len(seen.samples) % SECONDS_PER_LOOK == 0:
                common.progress.so_far("soak", report(seen, arguments))
            await asyncio.sleep(max(0, 1 - (time.perf_counter() - started)))


def _longest_wait(running: Running) -> float:
    token = running.contestant.environment["ZAVA_METRICS_TOKEN"]
    asked = Request(f"http://127.0.0.1:{running.port}/stats", headers={"authorization": f"Bearer {token}"})
    with urlopen(asked, timeout=30) as answer:
        return max(operation["waited_max"] for operation in json.load(answer)["operations"])


def told_to_retry(answer: Answer) -> str | None:
    """Which refusal for now that is: of a tool by its code, of the server by its header; None where it is none."""
    if not answer.is_error:
        return None
    by_code = REFUSALS.get(answer.text.partition(":")[0])
    return by_code or (BY_THE_SERVER if answer.retry_after is not None and answer.status >= 400 else None)


def report(seen: Seen, arguments: argparse.Namespace) -> Report:
    """The three thirds beside each other, and what must hold."""
    samples = seen.samples[int(len(seen.samples) * WARM_SHARE) :]
    size = len(samples) // len(THIRDS)
    parts = {name: samples[number * size : (number + 1) * size] for number, name in enumerate(THIRDS)}
    rows: list[tuple[str, str, dict[str, list[float]]]] = [
        ("answers", "calls/s", {name: [len(s.milliseconds) / s.seconds for s in part] for name, part in parts.items()}),
        ("memory", "MB", {name: [s.megabytes for s in part] for name, part in parts.items()}),
        ("/health/ready", "s", {name: [s.health_seconds for s in part] for name, part in parts.items()}),
    ]
    for told in TOLD:
        rows.append((told, "calls", {name: [float(sum(s.told[told] for s in part))] for name, part in parts.items()}))
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
        Goal("slowest client's median by the median client's", seen.unfairness(), at_most=MOST_UNFAIR),
    ]  # fmt: skip
    if seen.longest_wait is not None:
        most = Settings.model_fields["pool_wait"].default + MOST_LAG_SECONDS
        goals.append(Goal("longest wait for a connection in s", seen.longest_wait, at_most=most))
    notes = [f"{arguments.clients} clients for {arguments.seconds:g} s on a pool of {arguments.pool}"]
    return Report(
        "soak", measures, goals, [*notes, *(f"{count} times: {error}" for error, count in seen.errors.items())]
    )


def percentile(values: Sequence[float], share: int) -> float:
    """The value below which that share of them is, in per cent; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else float("nan")
