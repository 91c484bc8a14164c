"""What a server counts and times, for Prometheus.

Every label has few values: operations, outcomes, error codes, kinds of statements, pools, providers. Nothing that a
caller writes or is called becomes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder, write_to_textfile
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from zava_cli.infra.cache_stores import CacheStatistics
from zava_cli.infra.embeddings.base import EmbeddingCall
from zava_cli.infra.operations import OperationRecord, Outcome
from zava_cli.infra.shared_folder import places, reserve, take_place

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
NOT_READ = "unread"
"""Type of a statement that the guard refused."""
KEPT = "cached"
"""Type of one that the cache had the answer of."""
CACHE = "query"

_Counters = Callable[..., Counter]
"""The counter for some labels: kept, since the library takes a while to find it again."""


class _SharedFiles(MultiProcessCollector):
    """Passes over a file that another process has only just made: the library fails at an empty one."""

    def __init__(self, registry: CollectorRegistry, folder: Path) -> None:
        self._folder = folder
        super().__init__(registry, str(folder))

    def collect(self) -> list[Metric]:
        """What all of them have counted."""
        files = [str(file) for file in self._folder.glob("*.db") if file.stat().st_size]
        return cast("list[Metric]", self.merge(files, accumulate=True))  # pyright: ignore[reportUnknownMemberType]


class _Processes(Collector):
    """Memory, CPU and files of each process, by its place among them: a label of process ids would have no bound."""

    def __init__(self, registry: CollectorRegistry, folder: Path) -> None:
        self._folder = folder
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """What the system knows of all of them, whichever is asked."""
        found: dict[str, Metric] = {}
        for place, pid in places(self._folder).items():
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():
                of_all = found.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    of_all.add_sample(sample.name, {"worker": str(place)}, sample.value)
        return found.values()


class Metrics:
    """The counters and histograms of one process, in a registry of their own.

    `shared` is the folder in which several processes add theirs up; each of them then tells of all.
    """

    def __init__(self, shared: Path | None) -> None:
        disable_created_metrics()
        self._own = CollectorRegistry()
        self.registry = self._own
        if shared is None:
            ProcessCollector(registry=self._own)
        else:
            reserve(shared)
            self.registry = CollectorRegistry()
            _SharedFiles(self.registry, shared)
            take_place(shared)
            _Processes(self.registry, shared)
        self._query = self._counter("query", "Statements of callers", "type", "status")
        self._query_duration = self._histogram("query_duration_seconds", "Time of statements of callers", "type")
        self._success = self._counter("operation_success", "Operations that were answered", "operation")
        self._error = self._counter("operation_error", "Operations that were not", "operation", "type")
        self._duration = self._histogram("operation_duration_seconds", "Time of operations", "operation")
        self._wait = self._histogram("queue_wait_seconds", "Time without a connection", "operation")
        self._rows = self._counter("rows", "Rows of answers", "operation")
        self._truncated = self._counter("truncated", "Answers with fewer rows than there were", "operation")
        self._embedding = self._counter("embedding", "Calls of the embedding provider", "provider", "status")
        self._embedding_duration = self._histogram("embedding_duration_seconds", "Time of those calls", "provider")
        self._tokens = self._counter("embedding_tokens", "Tokens that the provider has counted", "provider")
        self._cache_hit = self._counter("cache_hit", "Answers that were kept or being made already", "type")
        self._cache_shared = self._counter("cache_shared", "Those of them that were being made", "type")
        self._cache_bypassed = self._counter("cache_bypassed", "Requests that wanted a new answer", "type")
        self._cache_miss = self._counter("cache_miss", "Answers that were not", "type")
        self._cache_eviction = self._counter("cache_eviction", "Answers that gave way to others", "type")
        self._cache_error = self._counter("cache_error", "Times that Redis failed", "type")
        self._counted: dict[_Counters, int] = {}
        self._cache_bytes = self._gauge("cache_bytes", "Size of the cache", "type")
        self._cache_entries = self._gauge("cache_entries", "Answers in the cache", "type")
        self._connections = self._gauge("pool_connections", "Connections to the database", "pool", "state")
        self._pool_max = self._gauge("pool_connections_max", "Most of them", "pool")
        self._audit_queue = self._gauge("audit_queue_records", "Audit records that wait in memory")
        # The backlog is a folder that all processes share.
        self._audit_backlog = self._gauge("audit_backlog_bytes", "Audit records that wait on disk", mode="livemax")

    def add(self, record: OperationRecord) -> None:
        """Counts a finished operation."""
        operation = record.operation
        self._duration(operation).observe(record.seconds)
        if record.sql is not None:
            kind = KEPT if record.from_cache else record.kind or NOT_READ
            self._query(kind, record.outcome.value).inc()
            self._query_duration(kind).observe(record.seconds)
        if record.waited:
            self._wait(operation).observe(record.waited)
        if record.outcome is not Outcome.OK:
            self._error(operation, record.error_code or record.outcome.name).inc()
            return
        self._success(operation).inc()
        if record.row_count:
            self._rows(operation).inc(record.row_count)
        if record.truncated:
            self._truncated(operation).inc()

    def embedding(self, call: EmbeddingCall) -> None:
        """Counts a call of the embedding provider."""
        self._embedding(call.provider, "error" if call.failed else "ok").inc()
        self._embedding_duration(call.provider).observe(call.seconds)
        if call.tokens:
            self._tokens(call.provider).inc(call.tokens)

    def cache(self, statistics: CacheStatistics) -> None:
        """Takes over what the cache has counted since the last time."""
        for counter, now in (
            (self._cache_hit, statistics.hits + statistics.shared),
            (self._cache_shared, statistics.shared),
            (self._cache_bypassed, statistics.bypassed),
            (self._cache_miss, statistics.misses),
            (self._cache_eviction, statistics.evictions),
            (self._cache_error, statistics.errors),
        ):
            counter(CACHE).inc(now - self._counted.get(counter, 0))
            self._counted[counter] = now
        self._cache_bytes.labels(CACHE).set(statistics.bytes)
        self._cache_entries.labels(CACHE).set(statistics.entries)

    def pool(self, kind: str, *, busy: int, idle: int, most: int) -> None:
        """Takes over how full a pool is."""
        self._connections.labels(kind, "busy").set(busy)
        self._connections.labels(kind, "idle").set(idle)
        self._pool_max.labels(kind).set(most)

    def audit(self, records: int, backlog: int) -> None:
        """Takes over what the audit log has not written yet."""
        self._audit_queue.set(records)
        self._audit_backlog.set(backlog)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything in the format that a scraper accepts, and that format's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def write(self, file: Path) -> None:
        """Replaces a file with everything in Prometheus' text format. Raises OSError."""
        write_to_textfile(str(file), self.registry)

    def _counter(self, name: str, description: str, *labels: str) -> _Counters:
        return cache(Counter(name, description, labels, namespace="zava", registry=self._own).labels)

    def _histogram(self, name: str, description: str, *labels: str) -> Callable[..., Histogram]:
        own = Histogram(name, description, labels, namespace="zava", buckets=BUCKETS, registry=self._own)
        return cache(own.labels)

    def _gauge(self, name: str, description: str, *labels: str, mode: Any = "livesum") -> Gauge:
        return Gauge(name, description, labels, namespace="zava", registry=self._own, multiprocess_mode=mode)
