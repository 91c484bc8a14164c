"""A search by meaning as one writes it in SQL: a join, the filter, the order, a limit; the planner finds the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from zava_cli.data.search import Filters, VectorModel

_WRITTEN = """
SELECT p.product_id, 1 - (e.description_embedding <=> $1::vector) AS score, p.type_id
FROM products p JOIN product_description_embeddings e USING (product_id) {join}
WHERE e.model = '{model}' {condition}
ORDER BY e.description_embedding::halfvec({dimensions}) <=> $1::vector::halfvec({dimensions}) LIMIT {rows}
"""
_IN_STOCK = "JOIN inventory i USING (product_id)"


def as_one_writes_it(
    plain: asyncpg.Connection, model: VectorModel, filters: Filters, rows: int
) -> Callable[[Any], Awaitable[list[float]]]:
    """Asks a question that way; returns distances. One filter at most is given: category, highest price or store."""
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
