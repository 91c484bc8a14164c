"""Periods are the days that people mean, and are compared with the days that people would compare them with."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zava_cli.infra.errors import ValidationError
from zava_cli.services.periods import FORMS, Period, Span, parse_period

NOW = datetime(2026, 11, 25, 13, 30)
"""A Wednesday."""


def days(span: Span) -> tuple[str, str]:
    return str(span.first_day), str(span.last_day)


def three(period: Period) -> list[tuple[str, str]]:
    return [days(period.current), days(period.previous), days(period.last_year)]


@pytest.mark.parametrize(
    ("text", "current", "previous", "last_year"),
    [
        ("2025", "2025-01-01 2025-12-31", "2024-01-01 2024-12-31", "2024-01-01 2024-12-31"),
        ("2025-Q1", "2025-01-01 2025-03-31", "2024-10-01 2024-12-31", "2024-01-01 2024-03-31"),
        ("2025-q4", "2025-10-01 2025-12-31", "2025-07-01 2025-09-30", "2024-10-01 2024-12-31"),
        ("2025-03", "2025-03-01 2025-03-31", "2025-02-01 2025-02-28", "2024-03-01 2024-03-31"),
        ("2025-01", "2025-01-01 2025-01-31", "2024-12-01 2024-12-31", "2024-01-01 2024-01-31"),
        ("2025-02", "2025-02-01 2025-02-28", "2025-01-01 2025-01-31", "2024-02-01 2024-02-29"),
        ("2024-02-29", "2024-02-29 2024-02-29", "2024-02-28 2024-02-28", "2023-02-28 2023-02-28"),
        ("2025-01-01..2025-02-15", "2025-01-01 2025-02-15", "2024-11-16 2024-12-31", "2024-01-01 2024-02-15"),
        (" 2025-01-01 .. 2025-01-01 ", "2025-01-01 2025-01-01", "2024-12-31 2024-12-31", "2024-01-01 2024-01-01"),
        ("last-30-days", "2026-10-26 2026-11-24", "2026-09-26 2026-10-25", "2025-10-26 2025-11-24"),
        ("LAST-1-DAY", "2026-11-24 2026-11-24", "2026-11-23 2026-11-23", "2025-11-24 2025-11-24"),
        ("yesterday", "2026-11-24 2026-11-24", "2026-11-23 2026-11-23", "2025-11-24 2025-11-24"),
        ("Last 30 days", "2026-10-26 2026-11-24", "2026-09-26 2026-10-25", "2025-10-26 2025-11-24"),
        ("last-week", "2026-11-16 2026-11-22", "2026-11-09 2026-11-15", "2025-11-17 2025-11-23"),
        ("last-month", "2026-10-01 2026-10-31", "2026-09-01 2026-09-30", "2025-10-01 2025-10-31"),
        ("last-quarter", "2026-07-01 2026-09-30", "2026-04-01 2026-06-30", "2025-07-01 2025-09-30"),
        ("last-year", "2025-01-01 2025-12-31", "2024-01-01 2024-12-31", "2024-01-01 2024-12-31"),
    ],
)
def test_a_period_that_is_over_is_compared_with_whole_ones(
    text: str, current: str, previous: str, last_year: str
) -> None:
    period = parse_period(text, NOW)
    assert [" ".join(pair) for pair in three(period)] == [current, previous, last_year]
    assert period.until is None


@pytest.mark.parametrize(
    ("text", "starts", "previous_end", "last_year_end"),
    [
        ("today", "2026-11-25", "2026-11-24 13:30", "2025-11-25 13:30"),
        ("this-week", "2026-11-23", "2026-11-18 13:30", "2025-11-26 13:30"),
        ("this-month", "2026-11-01", "2026-10-25 13:30", "2025-11-25 13:30"),
        ("2026-11", "2026-11-01", "2026-10-25 13:30", "2025-11-25 13:30"),
        ("this-quarter", "2026-10-01", "2026-08-25 13:30", "2025-11-25 13:30"),
        ("ytd", "2026-01-01", "2025-11-25 13:30", "2025-11-25 13:30"),
        ("2026-11-20..2026-11-30", "2026-11-20", "2026-11-14 13:30", "2025-11-25 13:30"),
    ],
)
def test_a_period_that_is_not_over_ends_now_and_is_compared_with_the_same_elapsed_part(
    text: str, starts: str, previous_end: str, last_year_end: str
) -> None:
    period = parse_period(text, NOW)
    assert (str(period.current.start.date()), period.current.end, period.until) == (starts, NOW, NOW)
    assert f"{period.previous.end:%Y-%m-%d %H:%M}" == previous_end
    assert f"{period.last_year.end:%Y-%m-%d %H:%M}" == last_year_end
    assert period.current.label.endswith("so far")
    assert period.previous.label.startswith("the same part of")


def test_the_elapsed_part_of_a_long_month_never_reaches_past_a_short_one() -> None:
    period = parse_period("this-month", datetime(2025, 3, 31, 18))
    assert days(period.previous) == ("2025-02-01", "2025-02-28")


def test_the_elapsed_part_of_a_leap_year_ends_on_the_same_date_of_a_common_one() -> None:
    assert parse_period("2028", datetime(2028, 11, 25, 9)).previous.end == datetime(2027, 11, 25, 9)


def test_a_period_that_has_not_begun_is_compared_as_a_whole() -> None:
    assert parse_period("2027", NOW).until is None


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2025-13", "2025-00", "2025-Q5", "2025-02-30", "25", "1850", "2500", "last-0-days", "last-9999-days",
     "2025-01-01..", "2025-01-01..soon", "last-fortnight", "2025; drop table orders"],
)  # fmt: skip
def test_text_that_is_no_period_is_refused_with_all_accepted_forms(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_period(text, NOW)
    assert caught.value.field == "time_period"
    assert FORMS in (caught.value.hint or "")


def test_a_range_that_runs_backwards_says_so() -> None:
    with pytest.raises(ValidationError, match="the last day is before the first"):
        parse_period("2025-02-01..2025-01-01", NOW)


def test_every_form_that_the_refusal_lists_is_accepted() -> None:
    for form in FORMS.replace(" (any number)", "").split(", "):
        assert parse_period(form, NOW).current.start < parse_period(form, NOW).current.end


@given(
    text=st.sampled_from(FORMS.replace(" (any number)", "").split(", ")),
    now=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1)),
)
def test_comparisons_lie_before_the_period_and_are_never_longer_than_it_by_more_than_three_days(
    text: str, now: datetime
) -> None:
    period = parse_period(text, now)
    length = period.current.end - period.current.start
    for other in (period.previous, period.last_year):
        assert other.start < period.current.start
        assert other.start < other.end
        assert (other.end - other.start - length).days <= 3
    assert period.previous.end <= period.current.start
