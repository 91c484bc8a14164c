"""Reads products to embed and writes their vectors, as the data's owner, a batch per transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.driver_errors import translated
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import EmbeddingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INDEX_ROWS = 10_000
"""Vectors of one model from which on its index is faster than an exact scan, which finds everything."""


@dataclass(frozen=True)
class ProductRow:
    """What a product's text is made of; `content_hash` is that of its stored vector, None without one."""

    product_id: UUID
    name: str
    product_type: str
    category: str
    description: str
    content_hash: str | None
    last_updated: datetime | None


@dataclass(frozen=True)
class ModelRow:
    """A model on record."""

    model: str
    provider: str
    dimensions: int
    is_active: bool


@dataclass(frozen=True)
class Batch:
    """Vectors to store: shape (n, dimensions), with the key and text hash of each of the n products."""

    products: Sequence[UUID]
    hashes: Sequence[str]
    vectors: NDArray[np.float32]


@asynccontextmanager
async def embedding_store(target: Target, *, exclusive: bool) -> AsyncGenerator[EmbeddingStore]:
    """A store on an administrator's connection; an `exclusive` one waits until no other process has one."""
    sql = named_sql("embed")
    async with admin_connection(target) as connection:
        if exclusive:
            await connection.execute(sql["lock"])
        try:
            yield EmbeddingStore(connection, target)
        finally:
            # A broken connection has let go of the lock already.
            if exclusive and not connection.is_closed():
                await connection.execute(sql["unlock"])


class EmbeddingStore:
    """The vectors of all models. Every method is a transaction of its own."""

    def __init__(self, connection: asyncpg.Connection, target: Target) -> None:
        self._connection = connection
        self._target = target
        self._sql = named_sql("embed")

    async def pages(self, model: str, size: int) -> AsyncIterator[list[ProductRow]]:
        """All products, `size` at a time."""
        after = UUID(int=0)
        while True:
            with translated():
                async with self._as_owner():
                    rows = await self._connection.fetch(self._sql["page"], model, after, size)
            if rows:
                yield [ProductRow(**dict(row)) for row in rows]
            if len(rows) < size:
                return
            after = rows[-1]["product_id"]

    async def count_products(self) -> int:
        """Number of products."""
        async with self._as_owner():
            return int(await self._connection.fetchval(self._sql["products"]))

    async def models(self) -> list[ModelRow]:
        """Every model on record, the active one first."""
        async with self._as_owner():
            return [ModelRow(**dict(row)) for row in await self._connection.fetch(self._sql["models"])]

    async def write(self, model: str, provider: str, batch: Batch) -> None:
        """Stores a batch whole or not at all; EmbeddingError when the model has vectors of another length."""
        dimensions = batch.vectors.shape[1]
        async with self._as_owner():
            known = await self._connection.fetchval(self._sql["add_model"], model, provider, dimensions)
            if known != dimensions:
                raise EmbeddingError(
                    f"{model} sent vectors of {dimensions} dimensions; those on record have {known}.",
                    hint=f"Set embedding_dimensions to {dimensions}: that counts as a model of its own.",
                )
            await self._connection.execute(self._sql["create_batch"])
            await self._connection.copy_records_to_table(
                "new_embeddings", records=zip(batch.products, batch.vectors, batch.hashes, strict=True)
            )
            await self._connection.execute(self._sql["store_batch"], model, dimensions)
            digest = hashlib.sha256("".join(batch.hashes).encode()).hexdigest()
            await self._record(model, digest, {"provider": provider, "dimensions": dimensions}, len(batch.products))

    async def build_index(self, model: str, dimensions: int, *, minimum: int = INDEX_ROWS) -> bool:
        """Builds the model's index once it has `minimum` vectors; says whether it did."""
        async with self._as_owner():
            plan = await self._connection.fetchrow(self._sql["index_plan"], model, dimensions)
            assert plan is not None
            if plan["is_there"] or plan["vectors"] < minimum:
                return False
            await self._connection.execute(plan["statement"])
            await self._connection.execute(self._sql["analyze"])
        return True

    async def activate(self, model: str) -> bool:
        """Makes search use `model`; False when it did already or the model is not on record."""
        async with self._as_owner():
            if model not in [row["model"] for row in await self._connection.fetch(self._sql["models"])]:
                return False
            await self._connection.execute(self._sql["deactivate"], model)
            if await self._connection.fetchval(self._sql["activate"], model) is None:
                return False
            await self._record(model, hashlib.sha256(b"").hexdigest(), {"activated": True}, 0)
        return True

    async def _record(self, model: str, digest: str, parameters: dict[str, Any], rows: int) -> None:
        await self._connection.execute(
            named_sql("admin")["record_load"],
            "embed",
            model,
            digest,
            json.dumps(parameters),
            json.dumps({"product_description_embeddings": rows}),
        )

    def _as_owner(self) -> Any:
        return owner_transaction(self._connection, self._target)
