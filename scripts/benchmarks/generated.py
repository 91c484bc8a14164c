"""A catalogue of any size in the words of the sample catalogue, for measuring search at scale.

A name is the beginning of one product's and the end of another's of the same category, with other sizes; a description
has a clause of each of them and one of any product. So there are many variants and near-duplicates, as in a real
catalogue, but no product is repeated.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

import asyncpg

from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target
from zava_cli.services.seed.catalogue import Product, key, load_catalogue

SHARES = {"PAINT & FINISHES": 0.1, "STORAGE & ORGANIZATION": 0.01, "ELECTRICAL": 0.001}
"""Share of the generated products in these categories; the others divide the rest among them."""
STOCKED = {"Zava Retail Seattle": 0.1, "Zava Retail Bellevue": 0.01, "Zava Retail Tacoma": 0.001}
"""Share of the products that these stores have; the other stores have none."""
_NUMBER = re.compile(r"\b\d+(?:\.\d+)?\b")
_CLAUSE = re.compile(r"(?<=[,;.]) ")
_BATCH = 20_000
_COLUMNS = ("product_id", "sku", "name", "description", "category_id", "type_id", "cost", "price")


async def fill(target: Target, products: int) -> None:
    """Adds so many products to a seeded catalogue and takes the seeded stock away; the same ones every time.

    Goes in as the administrator past row security, as the embedded server's superuser may.
    """
    async with admin_connection(target) as connection:
        await connection.execute("SET search_path = retail, public")
        await connection.execute("DELETE FROM inventory")
        rows = _rows(products)
        while batch := list(islice(rows, _BATCH)):
            await connection.copy_records_to_table("products", records=batch, columns=_COLUMNS, schema_name="retail")
        await _stock(connection)
        await connection.execute("VACUUM (ANALYZE) products")
        await connection.execute("VACUUM (ANALYZE) inventory")


async def _stock(connection: asyncpg.Connection) -> None:
    for store, share in STOCKED.items():
        await connection.execute(
            "INSERT INTO inventory (store_id, product_id, stock_level) "
            "SELECT $1, product_id, 5 FROM products "
            "WHERE hashtext($1::uuid::text || product_id::text) & 65535 < $2::float * 65536",
            key("store", store), share,
        )  # fmt: skip


def _rows(products: int) -> Iterator[tuple[object, ...]]:
    draw = random.Random(5)
    everything = load_catalogue().products
    by_category: dict[str, list[Product]] = defaultdict(list)
    for product in everything:
        by_category[product.category].append(product)
    rest = (1 - sum(SHARES.values())) / (len(by_category) - len(SHARES))
    categories = draw.choices(list(by_category), [SHARES.get(name, rest) for name in by_category], k=products)
    for number, category in enumerate(categories):
        model, other = draw.choice(by_category[category]), draw.choice(by_category[category])
        clauses = [draw.choice(_CLAUSE.split(part.description)) for part in (model, other, draw.choice(everything))]
        sku = f"GEN{number:08d}"
        price = Decimal(draw.randrange(100, 100_000)) / 100
        yield (
            key("product", sku), sku, _name(draw, model, other), " ".join(clauses).rstrip(",;.") + ".",
            key("category", category), key("type", f"{category}/{model.product_type}"), price / 2, price,
        )  # fmt: skip


def _name(draw: random.Random, model: Product, other: Product) -> str:
    beginning, end = other.name.split(), model.name.split()
    mixed = " ".join([*beginning[: len(beginning) // 2], *end[len(end) // 2 :]])
    return _NUMBER.sub(lambda found: f"{float(found[0]) * draw.choice((0.5, 1, 1, 1.5, 2, 3, 4, 6, 10)):g}", mixed)
