"""How well search finds: hit@5, nDCG@10 and MRR@10 by keyword, by meaning and hybrid, over judged questions.

See tests/data/judged/README.md. The goals are for the half of the catalogue's questions that tuning never looks at;
`--half tuning` measures the other one only, and `--misses` lists its questions that were not answered.

`--only speed` measures what a search costs by what `SELECT 1` costs, over MCP and in the terminal, with the tuning
half's questions; answers are not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import lzma
import sys
import time
from pathlib import Path
from statistics import fmean

from benchmarks import common
from benchmarks.common import Goal, Measure, Report
from benchmarks.databases import scratch_data_directory, seeded_database, zava
from benchmarks.serving import searches
from tests.judged import JudgedQuery, Product, hit, judged_queries, ndcg, reciprocal_rank

LEAST_HITS = 0.92
MODES = ("keyword", "semantic", "hybrid")
PARTS = ("quality", "speed")
ONLINE_RETAIL = Path(__file__).parents[3] / "shared/data/online-retail/online-retail.csv.xz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is measured."""
    parser.add_argument("--half", choices=["tuning", "held-out"], help="only this half of the catalogue's questions")
    parser.add_argument("--misses", action="store_true", help="list the tuning half's unanswered questions")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts alone")
    parser.add_argument("--calls", type=int, default=250, help="searches over MCP in each run")
    parser.add_argument("--starts", type=int, default=9, help="searches in the terminal in each run")
    parser.add_argument("--online-retail", type=Path, default=ONLINE_RETAIL, metavar="FILE", help="the second corpus")


def measure(arguments: argparse.Namespace) -> Report:
    """How well and how fast, part by part."""
    measures: list[Measure] = []
    goals: list[Goal] = []
    for part, made in (("quality", _quality), ("speed", _speed)):
        if part in arguments.only:
            report = common.progress.part(made(arguments))
            measures += report.measures
            goals += report.goals
    return Report("search", measures, goals)


def _speed(arguments: argparse.Namespace) -> Report:
    """A search beside `SELECT 1`."""
    questions = [query.query for query in judged_queries("catalogue") if not query.is_held_out]
    calls, starts, runs = (5, 1, 1) if arguments.quick else (arguments.calls, arguments.starts, arguments.runs)
    with seeded_database() as database:
        zava("embed", data_directory=database.folder)
        return searches.compared(database, questions, calls=calls, starts=starts, runs=runs)


def _quality(arguments: argparse.Namespace) -> Report:
    """Asks every question in every mode."""
    measures: list[Measure] = []
    queries = judged_queries("catalogue")
    halves = {
        "tuning": [query for query in queries if not query.is_held_out],
        "held-out": [query for query in queries if query.is_held_out],
        "shoppers": judged_queries("shoppers"),
    }
    with scratch_data_directory() as folder:
        zava("db", "migrate", data_directory=folder)
        zava("seed", "--customers", "200", "--json", data_directory=folder)
        zava("embed", data_directory=folder)
        chosen = {half: halves[half] for half in halves if arguments.half in (None, half)}
        asyncio.run(_ask_all(measures, folder, "default", chosen, show=arguments.misses))
        if arguments.half is None and _second_corpus(folder, arguments.online_retail):
            second = {"online-retail": judged_queries("online-retail")}
            asyncio.run(_ask_all(measures, folder, "retail", second, show=False))
    return Report("", measures, [] if arguments.half == "tuning" else _goals(measures))


def _second_corpus(folder: Path, file: Path) -> bool:
    """A database of every product of Online Retail: one line of each, since sales do not matter here."""
    if not file.is_file():
        print(f"Online Retail is left out: there is no {file.name} (--online-retail FILE).", file=sys.stderr)
        return False
    lines: dict[str, dict[str, str]] = {}
    with lzma.open(file, "rt", encoding="utf-8", newline="") as packed:
        for line in csv.DictReader(packed):
            if line["Description"].strip():
                lines.setdefault(line["StockCode"], line)
    reduced = folder / "online-retail.csv"
    with reduced.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, next(iter(lines.values())).keys())
        writer.writeheader()
        writer.writerows(lines.values())
    zava("db", "migrate", data_directory=folder, profile="retail")
    zava("import", str(reduced), "--time-zone", "Europe/London", data_directory=folder, profile="retail")
    zava("embed", data_directory=folder, profile="retail")
    return True


