"""How well search finds: hit@5, nDCG@10 and MRR@10 by keyword, by meaning and hybrid, over judged questions.

See tests/data/judged/README.md. The goals are for the half of the catalogue's questions that tuning never looks at;
`--half tuning` measures the other one only, and `--misses` lists its questions that were not answered.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import lzma
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.common import Goal, Report, scratch_data_directory, zava
from tests.judged import JudgedQuery, Product, hit, judged_queries, ndcg, reciprocal_rank

LEAST_HITS = 0.92
MODES = ("keyword", "semantic", "hybrid")
ONLINE_RETAIL = Path(__file__).parents[3] / "shared/data/online-retail/online-retail.csv.xz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is measured."""
    parser.add_argument("--half", choices=["tuning", "held-out"], help="only this half of the catalogue's questions")
    parser.add_argument("--misses", action="store_true", help="list the tuning half's unanswered questions")
    parser.add_argument("--online-retail", type=Path, default=ONLINE_RETAIL, metavar="FILE", help="the second corpus")


def measure(arguments: argparse.Namespace) -> Report:
    """Asks every question in every mode."""
    report = Report("search", {})
    queries = judged_queries("catalogue")
    halves = {
        "tuning": [query for query in queries if not query.is_held_out],
        "held-out": [query for query in queries if query.is_held_out],
    }
    with scratch_data_directory() as folder:
        zava("db", "migrate", data_directory=folder)
        zava("seed", "--customers", "200", "--json", data_directory=folder)
        zava("embed", data_directory=folder)
        chosen = {half: halves[half] for half in halves if arguments.half in (None, half)}
        asyncio.run(_ask_all(report, folder, "default", chosen, show=arguments.misses))
        if arguments.half is None and _second_corpus(folder, arguments.online_retail):
            second = {"online-retail": judged_queries("online-retail")}
            asyncio.run(_ask_all(report, folder, "retail", second, show=False))
    if "held-out hybrid" in report.columns:
        report.goals = _goals(report)
    return report


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
    report: Report, folder: Path, profile: str, halves: dict[str, list[JudgedQuery]], *, show: bool
) -> None:
    """Adds a row for each half and mode to the report; its runs are the seconds of each question."""
    from zava_cli.data.admin import admin_connection
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.data.target import Target
    from zava_cli.infra.settings import Settings
    from zava_cli.models.search import SearchMode, SearchRequest
    from zava_cli.services.embedding import EmbedderSource
    from zava_cli.services.search import search_products

    target = Target(Settings.model_validate({"profile": profile, "data_dir": folder}))
    async with admin_connection(target) as connection:
        rows = await connection.fetch(
            "SELECT p.sku, p.name, t.name FROM retail.products p JOIN retail.product_types t USING (type_id)"
        )
        manager = await connection.fetchval("SELECT min(name) FROM retail.managers")
    products = [Product(*row) for row in rows]
    provider = PostgreSQLProvider(target)
    async with EmbedderSource(target.settings) as source:
        caller = await provider.identify(manager)
        # The first one loads the model.
        await search_products(provider, caller, SearchRequest(query_description="warm up"), source)
        for half, queries in halves.items():
            for mode in MODES:
                found: list[list[str]] = []
                seconds: list[float] = []
                for query in queries:
                    request = SearchRequest(query_description=query.query, mode=SearchMode(mode), limit=10)
                    started = time.perf_counter()
                    result = await search_products(provider, caller, request, source)
                    seconds.append(time.perf_counter() - started)
                    found.append([hit.sku for hit in result.hits])
                _add(report, f"{half} {mode}", queries, found, seconds, products, show=show and half == "tuning")
    await provider.close()


def _add(
    report: Report,
    name: str,
    queries: list[JudgedQuery],
    found: list[list[str]],
    seconds: list[float],
    products: Iterable[Product],
    *,
    show: bool,
) -> None:
    grades = [query.grades(products) for query in queries]
    pairs = list(zip(found, grades, strict=True))
    report.seconds = {**report.seconds, name: seconds}
    report.columns = {
        **report.columns,
        name: {
            "hit@5": round(fmean(hit(skus, graded, 5) for skus, graded in pairs), 3),
            "nDCG@10": round(fmean(ndcg(skus, graded, 10) for skus, graded in pairs), 3),
            "MRR@10": round(fmean(reciprocal_rank(skus, graded, 10) for skus, graded in pairs), 3),
        },
    }
    names = {product.sku: product.name for product in products}
    for query, (skus, graded) in zip(queries, pairs, strict=True):
        if show and not hit(skus, graded, 5):
            print(f"{name} misses {query.kind}: {query.query}: {[names[sku] for sku in skus[:5]]}", file=sys.stderr)


def _goals(report: Report) -> list[Goal]:
    def figure(mode: str, name: str) -> Any:
        return report.columns[f"held-out {mode}"][name]

    lead = figure("hybrid", "nDCG@10") - max(figure("keyword", "nDCG@10"), figure("semantic", "nDCG@10"))
    return [
        Goal("held-out hybrid hit@5", figure("hybrid", "hit@5"), at_least=LEAST_HITS),
        Goal("held-out hybrid nDCG@10 ahead of the better single mode", lead, at_least=0.001),
    ]
