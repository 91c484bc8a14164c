"""Reads products to embed and writes their vectors, as the data's owner, a batch per transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.driver_errors import translated
from zava_cli.data.embed_index import BuiltIndex, IndexBuild
from zava_cli.data.named_sql import named_sql
from zava_cli.data.search import INDEX_ROWS
from zava_cli.data.target import Target
from zava_cli.infra.errors import EmbeddingError, ValidationError
from zava_cli.infra.progress import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ProductRow:
    """What a product's text is made of; `content_hash` is that of its stored vector, None without one.

    `change_no` is its place in the model's queue, None when it does not wait there.
    """

    product_id: UUID
    sku: str
    name: str
    product_type: str
    category: str
    description: str
    content_hash: str | None
    change_no: int | None


@dataclass(frozen=True)
class ModelRow:
    """A model on record: its name here, and how its provider is asked for it."""

    model: str
    provider: str
    dimensions: int
    is_active: bool
    provider_model: str
    asked_dimensions: int | None
    query_prefix: str
    document_prefix: str


Refused = tuple[ProductRow, str]
"""A product and why it was refused."""


@dataclass(frozen=True)
class Batch:
    """Products that were read together, and the vectors, shape (n, dimensions), and text hashes of n of them.

    `blank` are those whose text has no meaning to the model, so that they have no vector. `refused` are not among
    those that were read: the model's provider does not take their text, and they keep what they had.
    """

    read: Sequence[ProductRow]
    products: Sequence[UUID]
    hashes: Sequence[str]
    vectors: NDArray[np.float32]
    blank: Sequence[UUID] = ()
    refused: Sequence[Refused] = ()


@asynccontextmanager
async def embedding_store(target: Target, *, revive: bool = False) -> AsyncGenerator[EmbeddingStore]:
    """A store on an administrator's connection; `revive` as there."""
    async with admin_connection(target, revive=revive) as connection:
        yield EmbeddingStore(connection, target)


