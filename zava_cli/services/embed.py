"""Embeds the catalogue: only what is new or changed, in batches that each survive an interrupt."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zava_cli.data.embed import Batch, EmbeddingStore, ProductRow, embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.embeddings.base import Embedder
from zava_cli.infra.errors import EmbeddingError
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.models.embed import EmbedReport, EmbedRequest, EmbedStatus, ModelStatus
from zava_cli.services.embedding import EmbedderSource, stored_name

PAGE = 5_000


def product_text(product: ProductRow) -> str:
    """What is embedded for a product; a change of this text makes its vector stale.

    The name first, because models weigh the beginning most. In lower case, because small models know words in
    capitals less well: some catalogues are written in them, and every type and category is.
    """
    return f"{product.name}. {product.product_type}. {product.category}. {product.description}".lower()


async def embed_products(target: Target, request: EmbedRequest, on_progress: Progress = no_progress) -> EmbedReport:
    """Brings the configured model's vectors up to date, then makes search use that model.

    Every batch is a transaction of its own: after an interrupt or error the finished ones stay and the next
    run goes on from there. Raises EmbeddingError, which says how many products are left.
    """
    started = time.monotonic()
    async with (
        EmbedderSource(target.settings) as source,
        embedding_store(target, exclusive=True) as store,
    ):
        embedder = source.get()
        run = _Run(store, embedder, stored_name(embedder, target.settings), request, on_progress)
        await run.embed()
        seconds = time.monotonic() - started
        dimensions = next((row.dimensions for row in await store.models() if row.model == run.model), 0)
        # First the index, so that search by the new model is fast from its first question on.
        on_progress("building the index", run.embedded, run.embedded)
        indexed = await store.build_index(run.model, dimensions) if dimensions else False
        index_seconds = time.monotonic() - started - seconds
        return EmbedReport(
            model=run.model,
            provider=embedder.provider,
            dimensions=dimensions,
            products=run.products,
            embedded=run.embedded,
            unchanged=run.products - run.embedded - run.skipped,
            skipped=run.skipped,
            activated=await store.activate(run.model),
            indexed=indexed,
            seconds=round(seconds, 3),
            index_seconds=round(index_seconds, 3),
        )


async def embed_status(target: Target) -> EmbedStatus:
    """How each model's vectors compare with the catalogue as it is now; embeds nothing."""
    async with embedding_store(target, exclusive=False) as store:
        products = await store.count_products()
        models: list[ModelStatus] = []
        for row in await store.models():
            rows = [product async for page in store.pages(row.model, PAGE) for product in page]
            embedded = [product for product in rows if product.content_hash is not None]
            models.append(
                ModelStatus(
                    model=row.model,
                    provider=row.provider,
                    active=row.is_active,
                    dimensions=row.dimensions,
                    products=len(rows),
                    embedded=len(embedded),
                    missing=len(rows) - len(embedded),
                    stale=sum(product.content_hash != _hash(product_text(product)) for product in embedded),
                    last_updated=max((p.last_updated for p in embedded if p.last_updated), default=None),
                )
            )
        return EmbedStatus(products=products, models=models)


@dataclass
class _Pending:
    """Products of one batch that need a vector."""

    products: list[ProductRow] = field(default_factory=list[ProductRow])
    texts: list[str] = field(default_factory=list[str])
    hashes: list[str] = field(default_factory=list[str])


@dataclass
class _Run:
    store: EmbeddingStore
    embedder: Embedder
    model: str
    request: EmbedRequest
    on_progress: Progress
    products: int = 0
    passed: int = 0
    embedded: int = 0
    skipped: int = 0

    async def embed(self) -> None:
        """Embeds what is pending; while a batch is embedded the one before it is written and the next one read."""
        self.products = await self.store.count_products()
        batches = self._pending(everything=self.request.all)
        batch, ready = await anext(batches, None), None
        try:
            while batch is not None:
                embedding = asyncio.ensure_future(self.embedder.embed_documents(batch.texts))
                try:
                    await self._write(ready)
                    ready, upcoming = None, await anext(batches, None)
                    ready = self._usable(batch, await embedding)
                finally:
                    embedding.cancel()
                batch = upcoming
            await self._write(ready)
        except EmbeddingError as error:
            # With --all a product that is left may have its right vector from before: those are not counted.
            left = sum([len(batch.texts) async for batch in self._pending(everything=False)])
            raise EmbeddingError(
                f"{error.message} {self.embedded} products were embedded in this run; {left} are missing or stale.",
                hint=f"{error.hint or ''} The next `zava embed` goes on from here.".strip(),
            ) from error

    def _usable(self, batch: _Pending, vectors: NDArray[np.float32]) -> Batch:
        """Without zero vectors: the cosine distance to one is NaN. Such a product is found by keyword only."""
        rows: list[int] = np.flatnonzero(np.count_nonzero(vectors, axis=1)).tolist()
        self.skipped += len(batch.texts) - len(rows)
        return Batch(
            products=[batch.products[row].product_id for row in rows],
            hashes=[batch.hashes[row] for row in rows],
            vectors=vectors[rows],
        )

    async def _write(self, batch: Batch | None) -> None:
        if batch is None or not batch.products:
            return
        await self.store.write(self.model, self.embedder.provider, batch)
        self.embedded += len(batch.products)
        self.on_progress("embedding", self.passed, self.products)

    async def _pending(self, *, everything: bool) -> AsyncIterator[_Pending]:
        async for page in self.store.pages(self.model, self.request.batch):
            batch = _Pending()
            for product in page:
                text = product_text(product)
                content_hash = _hash(text)
                if not everything and product.content_hash == content_hash:
                    continue
                batch.products.append(product)
                batch.texts.append(text)
                batch.hashes.append(content_hash)
            self.passed += len(page)
            if batch.texts:
                yield batch


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
