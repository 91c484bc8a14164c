"""Search by meaning in plain SQL, past row security: what is true, zava's way, and what one writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from zava_cli.data.connections import prepare_own_connection
from zava_cli.data.search import Filters, VectorModel, scan_settings

Ask = Callable[[Any], Awaitable[list[float]]]
"""Asks a question, a vector; returns distances, nearest first."""

TRUTH = """
SELECT e.description_embedding <=> $1::vector AS distance
FROM product_description_embeddings e JOIN products p USING (product_id)
WHERE e.model = $2 AND ($3::uuid IS NULL OR p.category_id = $3) AND ($4::numeric IS NULL OR p.price <= $4)
  AND ($5::uuid IS NULL OR EXISTS (SELECT FROM inventory i WHERE i.product_id = p.product_id AND i.store_id = $5))
ORDER BY e.description_embedding <=> $1::vector LIMIT $6
"""
"""Distances of the nearest that pass the filters, without the index."""
_COMPARED = """
SELECT near.product_id, 1 - near.distance AS score, p.type_id
FROM (SELECT product_id, description_embedding <=> $1::vector AS distance FROM product_description_embeddings
      WHERE model = $2 AND product_id = ANY (CASE WHEN $5::uuid IS NULL
          THEN ARRAY(SELECT product_id FROM products
                     WHERE ($3::uuid IS NULL OR category_id = $3) AND ($4::bigint IS NULL OR price_key <= $4))
          ELSE ARRAY(SELECT product_id FROM inventory WHERE stock_level > 0 AND store_id = $5) END)
      ORDER BY distance LIMIT $6) AS near
JOIN products p USING (product_id)
ORDER BY near.distance
"""
_WRITTEN = """
SELECT p.product_id, 1 - (e.description_embedding <=> $1::vector) AS score, p.type_id
FROM products p JOIN product_description_embeddings e USING (product_id) {join}
WHERE e.model = '{model}' {condition}
ORDER BY e.description_embedding::halfvec({dimensions}) <=> $1::vector::halfvec({dimensions}) LIMIT {rows}
"""
_IN_STOCK = "JOIN inventory i USING (product_id)"


async def plain_pool(url: str) -> asyncpg.Pool:
    """Connections with zava's settings of an index scan, of which nothing is reset between two statements."""
    return await asyncpg.create_pool(url, min_size=2, max_size=2, init=_prepare, reset=_leave)


async def _prepare(connection: Any) -> None:
    await prepare_own_connection(connection)
    await connection.execute("; ".join(["SET jit = off", *scan_settings()]).replace("SET LOCAL", "SET"))


async def _leave(_: Any) -> None:
    pass


def by_comparing(plain: asyncpg.Pool, model: VectorModel, filters: Filters, rows: int) -> Ask:
    """As zava compares: the keys of what passes first, then their vectors."""
    category, _, highest, _, store = filters.values

    async def ask(question: Any) -> list[float]:
        values = (question, model.model, category, highest, store, rows)
        return [1 - row["score"] for row in await plain.fetch(_COMPARED, *values)]

    return ask


def as_one_writes_it(plain: asyncpg.Pool, model: VectorModel, filters: Filters, rows: int) -> Ask:
    """A join, the filter, the order and a limit; the planner finds the way.

    One filter at most is given.
    """
    conditions = {
        "AND p.category_id = $2": filters.category,
        "AND p.price <= $2": filters.max_price,
        "AND i.store_id = $2 AND i.stock_level > 0": filters.store,
    }
    given = [(condition, value) for condition, value in conditions.items() if value is not None]
    statement = _WRITTEN.format(
        model=model.model, dimensions=model.dimensions, rows=rows,
        join=_IN_STOCK if filters.store else "", condition="".join(condition for condition, _ in given),
    )  # fmt: skip

    async def ask(question: Any) -> list[float]:
        return [1 - row["score"] for row in await plain.fetch(statement, question, *(value for _, value in given))]

    return ask
