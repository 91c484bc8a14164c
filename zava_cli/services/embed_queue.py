"""Drains the queue of products that changed: once, or for as long as somebody lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from zava_cli.data.embed import EmbeddingStore, ModelRow, ProductRow, embedding_store
from zava_cli.data.embed_queue import EmbeddingQueue
from zava_cli.data.target import Target
from zava_cli.infra.embeddings.base import Embedder
from zava_cli.infra.errors import (
    DatabaseUnavailableError,
    EmbeddingError,
    EmbeddingSetupError,
    EmbeddingUnavailableError,
    MCPError,
)
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.infra.retrying import attempts
from zava_cli.infra.settings import Settings
from zava_cli.models.embed import DrainReport, EmbedRequest
from zava_cli.services.embed import Pending, embed_products
from zava_cli.services.embed_refusals import put_off
from zava_cli.services.embedding import EmbedderSource, stored_name

BATCH = 1_000
"""Most products at a time: what waits for its turn is not held up long, and what a failure costs is small."""
POLL_SECONDS = 1.0
ROUNDS = 60
"""Polls on one connection, before it is given back and waiting times start from the beginning."""
ENDLESS = 1_000_000
LONGEST_WAIT = 60.0
"""Seconds between two tries of a provider or a database that is away."""
MOST_WANTED_WAIT = 3_600.0
"""Seconds that a provider may ask for instead."""


async def drain_queue(
    target: Target, request: EmbedRequest, *, retry_failed: bool = False, on_progress: Progress = no_progress
) -> DrainReport:
    """Embeds what is due in the queue of the configured model; a model that is new gets all its products first.

    Where the settings name no model, it is the one that search uses.
    Raises EmbeddingError when the provider cannot go on; what was finished stays, the rest stays queued.
    """
    async with EmbedderSource(target.settings) as source, embedding_store(target) as store:
        drain = _Drain(*source.chosen(await store.active()), request, on_progress)
        if await store.model(drain.model) is None:
            report = await embed_products(target, request, on_progress)
            done = report.model_dump(include=set(DrainReport.model_fields))
            return DrainReport.model_validate(done)
        if retry_failed:
            await EmbeddingQueue(store, drain.model).retry_failed()
        return await drain.run(store)


async def watch_queue(
    target: Target, request: EmbedRequest, on_trouble: Callable[[MCPError], None], on_progress: Progress = no_progress
) -> None:
    """Completes the configured model, then embeds what changes as it changes, until it is cancelled.

    Where the settings name no model, it is the one that search uses, also after a switch.
    Waits for a provider or database that is away, and tells `on_trouble` of it each time. Raises EmbeddingSetupError
    and ConfigurationError, which waiting does not mend.
    """

    def passes(error: Exception) -> bool | float:
        if isinstance(error, EmbeddingSetupError) or not isinstance(error, (EmbeddingError, DatabaseUnavailableError)):
            return False
        on_trouble(error)
        wanted = error.wanted_wait if isinstance(error, EmbeddingUnavailableError) else None
        return True if wanted is None or wanted < POLL_SECONDS else min(wanted, MOST_WANTED_WAIT)

    async with EmbedderSource(target.settings) as source:
        complete: str | None = None
        was_there = False
        while True:
            async for attempt in attempts(passes, ENDLESS, first=POLL_SECONDS, longest=LONGEST_WAIT, jitter=1.0):
                with attempt:
                    async with embedding_store(target, revive=was_there) as store:
                        was_there = True
                        drain = _Drain(*source.chosen(await store.active()), request, on_progress)
                        if complete != drain.model:
                            await _complete(target, request, drain, store, on_progress)
                            complete = drain.model
                        for _ in range(ROUNDS):
                            await drain.run(store)
                            await asyncio.sleep(POLL_SECONDS)


async def _complete(
    target: Target, request: EmbedRequest, drain: _Drain, store: EmbeddingStore, on_progress: Progress
) -> None:
    """Embeds what nobody noted: all products of a new model, and the rest after a run that was broken off."""
    if await store.model(drain.model) is None or await store.count_missing(drain.model):
        await embed_products(target, request, on_progress)


class _Drain:
    """One worker on the queue of one model."""

    def __init__(self, embedder: Embedder, settings: Settings, request: EmbedRequest, on_progress: Progress) -> None:
        self.model = stored_name(embedder, settings)
        self._embedder = embedder
        self._settings = settings
        self._size = min(request.batch, BATCH)
        self._on_progress = on_progress

    async def run(self, store: EmbeddingStore) -> DrainReport:
        """Goes on until nothing is due."""
        report = DrainReport(model=self.model)
        row = await store.model(self.model)
        if row is None:
            return report
        # Or the first answer would say what is expected of the others, and it may be the one that is wrong.
        self._embedder.dimensions = row.dimensions
        queue = EmbeddingQueue(store, self.model)
        await queue.take_back()
        while True:
            async with queue.batch(self._size) as products:
                if not products:
                    return report
                await self._embed(store, queue, row, products, report)
            self._on_progress("embedding", report.embedded, None)

    async def _embed(
        self, store: EmbeddingStore, queue: EmbeddingQueue, row: ModelRow, products: Sequence[ProductRow],
        report: DrainReport,
    ) -> None:  # fmt: skip
        try:
            async with queue.kept(products):
                batch = await Pending.of(products).embedded(self._embedder)
        except EmbeddingError as error:
            await queue.note(products, error.message)
            raise
        report.embedded += await store.write(row, batch, claimed=True)
        report.skipped += len(batch.blank)
        await put_off(queue, batch.refused, self._settings.embedding_attempts, report)
