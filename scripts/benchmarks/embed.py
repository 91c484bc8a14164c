"""`zava embed` of a new catalogue against wordllama alone on the same texts.

wordllama alone has its model loaded and all texts in memory, and keeps the vectors there, in the order and the
batches of its own default. `zava embed` is a process of its own, whose memory is measured too: it loads the model,
reads the products, compares hashes, embeds, and stores every vector in committed transactions under forced row
security. The index that follows has a row of its own; `--no-index` leaves it out.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import subprocess
import sys
import time
from contextlib import suppress
from itertools import islice, product
from pathlib import Path

import psutil
import wordllama

from benchmarks.common import Goal, Measure, Report, interleaved_numbers
from benchmarks.databases import ZAVA, environment, scratch_data_directory, zava
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings
from zava_cli.services.embed import product_text

LEAST_SHARE = 0.8
MOST_GROWTH = 1.1
"""Memory for all products by that for half of them."""
CATALOGUE = Path(__file__).resolve().parents[2] / "sample_data" / "products.csv"
SERIES = ("", " Pro", " Compact", " Heavy Duty", " Contractor Pack", " XL", " Premium", " 2nd Edition")
_ADD = """
WITH category AS (
    INSERT INTO categories (name) SELECT DISTINCT unnest($1::text[])
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING category_id, name
), type AS (
    INSERT INTO product_types (category_id, name)
    SELECT DISTINCT c.category_id, t.type FROM unnest($1::text[], $2::text[]) AS t(category, type)
    JOIN category c ON c.name = t.category
    ON CONFLICT (category_id, name) DO UPDATE SET name = excluded.name RETURNING type_id, category_id, name
)
INSERT INTO products (sku, name, description, category_id, type_id, price)
SELECT 'B' || $5 + row_number() OVER (), x.name, x.description, c.category_id, t.type_id, 10
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS x(category, type, name, description)
JOIN category c ON c.name = x.category JOIN type t ON t.category_id = c.category_id AND t.name = x.type
"""
_WITHOUT_INDEX = """
from zava_cli.data.embed import EmbeddingStore

async def none(*_, **__):
    return None

assert EmbeddingStore.build_index
EmbeddingStore.build_index = none
from zava_cli.__main__ import main
main()
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many products there are."""
    parser.add_argument("--products", type=int, default=50_000, help="products to embed (50,000)")
    parser.add_argument("--no-index", action="store_true", help="build no index, which takes longer than all the rest")


def measure(arguments: argparse.Namespace) -> Report:
    """Embeds the same catalogue from nothing in every run; its first half once before, for the memory that takes."""
    wanted = 1_000 if arguments.quick else arguments.products
    with scratch_data_directory() as folder:
        zava("db", "migrate", data_directory=folder)
        target = Target(Settings.model_validate({"data_dir": folder}))
        asyncio.run(_fill(target, 0, wanted // 2))
        half = _embedded(folder, index=False)
        asyncio.run(_fill(target, wanted // 2, wanted))
        texts = asyncio.run(_texts(target))
        model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)

        def stored() -> dict[str, float]:
            asyncio.run(_forget(target))
            return _embedded(folder, index=not arguments.no_index)

        def alone() -> dict[str, float]:
            started = time.perf_counter()
            model.embed(texts)
            return {"s": time.perf_counter() - started}

        found = interleaved_numbers(arguments.runs, {"wordllama alone": alone, "zava embed": stored})
    speed = Measure(
        f"{len(texts):,} products", "products/s",
        {name: [len(texts) / s for s in runs] for name, runs in found["s"].items()}, "wordllama alone",
    )  # fmt: skip
    index = Measure("index", "s", {"zava embed": found["s of index"]["zava embed"]})
    memory = Measure("peak memory", "MB", {"zava embed": found["MB"]["zava embed"], "half of them": [half["MB"]]})
    name = "products/s of zava embed by those of wordllama alone"
    goals = [
        Goal(name, speed.ratio("zava embed"), at_least=LEAST_SHARE),
        Goal(
            "peak memory for all products by that for half of them",
            memory.median("zava embed") / half["MB"], at_most=MOST_GROWTH,
        ),
    ]  # fmt: skip
    return Report("embed", [speed, index, memory], goals)


def _embedded(folder: Path, *, index: bool) -> dict[str, float]:
    """What `zava embed` took, as a process of its own: seconds, those of the index, and peak memory in MB."""
    program = [ZAVA] if index else [sys.executable, "-c", _WITHOUT_INDEX]
    with subprocess.Popen(
        [*program, "embed", "--json"], env=environment(folder), stdout=subprocess.PIPE, text=True
    ) as process:
        peak = _peak_memory(process)
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
    assert process.returncode == 0
    return {"s": report["seconds"], "s of index": report["index_seconds"], "MB": peak / 1_000_000}


def _peak_memory(process: subprocess.Popen[str]) -> int:
    """Most bytes of memory until the process ends, looked at ten times a second.

    What the system counts itself (ru_maxrss) begins with the memory of whoever started the process.
    """
    peak = 0
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, started.memory_info().rss)
            time.sleep(0.1)
    return peak


async def _fill(target: Target, start: int, stop: int, at_once: int = 50_000) -> None:
    """Adds products from one number to another, each joining one name of the sample catalogue, in one of a few
    series, with another one's description."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        sample = list(csv.DictReader(file))
    assert stop <= len(SERIES) * len(sample) ** 2, "there are not so many different products"
    pairs = islice(product(SERIES, sample, sample), start, stop)
    async with admin_connection(target) as connection:
        while some := list(islice(pairs, at_once)):
            values = (
                [first["category"] for _, first, _ in some],
                [first["product_type"] for _, first, _ in some],
                [first["name"] + series for series, first, _ in some],
                [second["description"] for _, _, second in some],
            )
            async with owner_transaction(connection, target):
                await connection.execute(_ADD, *values, start)
            start += len(some)


async def _texts(target: Target) -> list[str]:
    async with embedding_store(target) as store:
        return [product_text(row) async for page in store.pages("none", 5_000) for row in page]


async def _forget(target: Target) -> None:
    """Takes all vectors, models and their indexes away."""
    async with admin_connection(target) as connection, owner_transaction(connection, target):
        indexes = await connection.fetch("SELECT indexname FROM pg_indexes WHERE indexname ~ '^embeddings_hnsw_'")
        for row in indexes:
            await connection.execute(f'DROP INDEX retail."{row[0]}"')
        await connection.execute("TRUNCATE product_description_embeddings, embedding_models, ops.embedding_queue")
