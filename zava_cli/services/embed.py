"""Embeds the whole catalogue: only what is new or changed, in batches that each survive an interrupt."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from zava_cli.data.driver_errors import translated
from zava_cli.data.embed import Batch, EmbeddingStore, ModelRow, ProductRow, embedding_store
from zava_cli.data.embed_queue import EmbeddingQueue
from zava_cli.data.target import Target
from zava_cli.infra.embeddings.base import Embedder, OnCall
from zava_cli.infra.errors import DatabaseUnavailableError, EmbeddingError
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.infra.settings import Settings
from zava_cli.models.embed import EmbedReport, EmbedRequest, Refusals
from zava_cli.services.embed_refusals import put_off
from zava_cli.services.embedding import EmbedderSource, stored_name

GOES_ON = "The next `zava embed` goes on from here."


def product_text(product: ProductRow) -> str:
    """What is embedded for a product; a change of this text makes its vector stale.

    The name first, because models weigh the beginning most. In lower case, because small models know words in
    capitals less well: some catalogues are written in them, and every type and category is.
    """
    return f"{product.name}. {product.product_type}. {product.category}. {product.description}".lower()


async def embed_products(
    target: Target, request: EmbedRequest, on_progress: Progress = no_progress, on_call: OnCall | None = None
) -> EmbedReport:
    """Compares every product with its vector of the configured model, and brings all of them up to date.

    Where the settings name no model, it is the one that search uses.

    The first model of a database is the one that search uses from then on; later ones wait for a switch. Every
    batch is a transaction of its own: after an interrupt or error the finished ones stay and the next run goes on
    from there. Products whose text the provider refuses are put off, and the others go on. `on_call` hears of each
    call of the provider. Raises EmbeddingError, which says how many products are left.
    """
    started = time.monotonic()
    async with EmbedderSource(target.settings, on_call) as source, embedding_store(target) as store:
        embedder, settings = source.chosen(await store.active())
        model = stored_name(embedder, settings)
        async with store.alone(model):
            run = _Run(store, embedder, model, settings, request, on_progress)
            await run.embed()
            seconds = time.monotonic() - started
            # First the index, so that search by the new model is fast from its first question on.
            index = await store.build_index(model, run.row.dimensions, on_progress) if run.row else None
            index_seconds = time.monotonic() - started - seconds
            return EmbedReport(
                model=model,
                provider=embedder.provider,
                dimensions=run.row.dimensions if run.row else 0,
                products=run.products,
                embedded=run.embedded,
                unchanged=run.products - run.embedded - run.skipped - run.refusals.put_off,
                skipped=run.skipped,
                **dict(run.refusals),
                activated=run.row is not None and await store.activate_first(model),
                indexed=index is not None,
                index_memory=index.memory if index else 0,
                seconds=round(seconds, 3),
                index_seconds=round(index_seconds, 3),
            )


async def recorded_model(store: EmbeddingStore, embedder: Embedder, settings: Settings) -> ModelRow:
    """The configured model as it is on record; put there first when it is new."""
    name = stored_name(embedder, settings)
    row = await store.model(name)
    if row is None:
        local = embedder.provider == "local"
        # A remote model that zava does not know tells its size with its first answer.
        dimensions = embedder.dimensions or len(await embedder.embed_query("hammer"))
        row = ModelRow(
            model=name, provider=embedder.provider, dimensions=dimensions, is_active=False,
            provider_model=embedder.model, asked_dimensions=None if local else settings.embedding_dimensions,
            query_prefix="" if local else settings.embedding_query_prefix,
            document_prefix="" if local else settings.embedding_document_prefix,
        )  # fmt: skip
        await store.add_model(row)
    return row


@dataclass
class Pending:
    """Products that were read together, and texts and hashes of those that need a vector."""

    read: Sequence[ProductRow]
    products: list[ProductRow] = field(default_factory=list[ProductRow])
    texts: list[str] = field(default_factory=list[str])
    hashes: list[str] = field(default_factory=list[str])

    @classmethod
    def of(cls, products: Sequence[ProductRow], *, everything: bool = False) -> Pending:
        """What of these products is missing or stale; `everything` takes them all."""
        pending = cls(products)
        for product in products:
            text = product_text(product)
            content_hash = hashlib.sha256(text.encode()).hexdigest()
            if everything or product.content_hash != content_hash:
                pending.products.append(product)
                pending.texts.append(text)
                pending.hashes.append(content_hash)
        return pending

    async def embedded(self, embedder: Embedder) -> Batch:
        """Without zero vectors: the cosine distance to one is NaN. Such a product is found by keyword only."""
        reasons: dict[int, str] = {}

        def on_refused(place: int, error: EmbeddingError) -> None:
            reasons[place] = error.message

        vectors = await embedder.embed_documents(self.texts, on_refused)
        rows: list[int] = np.flatnonzero(np.count_nonzero(vectors, axis=1)).tolist()
        settled = reasons.keys() | set(rows)
        refused = {self.products[place].product_id for place in reasons}
        return Batch(
            read=[product for product in self.read if product.product_id not in refused],
            products=[self.products[row].product_id for row in rows],
            hashes=[self.hashes[row] for row in rows],
            vectors=vectors[rows],
            blank=[product.product_id for row, product in enumerate(self.products) if row not in settled],
            refused=[(self.products[place], reason) for place, reason in sorted(reasons.items())],
        )


@dataclass
class _Run:
    store: EmbeddingStore
    embedder: Embedder
    model: str
    settings: Settings
    request: EmbedRequest
    on_progress: Progress
    row: ModelRow | None = None
    products: int = 0
    passed: int = 0
    embedded: int = 0
    skipped: int = 0
    refusals: Refusals = field(default_factory=Refusals)

    async def embed(self) -> None:
        """Embeds what is pending; while a batch is embedded the one before it is written and the next one read."""
        self.products = await self.store.count_products()
        if not self.products:
            return
        try:
            # The database may go away while it counts what a provider has left, too.
            with translated():
                await self._embed_pending()
        except DatabaseUnavailableError as error:
            error.message = f"{error.message.rstrip('.')}. {self.embedded} products were embedded in this run."
            error.hint = f"{error.hint or ''} {GOES_ON}".strip()
            raise

    async def _embed_pending(self) -> None:
        try:
            self.row = await recorded_model(self.store, self.embedder, self.settings)
            # Or the first answer would say what is expected of the others, and it may be the one that is wrong.
            self.embedder.dimensions = self.row.dimensions
            await self._embed(self._pending(everything=self.request.all))
        except EmbeddingError as error:
            await self._tell_what_is_left(error)
            raise

    async def _tell_what_is_left(self, error: EmbeddingError) -> None:
        # With --all a product that is left may have its right vector from before: those are not counted.
        left = sum([len(batch.texts) async for batch in self._pending(everything=False)])
        error.message += f" {self.embedded} products were embedded in this run; {left} are missing or stale."
        error.hint = f"{error.hint or ''} {GOES_ON}".strip()

    async def _embed(self, batches: AsyncIterator[Pending]) -> None:
        batch, ready = await anext(batches, None), None
        while batch is not None:
            embedding = asyncio.ensure_future(batch.embedded(self.embedder))
            try:
                await self._write(ready)
                ready, upcoming = None, await anext(batches, None)
                ready = await embedding
            finally:
                embedding.cancel()
            batch = upcoming
        await self._write(ready)

    async def _write(self, batch: Batch | None) -> None:
        if batch is None or self.row is None:
            return
        self.embedded += await self.store.write(self.row, batch)
        self.skipped += len(batch.blank)
        queue = EmbeddingQueue(self.store, self.model)
        await put_off(queue, batch.refused, self.settings.embedding_attempts, self.refusals)
        self.on_progress("embedding", self.passed, self.products)

    async def _pending(self, *, everything: bool) -> AsyncIterator[Pending]:
        async for page in self.store.pages(self.model, self.request.batch):
            batch = Pending.of(page, everything=everything)
            self.passed += len(page)
            # What is queued and right all the same goes through too, to leave the queue.
            if batch.texts or any(product.change_no is not None for product in page):
                yield batch
