"""What a server sees of its own work: the audit log, the performance monitor and the metrics, of all its processes."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from zava_cli.data.audit_writer import AuditWriter
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.cache import QueryCache
from zava_cli.infra.embeddings.base import EmbeddingCall
from zava_cli.infra.log import logger
from zava_cli.infra.operations import OperationRecord
from zava_cli.infra.shared_folder import shared_folder
from zava_cli.models.stats import PerformanceSummary
from zava_cli.services.monitor import QueryPerformanceMonitor
from zava_cli.services.slow_queries import SlowQueries

if TYPE_CHECKING:
    from zava_cli.infra.metrics import Metrics

SHARE_SECONDS = 2.0
"""How old what one process tells of another may be."""


class Observation:
    """Takes each finished record; lives as long as the server."""

    def __init__(self, provider: PostgreSQLProvider, audit: AuditWriter, cache: QueryCache) -> None:
        self._provider = provider
        self._audit = audit
        self._cache = cache
        self._slow = SlowQueries(provider)
        self.monitor = QueryPerformanceMonitor(provider.settings.slow_query_seconds, self._slow.tell)
        shared = shared_folder()
        self.metrics = self._wanted_metrics(shared)
        self._shared = None if self.metrics is None else shared
        self._task: asyncio.Task[None] | None = None

    def _wanted_metrics(self, shared: Path | None) -> Metrics | None:
        """Where somebody can read them: their library costs time at the start."""
        settings = self._provider.settings
        if settings.metrics_token is None and settings.metrics_port is None and settings.metrics_file is None:
            return None
        from zava_cli.infra.metrics import Metrics

        return Metrics(shared)

    def add(self, record: OperationRecord) -> None:
        """Takes a record; the caller goes on at once."""
        self._audit.add(record)
        self.monitor.add(record)
        if self.metrics is not None:
            self.metrics.add(record)

    def embedded(self, call: EmbeddingCall) -> None:
        """Takes a call of the embedding provider."""
        if self.metrics is not None:
            self.metrics.embedding(call)

    def get_performance_summary(self) -> PerformanceSummary:
        """What this server has answered, with all of its processes."""
        return self.monitor.get_performance_summary(self._of_other_processes())

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Its metrics, for a scraper that accepts such a format, and their content type."""
        assert self.metrics is not None
        self._refresh()
        return self.metrics.exposition(accept)

    async def __aenter__(self) -> Self:
        if self._shared is not None:
            self._task = asyncio.create_task(self._keep_sharing(self._shared))
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Says what there was."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._slow.settle()
        if self._shared is not None:
            self._share(self._shared)
        self._say_goodbye()

    def _refresh(self) -> None:
        """Looks at what changes without an operation."""
        if self.metrics is None:
            return
        for kind, use in self._provider.pool_use().items():
            self.metrics.pool(kind, busy=use.busy, idle=use.idle, most=use.most)
        self.metrics.audit(*self._audit.waiting())
        self.metrics.cache(self._cache.statistics)

    async def _keep_sharing(self, folder: Path) -> None:
        while True:
            self._refresh()
            self._share(folder)
            await asyncio.sleep(SHARE_SECONDS)

    def _share(self, folder: Path) -> None:
        mine = folder / f"performance-{os.getpid()}"
        try:
            # Under another name first: nobody reads half of it.
            mine.write_text(json.dumps(self.monitor.exported()))
            mine.rename(mine.with_suffix(".json"))
        except OSError as exc:
            # The disk may have room again the next time.
            logger().warning("statistics not shared", reason=exc.strerror)

    def _of_other_processes(self) -> list[dict[str, Any]]:
        if self._shared is None:
            return []
        mine = f"performance-{os.getpid()}.json"
        return [json.loads(path.read_text()) for path in self._shared.glob("performance-*.json") if path.name != mine]

    def _say_goodbye(self) -> None:
        summary = self.monitor.get_performance_summary()
        for one in summary.operations:
            logger().info("served", **one.model_dump(exclude_none=True))
        file = self._provider.settings.metrics_file
        if file is not None and self.metrics is not None:
            self._refresh()
            try:
                self.metrics.write(file)
            except OSError as exc:
                logger().error("metrics not written", reason=exc.strerror)
