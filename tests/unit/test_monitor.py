"""What the performance monitor says of what it has seen, and how much it keeps."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import islice, product
from statistics import mean
from string import ascii_lowercase

import pytest

from zava_cli.data.guard.check import check_query
from zava_cli.data.guard.shape import without_values
from zava_cli.infra.operations import OperationRecord, Outcome
from zava_cli.models.stats import PerformanceSummary
from zava_cli.services.monitor import MOST_QUERIES, QueryPerformanceMonitor
from zava_cli.services.series import ACCURACY

SEED = 7


def record(sql: str, seconds: float, rows: int = 1, outcome: Outcome = Outcome.OK) -> OperationRecord:
    """A query that has ended."""
    checked = check_query(sql)
    return OperationRecord(
        "query", sql=sql, statement=checked.sql, kind=checked.kind, fingerprint=checked.fingerprint,
        row_count=rows, outcome=outcome, seconds=seconds,
    )  # fmt: skip


def monitor() -> QueryPerformanceMonitor:
    """One that tells nobody of what is slow."""
    return QueryPerformanceMonitor(1.0, lambda *_: None)


def seen(*records: OperationRecord) -> PerformanceSummary:
    """What it says of those."""
    watching = monitor()
    for one in records:
        watching.add(one)
    return watching.get_performance_summary()


def test_statements_that_differ_in_values_comments_and_case_are_one() -> None:
    [query] = seen(record("select 1 -- a", 0.1), record("SELECT  2", 0.3, rows=5)).queries
    assert (query.query, query.count, query.rows) == ("select ?", 2, 6)
    assert (query.min, query.max, query.avg) == (0.1, 0.3, 0.2)


def test_what_failed_is_counted_and_does_not_change_the_times() -> None:
    [query] = seen(record("select 1", 0.1), record("select 1", 30, outcome=Outcome.TIMEOUT)).queries
    assert (query.count, query.failed, query.slow, query.max) == (1, 1, 1, 0.1)


def told(*records: OperationRecord) -> list[Outcome]:
    """Of which of them it tells as slow."""
    slow: list[Outcome] = []
    watching = QueryPerformanceMonitor(1.0, lambda one, _: slow.append(one.outcome))
    for one in records:
        watching.add(one)
    return slow


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.BUSY, Outcome.UNAVAILABLE, Outcome.CANCELLED])
def test_who_has_only_waited_is_not_slow_and_the_wait_is_told_apart(outcome: Outcome) -> None:
    waited = replace(record("select 1", 5.2, outcome=outcome), waited=5.0)
    assert told(waited) == []
    [query] = seen(waited, record("select 2", 0.2)).queries
    assert (query.slow, query.waited, query.waited_max) == (0, 2.5, 5.0)
    assert query.max == pytest.approx(0.2)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.LIMITED, Outcome.BUSY])
def test_what_was_turned_away_is_never_slow(outcome: Outcome) -> None:
    assert told(record("select 1", 5.0, outcome=outcome)) == []


def test_what_ran_into_its_time_limit_is_slow_however_short_that_is() -> None:
    assert told(record("select 1", 0.5, outcome=Outcome.TIMEOUT)) == [Outcome.TIMEOUT]


def test_what_was_never_answered_has_no_times() -> None:
    [operation] = seen(OperationRecord("query", outcome=Outcome.REFUSED)).operations
    assert (operation.count, operation.failed, operation.p99) == (0, 1, None)


def test_quantiles_are_as_exact_as_they_say() -> None:
    draw = random.Random(SEED)
    times = [draw.lognormvariate(-5, 2) for _ in range(5_000)]
    [query] = seen(*(record("select 1", seconds) for seconds in times)).queries
    times.sort()
    for part, found in ((0.5, query.p50), (0.95, query.p95), (0.99, query.p99)):
        assert found == pytest.approx(times[math.ceil(part * len(times)) - 1], rel=ACCURACY, abs=1e-6)
    assert query.avg == pytest.approx(mean(times), abs=1e-6)


@pytest.mark.parametrize(("answers", "middle"), [(1, 1), (2, 1), (5, 3), (19, 10)])
def test_of_few_answers_the_slowest_is_the_99th_percentile(answers: int, middle: int) -> None:
    [query] = seen(*(record("select 1", float(seconds)) for seconds in range(1, answers + 1))).queries
    assert query.p50 == pytest.approx(middle, rel=ACCURACY)
    assert query.p95 == pytest.approx(answers, rel=ACCURACY)
    assert query.p99 == pytest.approx(answers, rel=ACCURACY)


def test_two_processes_together_say_what_one_would_have_said() -> None:
    draw = random.Random(SEED)
    records = [record(f"select {place % 3}, {'1' * (place % 2)}0", draw.expovariate(10)) for place in range(500)]
    one, other = monitor(), monitor()
    for place, each in enumerate(records):
        (one if place % 7 else other).add(each)
    together, alone = one.get_performance_summary([other.exported()]), seen(*records)
    assert together.processes == 2
    assert together.queries == alone.queries
    assert together.operations == alone.operations


def test_it_keeps_a_bounded_number_of_statements_and_says_how_many_it_forgot() -> None:
    watching = monitor()
    for first, second in islice(product(ascii_lowercase, repeat=2), MOST_QUERIES + 10):
        watching.add(record(f"select 1 from t_{first}{second}", 0.01))
    summary = watching.get_performance_summary()
    assert (len(summary.queries), summary.forgotten) == (MOST_QUERIES, 10)
    assert summary.operations[0].count == MOST_QUERIES + 10


def test_who_looks_at_the_statements_does_not_change_which_of_them_gives_way() -> None:
    watching = monitor()
    names = [f"t_{first}{second}" for first, second in islice(product(ascii_lowercase, repeat=2), MOST_QUERIES + 1)]
    for name in [*names[:MOST_QUERIES], names[0]]:
        watching.add(record(f"select 1 from {name}", 0.01))
    watching.exported()
    watching.add(record(f"select 1 from {names[MOST_QUERIES]}", 0.01))
    kept = {query.query for query in watching.get_performance_summary().queries}
    assert kept == {f"select ? from {name}" for name in names if name != names[1]}


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("select 'secret', E'secret', $$secret$$, U&'secret'", "select ?, ?, ?, ?"),
        ("select /* secret */ name\n  from stores -- secret", "select name from stores"),
        ("select * from t where a=12345 and b in (1,2)", "select * from t where a=? and b in (?,?)"),
        ("select x'5ec', b'101', 1.5e3, -7, interval '3 days'", "select ?, ?, ?, -?, interval ?"),
        ("values ('secret'), ('secret')", "values (?), (?)"),
        ("select ümläut from t where ä = 'größe'", "select ümläut from t where ä = ?"),
        ("select 2.5, 'a''b', E'a\\'b', $t$y$t$, -5", "select ?, ?, ?, ?, -?"),
        ("select * from json_table('{}'::jsonb, '$' columns (d text path '$ ? (@ == \"secret\")'))",
         "select * from json_table(?::jsonb, ? columns (d text path ?))"),
    ],
)  # fmt: skip
def test_a_statement_without_values_shows_none(statement: str, text: str) -> None:
    assert without_values(check_query(statement).sql) == text


def test_a_statement_that_nobody_would_read_is_not_shown() -> None:
    assert without_values("select " + ", ".join(["1"] * 5_000)) == ""
