"""`zava embed` of a new catalogue against wordllama alone on the same texts.

wordllama alone has its model loaded and all texts in memory, and keeps the vectors there, in the order and the
batches of its own default. `zava embed` loads the model, reads the products, compares hashes, embeds, and stores
every vector in committed transactions under forced row security; the index that follows has a column of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import time
from itertools import product
from pathlib import Path

import wordllama

from benchmarks.common import Goal, Measure, Report, interleaved
from benchmarks.databases import scratch_data_directory, zava
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings
from zava_cli.models.embed import EmbedReport, EmbedRequest
from zava_cli.services.embed import embed_products, product_text

LEAST_SHARE = 0.8
CATALOGUE = Path(__file__).resolve().parents[2] / "sample_data" / "products.csv"
_ADD = """
WITH category AS (INSERT INTO categories (name) SELECT DISTINCT unnest($1::text[]) RETURNING category_id, name),
type AS (
    INSERT INTO product_types (category_id, name)
    SELECT DISTINCT c.category_id, t.type FROM unnest($1::text[], $2::text[]) AS t(category, type)
    JOIN category c ON c.name = t.category
    RETURNING type_id, category_id, name
)
INSERT INTO products (sku, name, description, category_id, type_id, price)
SELECT 'B' || row_number() OVER (), x.name, x.description, c.category_id, t.type_id, 10
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS x(category, type, name, description)
JOIN category c ON c.name = x.category JOIN type t ON t.category_id = c.category_id AND t.name = x.type
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many products there are."""
    parser.add_argument("--products", type=int, default=50_000, help="products to embed (50,000)")


def measure(arguments: argparse.Namespace) -> Report:
    """Embeds the same catalogue from nothing in every run."""
    with scratch_data_directory() as folder:
        zava("db", "migrate", data_directory=folder)
        target = Target(Settings.model_validate({"data_dir": folder}))
        texts = asyncio.run(_fill(target, 1_000 if arguments.quick else arguments.products))
        model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
        reports: list[EmbedReport] = []

        def stored() -> float:
            asyncio.run(_forget(target))
            reports.append(asyncio.run(embed_products(target, EmbedRequest())))
            return reports[-1].seconds

        def alone() -> float:
            started = time.perf_counter()
            model.embed(texts)
            return time.perf_counter() - started

        seconds = interleaved(arguments.runs, {"wordllama alone": alone, "zava embed": stored})
    speed = Measure(
        f"{len(texts):,} products", "products/s",
        {name: [len(texts) / s for s in runs] for name, runs in seconds.items()}, "wordllama alone",
    )  # fmt: skip
    index = Measure("index", "s", {"zava embed": [report.index_seconds for report in reports]})
    name = "products/s of zava embed by those of wordllama alone"
    return Report("embed", [speed, index], [Goal(name, speed.ratio("zava embed"), at_least=LEAST_SHARE)])


async def _fill(target: Target, wanted: int) -> list[str]:
    """Adds products that each join one name of the sample catalogue with another one's description."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        sample = list(csv.DictReader(file))
    pairs = [pair for pair, _ in zip(product(sample, sample), range(wanted), strict=False)]
    values = (
        [first["category"] for first, _ in pairs],
        [first["product_type"] for first, _ in pairs],
        [first["name"] for first, _ in pairs],
        [second["description"] for _, second in pairs],
    )
    async with admin_connection(target) as connection, owner_transaction(connection, target):
        await connection.execute(_ADD, *values)
    async with embedding_store(target) as store:
        return [product_text(row) async for page in store.pages("none", 5_000) for row in page]


async def _forget(target: Target) -> None:
    """Takes all vectors, models and their indexes away."""
    async with admin_connection(target) as connection, owner_transaction(connection, target):
        indexes = await connection.fetch("SELECT indexname FROM pg_indexes WHERE indexname ~ '^embeddings_hnsw_'")
        for row in indexes:
            await connection.execute(f'DROP INDEX retail."{row[0]}"')
        await connection.execute("TRUNCATE product_description_embeddings, embedding_models")
