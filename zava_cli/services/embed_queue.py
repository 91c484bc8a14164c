"""Drains the queue of products that changed: once, or for as long as somebody lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from zava_cli.data.embed import EmbeddingStore, ModelRow, ProductRow, embedding_store
from zava_cli.data.embed_queue import EmbeddingQueue
from zava_cli.data.target import Target
from zava_cli.infra.embeddings.base import Embedder
from zava_cli.infra.errors import (
    DatabaseUnavailableError,
    EmbeddingError,
    EmbeddingRefusedError,
    EmbeddingSetupError,
    MCPError,
)
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.infra.retrying import attempts
from zava_cli.infra.settings import Settings
from zava_cli.models.embed import DrainReport, EmbedRequest
from zava_cli.services.embed import Pending, embed_products
from zava_cli.services.embedding import EmbedderSource, stored_name

BATCH = 1_000
"""Most products at a time: what waits for its turn is not held up long, and what a failure costs is small."""
POLL_SECONDS = 1.0
ROUNDS = 60
"""Polls on one connection, before it is given back and waiting times start from the beginning."""
ENDLESS = 1_000_000
LONGEST_WAIT = 60.0
"""Seconds between two tries of a provider or a database that is away."""


async def drain_queue(
    target: Target, request: EmbedRequest, *, retry_failed: bool = False, on_progress: Progress = no_progress
) -> DrainReport:
    """Embeds what is due in the queue of the configured model; a model that is new gets all its products first.

    Raises EmbeddingError when the provider cannot go on; what was finished stays, the rest stays queued.
    """
    async with EmbedderSource(target.settings) as source, embedding_store(target) as store:
        drain = _Drain(source.get(), target.settings, request, on_progress)
        if await store.model(drain.model) is None:
            report = await embed_products(target, request, on_progress)
            return DrainReport(model=report.model, embedded=report.embedded, skipped=report.skipped)
        if retry_failed:
            await EmbeddingQueue(store, drain.model).retry_failed()
        return await drain.run(store)


async def watch_queue(
    target: Target, request: EmbedRequest, on_trouble: Callable[[MCPError], None], on_progress: Progress = no_progress
) -> None:
    """Embeds what changes as it changes, until it is cancelled; waits for a provider or database that is away."""

    def passes(error: Exception) -> bool:
        if isinstance(error, EmbeddingSetupError) or not isinstance(error, (EmbeddingError, DatabaseUnavailableError)):
            return False
        on_trouble(error)
        return True

    await drain_queue(target, request, on_progress=on_progress)
    async with EmbedderSource(target.settings) as source:
        drain = _Drain(source.get(), target.settings, request, on_progress)
        while True:
            async for attempt in attempts(passes, ENDLESS, first=POLL_SECONDS, longest=LONGEST_WAIT, jitter=1.0):
                with attempt:
                    async with embedding_store(target) as store:
                        for _ in range(ROUNDS):
                            await drain.run(store)
                            await asyncio.sleep(POLL_SECONDS)


class _Drain:
    """One worker on the queue of one model."""

    def __init__(self, embedder: Embedder, settings: Settings, request: EmbedRequest, on_progress: Progress) -> None:
        self.model = stored_name(embedder, settings)
        self._embedder = embedder
        self._settings = settings
        self._size = min(request.batch, BATCH)
        self._lease = timedelta(seconds=60 + 4 * settings.embedding_timeout)
        self._on_progress = on_progress

    async def run(self, store: EmbeddingStore) -> DrainReport:
        """Goes on until nothing is due."""
        report = DrainReport(model=self.model)
        row = await store.model(self.model)
        if row is None:
            return report
        queue = EmbeddingQueue(store, self.model)
        await queue.take_back()
        while True:
            async with queue.batch(self._size, self._lease) as products:
                if not products:
                    return report
                await self._embed(store, queue, row, products, report)
            self._on_progress("embedding", report.embedded, None)

    async def _embed(
        self, store: EmbeddingStore, queue: EmbeddingQueue, row: ModelRow, products: Sequence[ProductRow],
        report: DrainReport,
    ) -> None:  # fmt: skip
        pending = Pending.of(products)
        try:
            vectors = await self._embedder.embed_documents(pending.texts)
        except EmbeddingRefusedError as error:
            if len(products) == 1:
                report.put_off += 1
                report.given_up += await self._put_off(queue, products, error)
                return
            # One text may spoil all: the others go on without it.
            half = len(products) // 2
            await self._embed(store, queue, row, products[:half], report)
            await self._embed(store, queue, row, products[half:], report)
            return
        except EmbeddingSetupError:
            raise
        except EmbeddingError as error:
            await self._put_off(queue, products, error)
            raise
        batch = pending.with_vectors(vectors)
        report.embedded += await store.write(row, batch, claimed=True)
        report.skipped += len(batch.blank)

    async def _put_off(self, queue: EmbeddingQueue, products: Sequence[ProductRow], error: EmbeddingError) -> int:
        return await queue.put_off(products, error.message, self._settings.embedding_attempts)
