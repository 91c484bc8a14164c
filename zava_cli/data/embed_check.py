"""Golden queries, what a model answers to them with and without its index, and what it answered before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_cli.data.admin import owner_transaction
from zava_cli.data.embed import EmbeddingStore, ModelRow, ProductRow
from zava_cli.data.named_sql import named_sql
from zava_cli.data.search import (
    NO_FILTERS,
    Match,
    VectorModel,
    horizon,
    matches_in,
    nearest_statement,
    scan_settings,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TYPES = 25
QUERIES = 50
SAMPLE = 500


@dataclass(frozen=True)
class GoldenQuery:
    """A question, and the type or the product that must be found."""

    query: str
    type_id: UUID | None
    product_id: UUID | None


@dataclass(frozen=True)
class LastCheck:
    """What a model answered when it was last found well: keys of products by query, nearest first."""

    recall: float
    hits: float
    answers: dict[str, list[str]]
    updated_at: datetime


class CheckStore:
    """Golden queries and checks on a store's connection. Every method is a transaction of its own, but in `whole`."""

    def __init__(self, store: EmbeddingStore) -> None:
        self._connection = store.connection
        self._target = store.target
        self._sql = named_sql("embed_check")

    def whole(self) -> AbstractAsyncContextManager[object]:
        """One transaction for the block, all of which is undone when it fails."""
        return self._connection.transaction()

    async def golden(self) -> list[GoldenQuery]:
        """The golden queries, the same for every model; the shop's own, or else chosen from the catalogue."""
        async with self._as_owner():
            await self._connection.execute(self._sql["choose_golden"], TYPES, QUERIES)
            return [GoldenQuery(**dict(row)) for row in await self._connection.fetch(self._sql["golden"])]

    async def replace_golden(self, skus: Mapping[str, str]) -> list[str]:
        """Makes these queries with their SKUs the golden ones, unless some SKUs are unknown, which it returns."""
        async with self._as_owner():
            rows = await self._connection.fetch(self._sql["unknown_skus"], list(skus.values()))
            if not rows:
                await self._connection.execute(self._sql["forget_golden"])
                await self._connection.execute(self._sql["keep_golden"], list(skus), list(skus.values()))
        return [row["sku"] for row in rows]

    async def nearest(
        self, row: ModelRow, vector: NDArray[np.float32], limit: int, *, exact: bool
    ) -> dict[UUID, Match]:
        """Products nearest to a vector, nearest first, as search finds them or compared one by one."""
        async with self._as_owner():
            if exact:
                rows = await self._connection.fetch(self._sql["nearest_of_all"], vector, limit, row.model)
            else:
                await self._connection.execute("; ".join(scan_settings()))
                neighbours = await self._connection.fetchval(self._sql["neighbours"], row.model)
                candidates = horizon(VectorModel(row.model, row.dimensions, neighbours), NO_FILTERS, limit)
                rows = await self._connection.fetch(
                    nearest_statement(row.dimensions),
                    vector,
                    *NO_FILTERS.values,
                    limit,
                    row.model,
                    [],
                    None,
                    candidates,
                )
        return matches_in(rows)

    async def sample(self, model: str) -> list[ProductRow]:
        """Some products that have a vector of the model."""
        async with self._as_owner():
            rows = await self._connection.fetch(self._sql["sample"], model, SAMPLE)
        return [ProductRow(**dict(row)) for row in rows]

    async def last(self, model: str) -> LastCheck | None:
        """What the model answered when it was last found well; None before its first check."""
        async with self._as_owner():
            row = await self._connection.fetchrow(self._sql["last_check"], model)
        return None if row is None else LastCheck(**dict(row) | {"answers": json.loads(row["answers"])})

    async def keep(self, model: str, recall: float, hits: float, answers: dict[str, list[str]]) -> None:
        """Makes these answers the ones that the next are compared with."""
        async with self._as_owner():
            await self._connection.execute(self._sql["keep_check"], model, recall, hits, json.dumps(answers))

    def _as_owner(self) -> Any:
        return owner_transaction(self._connection, self._target)
