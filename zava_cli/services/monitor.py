"""Which operations and statements take how long, and which of them are slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from cachetools import LRUCache

from zava_cli.data.guard.shape import Shape, shape_of
from zava_cli.infra.operations import OperationRecord, Outcome
from zava_cli.models.stats import OperationPerformance, PerformanceSummary, QueryPerformance
from zava_cli.services.series import Series

MOST_QUERIES = 500
"""Statements that are told apart; the one that was not asked for the longest time gives way."""
MOST_TEXTS = 1_000
LONGEST_TEXT = 2_000
"""Characters up to which a text is remembered with its shape, and to which a statement is shown."""

S = TypeVar("S", bound=Series)
OnSlow = Callable[[OperationRecord, Shape | None], None]


class _Query(Series):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _Queries(LRUCache[str, _Query]):
    """Counts what it forgets."""

    forgotten = 0

    def popitem(self) -> tuple[str, _Query]:
        """Lets the oldest go."""
        self.forgotten += 1
        return super().popitem()


class QueryPerformanceMonitor:
    """Takes finished records; a statement that it has not met before is looked into behind the answer."""

    def __init__(self, slow_seconds: float, on_slow: OnSlow) -> None:
        self.slow_query_threshold = slow_seconds
        self._on_slow = on_slow
        self._since = datetime.now(UTC)
        self._operations: dict[str, Series] = {}
        self._queries = _Queries(MOST_QUERIES)
        self._shapes: LRUCache[str, Shape] = LRUCache(MOST_TEXTS)
        self._pending: set[asyncio.Future[Shape]] = set()

    def add(self, record: OperationRecord) -> None:
        """Takes a record; the caller goes on at once."""
        series = self._operations.get(record.operation)
        if series is None:
            series = self._operations[record.operation] = Series()
        self._count(series, record)
        if record.statement is None:
            self._tell(record, None)
        elif (shape := self._shapes.get(record.statement)) is not None:
            self._add_query(record, shape)
        else:
            self._look_into(record, record.statement)

    async def settle(self) -> None:
        """Waits for what is still being looked into."""
        if self._pending:
            await asyncio.wait(self._pending)

    def exported(self) -> dict[str, Any]:
        """What `get_performance_summary` takes from another process."""
        return {
            "since": self._since.isoformat(),
            "forgotten": self._queries.forgotten,
            "operations": {name: series.exported() for name, series in self._operations.items()},
            "queries": {key: query.exported() | {"text": query.text} for key, query in self._queries.items()},
        }

    def get_performance_summary(self, others: Sequence[dict[str, Any]] = ()) -> PerformanceSummary:
        """What this process has seen, together with what `others` have exported."""
        operations: dict[str, Series] = {}
        queries: dict[str, _Query] = {}
        everybody = [self.exported(), *others]
        for one in everybody:
            for name, exported in one["operations"].items():
                operations.setdefault(name, Series()).absorb(exported)
            for key, exported in one["queries"].items():
                queries.setdefault(key, _Query(exported["text"])).absorb(exported)
        return PerformanceSummary(
            since=min(datetime.fromisoformat(one["since"]) for one in everybody),
            processes=len(everybody),
            slow_query_seconds=self.slow_query_threshold,
            forgotten=sum(one["forgotten"] for one in everybody),
            operations=[OperationPerformance(operation=n, **s.performance()) for n, s in _longest_first(operations)],
            queries=[
                QueryPerformance(fingerprint=key, query=query.text, **query.performance())
                for key, query in _longest_first(queries)
            ],
        )

    def _look_into(self, record: OperationRecord, statement: str) -> None:
        def found(done: asyncio.Future[Shape]) -> None:
            self._pending.discard(done)
            if done.cancelled() or done.exception() is not None:
                return
            if len(statement) <= LONGEST_TEXT:
                self._shapes[statement] = done.result()
            self._add_query(record, done.result())

        future = asyncio.wrap_future(shape_of(statement))
        self._pending.add(future)
        future.add_done_callback(found)

    def _add_query(self, record: OperationRecord, shape: Shape) -> None:
        query = self._queries.get(shape.fingerprint)
        if query is None:
            query = self._queries[shape.fingerprint] = _Query(shape.text[:LONGEST_TEXT])
        self._count(query, record)
        self._tell(record, shape)

    def _count(self, series: Series, record: OperationRecord) -> None:
        if record.outcome is Outcome.OK:
            series.add(record.seconds, record.row_count or 0)
        else:
            series.failed += 1
        series.slow += self._is_slow(record)

    def _tell(self, record: OperationRecord, shape: Shape | None) -> None:
        if self._is_slow(record):
            self._on_slow(record, shape)

    def _is_slow(self, record: OperationRecord) -> bool:
        return record.seconds > self.slow_query_threshold


def _longest_first(series: dict[str, S]) -> list[tuple[str, S]]:
    return sorted(series.items(), key=lambda item: item[1].seconds, reverse=True)