class EmbeddingStore:
    """The vectors of all models. Every method is a transaction of its own."""

    def __init__(self, connection: asyncpg.Connection, target: Target) -> None:
        self.connection = connection
        self.target = target
        self._sql = named_sql("embed")

    @asynccontextmanager
    async def alone(self, model: str) -> AsyncGenerator[None]:
        """Waits until no other process writes vectors of the model, and keeps them waiting during the block."""
        await self.connection.execute(self._sql["lock_alone"], model)
        try:
            yield
        finally:
            # A broken connection has let go of the lock already.
            if not self.connection.is_closed():
                await self.connection.execute(self._sql["unlock_alone"], model)

    async def pages(self, model: str, size: int) -> AsyncIterator[list[ProductRow]]:
        """All products, `size` at a time."""
        after = UUID(int=0)
        while True:
            with translated():
                async with self._as_owner():
                    rows = await self.connection.fetch(self._sql["page"], model, after, size)
            if rows:
                yield [ProductRow(**dict(row)) for row in rows]
            if len(rows) < size:
                return
            after = rows[-1]["product_id"]

    async def count_products(self) -> int:
        """Number of products."""
        async with self._as_owner():
            return int(await self.connection.fetchval(self._sql["products"]))

    async def count_missing(self, model: str) -> int:
        """Number of products that have no vector of the model and do not wait for one either."""
        async with self._as_owner():
            return int(await self.connection.fetchval(self._sql["missing"], model))

    async def models(self) -> list[ModelRow]:
        """Every model on record, the active one first."""
        async with self._as_owner():
            return [ModelRow(**dict(row)) for row in await self.connection.fetch(self._sql["models"])]

    async def active(self) -> ModelRow | None:
        """The model that search uses; None before anything was embedded."""
        return next((row for row in await self.models() if row.is_active), None)

    async def backlog(self) -> list[dict[str, Any]]:
        """What each model on record has and what waits for it, the active one first; see the statement `backlog`."""
        async with self._as_owner():
            return [dict(row) for row in await self.connection.fetch(named_sql("embed_queue")["backlog"])]

    async def model(self, name: str) -> ModelRow | None:
        """The model of that name; None when it is not on record."""
        return next((row for row in await self.models() if row.model == name), None)

    async def add_model(self, row: ModelRow) -> None:
        """Notes a model, for which every change of the catalogue is queued from now on."""
        async with self._as_owner():
            await self.connection.execute(self._sql["wait_for_writers"])
            await self.connection.execute(
                self._sql["add_model"], row.model, row.provider, row.dimensions, row.provider_model,
                row.asked_dimensions, row.query_prefix, row.document_prefix,
            )  # fmt: skip

    async def write(self, row: ModelRow, batch: Batch, *, claimed: bool = False) -> int:
        """Stores a batch whole or not at all and takes its products out of the queue; returns the vectors written.

        Of `claimed` products those are left out that changed since they were read. Raises EmbeddingError when the
        model has vectors of another length.
        """
        if len(batch.products) and batch.vectors.shape[1] != row.dimensions:
            raise EmbeddingError(
                f"{row.model} sent vectors of {batch.vectors.shape[1]} dimensions; those on record have "
                f"{row.dimensions}.",
                hint=f"Set embedding_dimensions to {batch.vectors.shape[1]}: that counts as a model of its own.",
            )
        async with self._as_owner():
            settled = await self._settle(row.model, batch.read)
            wanted = [place for place, key in enumerate(batch.products) if not claimed or key in settled]
            blank = [key for key in batch.blank if not claimed or key in settled]
            if blank:
                await self.connection.execute(self._sql["remove"], row.model, list(map(str, blank)))
            if wanted:
                await self._store(row, batch, wanted)
        return len(wanted)

    async def _settle(self, model: str, read: Sequence[ProductRow]) -> set[UUID]:
        queued = [product for product in read if product.change_no is not None]
        if not queued:
            return set()
        rows = await self.connection.fetch(
            named_sql("embed_queue")["settle"], model, [str(product.product_id) for product in queued],
            [str(product.change_no) for product in queued],
        )  # fmt: skip
        return {row["product_id"] for row in rows}

    async def _store(self, row: ModelRow, batch: Batch, places: Sequence[int]) -> None:
        hashes = [batch.hashes[place] for place in places]
        await self.connection.execute(self._sql["create_batch"])
        await self.connection.copy_records_to_table(
            "new_embeddings",
            records=((batch.products[place], batch.vectors[place], batch.hashes[place]) for place in places),
        )
        await self.connection.execute(self._sql["store_batch"], row.model, row.dimensions)
        digest = hashlib.sha256("".join(hashes).encode()).hexdigest()
        await self._record(row.model, digest, {"provider": row.provider, "dimensions": row.dimensions}, len(hashes))

    async def build_index(
        self, model: str, dimensions: int, on_progress: Progress = no_progress, *, minimum: int = INDEX_ROWS
    ) -> BuiltIndex | None:
        """Builds the model's index once it has `minimum` vectors; None when there is nothing to do."""
        build = IndexBuild(self.connection, self.target, model, dimensions, on_progress)
        return await build.run(minimum)

    async def activate_first(self, model: str) -> bool:
        """Makes search use `model` if it uses none yet and the model has vectors; says whether it did."""
        rows = await self.models()
        return not any(row.is_active for row in rows) and await self.activate(model)

    async def activate(self, model: str) -> bool:
        """Makes search use `model` from one moment to the next; False when it did already or there is no vector."""
        async with self._as_owner():
            if not await self.connection.fetchval(self._sql["has_vectors"], model):
                return False
            await self.connection.execute(self._sql["deactivate"], model)
            if await self.connection.fetchval(self._sql["activate"], model) is None:
                return False
            await self._record(model, hashlib.sha256(b"").hexdigest(), {"activated": True}, 0)
        return True

    async def drop(self, model: str) -> int:
        """Removes a model with its index, vectors and queue; returns the number of vectors. Never the active one."""
        # The index alone first: its lock keeps searches waiting, and removing the rows takes long.
        async with self._as_owner():
            await self._refuse_active(model)
            await self.connection.execute(await self.connection.fetchval(self._sql["drop_index"], model))
        async with self._as_owner():
            await self._refuse_active(model)
            vectors = await self.connection.fetchval(self._sql["remove_vectors"], model)
            await self.connection.execute(self._sql["remove_model"], model)
            await self._record(model, hashlib.sha256(b"").hexdigest(), {"dropped": True}, -vectors)
        return int(vectors)

    async def _refuse_active(self, model: str) -> None:
        if await self.connection.fetchval(self._sql["is_active"], model):
            raise ValidationError(
                "model", model, "search uses it", hint="Switch to another one first: `zava embed switch MODEL`."
            )

    async def _record(self, model: str, digest: str, parameters: dict[str, Any], rows: int) -> None:
        await self.connection.execute(
            named_sql("admin")["record_load"],
            "embed",
            model,
            digest,
            json.dumps(parameters),
            json.dumps({"product_description_embeddings": rows}),
        )

    def _as_owner(self) -> Any:
        return owner_transaction(self.connection, self.target)