async def _ask_all(
    measures: list[Measure], folder: Path, profile: str, halves: dict[str, list[JudgedQuery]], *, show: bool
) -> None:
    """Adds the measures of each half, by mode."""
    from zava_cli.data.admin import admin_connection
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.data.target import Target
    from zava_cli.infra.settings import Settings
    from zava_cli.models.search import SearchMode, SearchRequest
    from zava_cli.services.embedding import EmbedderSource
    from zava_cli.services.search import search_products
    from zava_cli.services.search_memory import SearchMemory

    target = Target(Settings.model_validate({"profile": profile, "data_dir": folder}))
    async with admin_connection(target) as connection:
        rows = await connection.fetch(
            "SELECT p.sku, p.name, t.name FROM retail.products p JOIN retail.product_types t USING (type_id)"
        )
        manager = await connection.fetchval("SELECT min(name) FROM retail.managers")
    products = [Product(*row) for row in rows]
    provider = PostgreSQLProvider(target)
    async with EmbedderSource(target.settings) as source:
        memory = SearchMemory.of(target.settings)
        caller = await provider.identify(manager)
        # The first one loads the model.
        await search_products(provider, caller, SearchRequest(query_description="warm up"), source, memory)
        for half, queries in halves.items():
            figures: dict[str, dict[str, list[float]]] = {}
            for mode in MODES:
                found: list[list[str]] = []
                figures[mode] = {"time": []}
                for query in queries:
                    request = SearchRequest(query_description=query.query, mode=SearchMode(mode), limit=10)
                    started = time.perf_counter()
                    result = await search_products(provider, caller, request, source, memory)
                    figures[mode]["time"].append((time.perf_counter() - started) * 1000)
                    found.append([hit.sku for hit in result.hits])
                shown = f"{half} {mode}" if show and half == "tuning" else None
                figures[mode] |= _figures(queries, found, products, shown)
            for name in figures[MODES[0]]:
                unit = "ms" if name == "time" else "mean"
                runs = {mode: figures[mode][name] for mode in MODES}
                measures.append(Measure(f"{half} {name}", unit, runs))
            common.progress.so_far("quality", Report("", [*measures]))
    await provider.close()


def _figures(
    queries: list[JudgedQuery], found: list[list[str]], products: list[Product], shown: str | None
) -> dict[str, list[float]]:
    """How good the answers are; what was missed goes to standard error under the name `shown`."""
    pairs = [(skus, query.grades(products)) for skus, query in zip(found, queries, strict=True)]
    names = {product.sku: product.name for product in products}
    for query, (skus, graded) in zip(queries, pairs, strict=True):
        if shown and not hit(skus, graded, 5):
            print(f"{shown} misses {query.kind}: {query.query}: {[names[sku] for sku in skus[:5]]}", file=sys.stderr)
    return {
        "hit@5": [fmean(hit(skus, graded, 5) for skus, graded in pairs)],
        "nDCG@10": [fmean(ndcg(skus, graded, 10) for skus, graded in pairs)],
        "MRR@10": [fmean(reciprocal_rank(skus, graded, 10) for skus, graded in pairs)],
    }


def _goals(measures: list[Measure]) -> list[Goal]:
    by_name = {measure.name: measure for measure in measures}
    hits, gain = by_name["held-out hit@5"], by_name["held-out nDCG@10"]
    lead = gain.median("hybrid") - max(gain.median("keyword"), gain.median("semantic"))
    return [
        Goal("held-out hybrid hit@5", hits.median("hybrid"), at_least=LEAST_HITS),
        Goal("held-out hybrid nDCG@10 ahead of the better single mode", lead, at_least=0.001),
    ]
