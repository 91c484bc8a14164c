"""Search by meaning among many products: what it finds of what is nearest, and how long it takes by plain SQL.

The catalogue is made of the sample catalogue's words (see generated.py) and embedded by `zava embed` with the local
model; the questions are the judged ones that tuning may look at. A product counts as found when it is as near as the
tenth nearest, for there are near-duplicates. Plain SQL takes the way that zava chose, past row security, on asyncpg's
connections from a pool; beside it stands SQL as one writes it, which may find less. zava runs its whole transaction,
choice included, as head office, and for stock as the store's manager too. All run in the event loop of zava's servers.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

import asyncpg

from benchmarks import common
from benchmarks.broad_words import broad_words
from benchmarks.common import Goal, Measure, Report
from benchmarks.databases import Database, database_at, seeded_database
from benchmarks.generated import SHARES, STOCKED, fill
from benchmarks.plain_sql import TRUTH, Ask, as_one_writes_it, by_comparing, plain_pool
from tests.judged import judged_queries
from zava_cli.data.admin import admin_connection
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed_index import index_shape
from zava_cli.data.search import (
    COMPARED,
    NO_FILTERS,
    Filters,
    VectorModel,
    by_meaning,
    horizon,
    nearest_statement,
)
from zava_cli.data.target import Target
from zava_cli.infra.operations import OperationRecord, operation
from zava_cli.infra.settings import Settings
from zava_cli.models.embed import EmbedReport, EmbedRequest
from zava_cli.server.loop import new_loop
from zava_cli.services.embed import embed_products
from zava_cli.services.embedding import embedder_from_settings, question_text
from zava_cli.services.seed.catalogue import key

LEAST_RECALL = 0.99
MOST_RATIO = 1.3
NEAREST = 10
HEAD_OFFICE = "head office"
PLAIN = "plain SQL"
WRITTEN = "SQL as one writes it"
BUILT = "embedded.json"
ASKED = 50
"""Rows that search asks for at least."""
SAME = 1e-6
WARM = 20
"""Questions of each case before the clock runs."""
GIVEN_BACK = 0.0005
"""Seconds before each question, in which what is done behind an answer is done."""
WIDTHS = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Products that pass a filter, for the place where the index becomes the faster way."""
_MENTIONED = """
GRANT USAGE ON SCHEMA security TO bench_floor;
GRANT EXECUTE ON FUNCTION security.products_named(text[]) TO bench_floor;
"""
"""Search by meaning mentions that function, though it does not call it here."""
_INDEX_SIZE = "SELECT pg_relation_size(to_regclass('retail.embeddings_hnsw_' || left(md5($1), 16)))"
_PRICE = "SELECT price FROM products ORDER BY price OFFSET $1 LIMIT 1"


@dataclass(frozen=True)
class Case:
    """A filter, the products that pass it, the distances of the nearest to each question, and who asks how.

    A store's manager asks for what is in stock, and row security says where.
    """

    name: str
    filters: Filters
    passing: int
    nearest: list[list[float]]
    manager: str = HEAD_OFFICE
    asked: Filters | None = None


