"""Which operations and statements take how long, and which of them are slow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from cachetools import Cache, LRUCache

from zava_cli.data.guard.shape import without_values
from zava_cli.infra.operations import OperationRecord, Outcome
from zava_cli.models.stats import OperationPerformance, PerformanceSummary, QueryPerformance
from zava_cli.services.series import Series

MOST_QUERIES = 500
"""Statements that are told apart; the one that was not asked for the longest time gives way."""
MOST_CHARACTERS = 2_000
"""Of a statement that are shown."""
RAN = {Outcome.OK, Outcome.TIMEOUT, Outcome.CANCELLED, Outcome.FAILED}
"""Outcomes of what got as far as to be done; the others were turned away, perhaps after a long wait."""

S = TypeVar("S", bound=Series)
OnSlow = Callable[[OperationRecord, str | None], None]
"""Hears of a slow operation and of its statement without values, where there is one."""


class _Query(Series):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _Queries(LRUCache[str, _Query]):
    """Counts what it forgets."""

    forgotten = 0

    def all(self) -> list[tuple[str, _Query]]:
        """Each with its fingerprint; to be looked at is not to be asked for, as it would be by way of items()."""
        return [(key, Cache.__getitem__(self, key)) for key in self]

    def popitem(self) -> tuple[str, _Query]:
        """Lets the oldest go."""
        self.forgotten += 1
        return super().popitem()


class QueryPerformanceMonitor:
    """Takes finished records; its memory is bounded, whatever is asked."""

    def __init__(self, slow_seconds: float, on_slow: OnSlow) -> None:
        self.slow_query_threshold = slow_seconds
        self._on_slow = on_slow
        self._since = datetime.now(UTC)
        self._operations: dict[str, Series] = {}
        self._queries = _Queries(MOST_QUERIES)

    def add(self, record: OperationRecord) -> None:
        """Takes a record; the caller goes on at once."""
        series = self._operations.get(record.operation)
        if series is None:
            series = self._operations[record.operation] = Series()
        at_work = record.at_work
        is_slow = self._is_slow(record, at_work)
        _count(series, record, at_work, is_slow)
        query = self._query_of(record)
        if query is not None:
            _count(query, record, at_work, is_slow)
        if is_slow:
            self._on_slow(record, None if query is None else query.text)

    def _is_slow(self, record: OperationRecord, at_work: float) -> bool:
        """Whether the work took long; what ran into its time limit did, whatever counts as slow."""
        took_long = at_work > self.slow_query_threshold
        return record.outcome is Outcome.TIMEOUT or (took_long and record.outcome in RAN)

    def exported(self) -> dict[str, Any]:
        """What `get_performance_summary` takes from another process."""
        return {
            "since": self._since.isoformat(),
            "forgotten": self._queries.forgotten,
            "operations": {name: series.exported() for name, series in self._operations.items()},
            "queries": {key: query.exported() | {"text": query.text} for key, query in self._queries.all()},
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

    def _query_of(self, record: OperationRecord) -> _Query | None:
        if record.fingerprint is None or record.statement is None:
            return None
        query = self._queries.get(record.fingerprint)
        if query is None:
            text = without_values(record.statement)[:MOST_CHARACTERS]
            query = self._queries[record.fingerprint] = _Query(text)
        return query


def _count(series: Series, record: OperationRecord, at_work: float, is_slow: bool) -> None:
    if record.outcome is Outcome.OK:
        series.add(at_work, record.row_count or 0)
    else:
        series.failed += 1
    series.slow += is_slow
    series.waited(record.waited)


def _longest_first(series: dict[str, S]) -> list[tuple[str, S]]:
    return sorted(series.items(), key=lambda item: item[1].seconds, reverse=True)