@dataclass
class Found:
    """What one way found for a case: recall of each question, rows missing, and milliseconds of each run."""

    recalls: list[float]
    missing: int
    runs: list[list[float]]

    def p(self, share: float) -> list[float]:
        """That percentile of each run."""
        return [sorted(run)[math.ceil(share * len(run)) - 1] for run in self.runs]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many products there are, and whether they are kept."""
    parser.add_argument("--products", type=int, default=100_000, help="products beside the sample's (100,000)")
    parser.add_argument("--at", type=Path, metavar="DIR", help="build it there and keep it, or measure it again")
    parser.add_argument("--questions", type=int, default=60, help="questions of each case (60)")


def measure(arguments: argparse.Namespace) -> Report:
    """Builds the catalogue, asks every question of every case, and looks for the crossover."""
    products, runs = (12_000, 1) if arguments.quick else (arguments.products, arguments.runs)
    questions = 10 if arguments.quick else arguments.questions
    with database_at(arguments.at) if arguments.at else seeded_database(200) as database:
        embedded = _built(database, products)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(measured(database, embedded, questions, runs))


def _built(database: Database, products: int) -> EmbedReport:
    """What building the catalogue took, now or when it was built."""
    report = database.folder / BUILT
    if not report.exists():
        target = Target(Settings.model_validate({"data_dir": database.folder}))
        asyncio.run(fill(target, products))
        report.write_text(asyncio.run(embed_products(target, EmbedRequest())).model_dump_json(), encoding="utf-8")
    return EmbedReport.model_validate_json(report.read_text(encoding="utf-8"))


async def measured(database: Database, embedded: EmbedReport, questions: int, runs: int) -> Report:
    """The report on a catalogue that is embedded and indexed."""
    target = Target(Settings.model_validate({"data_dir": database.folder}))
    async with admin_connection(target) as connection:
        await connection.execute(_MENTIONED)
    # Of their own, so that no way finds its process busy or warm by another.
    plain, written = await plain_pool(database.floor_url), await plain_pool(database.floor_url)
    model = VectorModel(embedded.model, 256, index_shape(embedded.products).neighbours)
    bench = _Bench(target, plain, written, model, await _questions(questions))
    try:
        with operation(OperationRecord("search"), lambda _: None):
            measures, goals = await bench.cases(runs)
        words = await broad_words(bench.provider, plain, ASKED, runs)
        crossover, note = await bench.crossover()
    finally:
        await plain.close()
        await written.close()
        await bench.provider.close()
    async with admin_connection(target) as connection:
        size = await connection.fetchval(_INDEX_SIZE, embedded.model)
    goals.append(Goal("three broad words, p95 by that of plain SQL", words.ratio("zava"), at_most=MOST_RATIO))
    measures += [
        words,
        *crossover,
        Measure("index, build", "s", {"zava": [embedded.index_seconds]}),
        Measure("index, size", "MB", {"zava": [size / 1e6]}),
        Measure("index, memory to build it", "MB", {"zava": [embedded.index_memory / 1e6]}),
    ]
    title = f"{embedded.products:,} products; filters with fewer than {COMPARED:,} are compared one by one"
    return Report("recall", measures, goals, [title, note])


async def _questions(most: int) -> list[Any]:
    embedder = embedder_from_settings(Settings())
    asked = [query.query for query in judged_queries("catalogue") if not query.is_held_out]
    return [await embedder.embed_query(question_text(text)) for text in asked[:most]]


class _Bench:
    def __init__(
        self,
        target: Target,
        plain: asyncpg.Pool,
        written: asyncpg.Pool,
        model: VectorModel,
        questions: Sequence[Any],
    ) -> None:
        self.provider = PostgreSQLProvider(target, serving=True)
        self._plain = plain
        self._written = written
        self._model = model
        self._questions = questions

    async def cases(self, runs: int) -> tuple[list[Measure], list[Goal]]:
        """Recall and times of every case."""
        measures: list[Measure] = []
        recalls: list[float] = []
        ratios: dict[str, list[float]] = {PLAIN: [], WRITTEN: []}
        missing = 0
        for case in await self._cases():
            is_index = case.filters == NO_FILTERS or case.passing >= COMPARED
            compared = by_comparing(self._plain, self._model, case.filters, ASKED)
            raw = self._by_both(case.filters) if is_index else compared
            written = as_one_writes_it(self._written, self._model, case.filters, ASKED)
            ways = {PLAIN: raw, WRITTEN: written, "zava": await self._by_zava(case)}
            found = dict(zip(ways, await self._interleaved(case, ways, runs), strict=True))
            name = f"{case.name} ({case.passing:,}, {'index' if is_index else 'compared'})"
            measures += [
                Measure(f"{name} recall@{NEAREST}", "mean", {way: [fmean(f.recalls)] for way, f in found.items()}),
                Measure(f"{name} p50", "ms", {way: f.p(0.5) for way, f in found.items()}, PLAIN),
                Measure(f"{name} p95", "ms", {way: f.p(0.95) for way, f in found.items()}, PLAIN),
            ]
            common.progress.so_far("cases", Report("", [*measures]))
            recalls.append(fmean(found["zava"].recalls))
            ratios[PLAIN].append(measures[-1].ratio("zava"))
            ratios[WRITTEN].append(measures[-1].ratio("zava", WRITTEN))
            missing += found["zava"].missing
        return measures, [
            Goal(f"lowest recall@{NEAREST}", min(recalls), at_least=LEAST_RECALL),
            Goal(f"highest p95 by that of {PLAIN}", max(ratios[PLAIN]), at_most=MOST_RATIO),
            Goal(f"highest p95 by that of {WRITTEN}", max(ratios[WRITTEN]), at_most=MOST_RATIO),
            Goal("rows fewer than there are", missing, at_most=0),
        ]

    async def crossover(self) -> tuple[list[Measure], str]:
        """How long both ways take by how many products pass a filter on the price."""
        measures: list[Measure] = []
        faster: int | None = None
        total = await self._plain.fetchval("SELECT count(*) FROM products")
        for width in [width for width in WIDTHS if width < total]:
            price = await self._plain.fetchval(_PRICE, width)
            case = await self._case(f"price, {width:,} pass", replace(NO_FILTERS, max_price=price))
            ways = {
                "compared": by_comparing(self._plain, self._model, case.filters, ASKED),
                "index": self._by_index(case.filters),
            }
            compared, index = await self._interleaved(case, ways, 1)
            measures.append(Measure(case.name, "ms", {"compared": compared.p(0.5), "index": index.p(0.5)}))
            recall = {"compared": [fmean(compared.recalls)], "index": [fmean(index.recalls)]}
            measures.append(Measure(f"{case.name}, recall@{NEAREST}", "mean", recall))
            if faster is None and median(index.runs[0]) < median(compared.runs[0]):
                faster = width
        where = "nowhere up to there" if faster is None else f"where {faster:,} products or more pass"
        return measures, f"the index becomes faster than comparing {where}"

    async def _cases(self) -> list[Case]:
        """Every filter as head office asks for it, and stock as the manager of the store does."""
        cases = [await self._case(name, filters) for name, filters in await self._filters()]
        own = replace(NO_FILTERS, in_stock=True)
        return cases + [
            replace(case, name=f"{case.name} by the store's manager", manager=store, asked=own)
            for case, store in zip(cases[-len(STOCKED) :], STOCKED, strict=True)
        ]

    async def _filters(self) -> list[tuple[str, Filters]]:
        total = await self._plain.fetchval("SELECT count(*) FROM products")
        found = [("no filter", NO_FILTERS)]
        for category, share in SHARES.items():
            found.append((f"category {share:.1%}", replace(NO_FILTERS, category=key("category", category))))
        for share in SHARES.values():
            price = await self._plain.fetchval(_PRICE, int(share * total))
            found.append((f"price {share:.1%}", replace(NO_FILTERS, max_price=price)))
        for store, share in STOCKED.items():
            found.append((f"in stock {share:.1%}", replace(NO_FILTERS, in_stock=True, store=key("store", store))))
        return found

    async def _case(self, name: str, filters: Filters) -> Case:
        wanted = (self._model.model, filters.category, filters.max_price, filters.store)
        nearest = [
            [row[0] for row in await self._plain.fetch(TRUTH, question, *wanted, ASKED)] for question in self._questions
        ]
        passing = await self._plain.fetchval(
            f"SELECT count(*) FROM ({TRUTH}) AS those", self._questions[0], *wanted, None
        )
        return Case(name, filters, passing, nearest)

    async def _by_zava(self, case: Case) -> Ask:
        caller = await self.provider.identify(case.manager)
        filters = case.asked or case.filters

        async def ask(question: Any) -> list[float]:
            async with self.provider.reader(caller, alone=True) as session:
                found = await by_meaning(session, question, self._model, [], filters, ASKED)
            return [1 - match.score for match in found.values()]

        return ask

    def _by_both(self, filters: Filters) -> Ask:
        """By the index, and where that finds too few by comparing, as zava does."""
        by_index = self._by_index(filters)
        compared = by_comparing(self._plain, self._model, filters, ASKED)

        async def ask(question: Any) -> list[float]:
            found = await by_index(question)
            return found if len(found) >= ASKED else await compared(question)

        return ask

    def _by_index(self, filters: Filters) -> Ask:
        statement = nearest_statement(self._model.dimensions)

        async def ask(question: Any) -> list[float]:
            values = (*filters.values, ASKED, self._model.model, [], None, horizon(self._model, filters, ASKED))
            rows = await self._plain.fetch(statement, question, *values)
            return [1 - row["score"] for row in rows]

        return ask

    async def _interleaved(self, case: Case, ways: dict[str, Ask], runs: int) -> list[Found]:
        """Every question by each way, one after the other, so that a slow moment hits them all alike."""
        found = {name: Found([], 0, []) for name in ways}
        # Plans are there, in each of the pool's connections, as in a server at work.
        for question in islice(cycle(self._questions), WARM):
            for ask in ways.values():
                await ask(question)
        for run in range(runs):
            for name in ways:
                found[name].runs.append([])
            for number, (question, nearest) in enumerate(zip(self._questions, case.nearest, strict=True)):
                # Who comes first finds less in memory, so they take turns.
                for name, ask in list(ways.items())[:: -1 if number % 2 else 1]:
                    await asyncio.sleep(GIVEN_BACK)
                    started = time.perf_counter()
                    distances = await ask(question)
                    found[name].runs[-1].append((time.perf_counter() - started) * 1000)
                    if run == 0:
                        found[name].recalls.append(_recall(distances, nearest))
                        found[name].missing += max(0, len(nearest) - len(distances))
        return list(found.values())


def _recall(found: Sequence[float], nearest: Sequence[float]) -> float:
    """Share of the ten nearest that is among the first ten found, by how near they are."""
    wanted = nearest[:NEAREST]
    return sum(distance <= wanted[-1] + SAME for distance in found[:NEAREST]) / len(wanted) if wanted else 1.0
