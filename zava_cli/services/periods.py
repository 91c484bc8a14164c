"""Turns what people call a period into local days, and finds the periods to compare it with.

Every instant here is a naive local time of the business time zone; only the database turns it into a
moment, since only there the rules of that zone are certain.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from zava_cli.infra.errors import ValidationError

FIELD = "time_period"
FORMS = (
    "2025, 2025-Q1, 2025-03, 2025-03-09, 2025-01-01..2025-02-15, today, yesterday, last-30-days (any number), "
    "ytd, this-week, this-month, this-quarter, this-year, last-week, last-month, last-quarter, last-year"
)
FIRST_YEAR, LAST_YEAR = 1900, 2200
MOST_DAYS = 3660

_YEAR = re.compile(r"(\d{4})")
_QUARTER = re.compile(r"(\d{4})-q([1-4])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})")
_RANGE = re.compile(r"(\d{4}-\d{2}-\d{2})\s*\.\.\s*(\d{4}-\d{2}-\d{2})")
_LAST_DAYS = re.compile(r"last-(\d{1,4})-days?")
_RELATIVE = re.compile(r"(this|last)-(week|month|quarter|year)")
_SHORT = {"ytd": "this-year", "qtd": "this-quarter", "mtd": "this-month", "wtd": "this-week"}
_MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Span:
    """Local times from `start` to before `end`."""

    label: str
    start: datetime
    end: datetime

    @property
    def first_day(self) -> date:
        """The day that it starts with."""
        return self.start.date()

    @property
    def last_day(self) -> date:
        """The last day of which it holds something."""
        return (self.end - timedelta(microseconds=1)).date()


@dataclass(frozen=True)
class Period:
    """A period with its comparisons. `until` is the local time where one that is not over was cut off."""

    current: Span
    previous: Span
    last_year: Span
    until: datetime | None


def parse_period(text: str, now: datetime) -> Period:
    """The period that `text` names as seen at the local time `now`; ValidationError with the accepted forms.

    A period that `now` lies in ends there, and those that it is compared with end after the same time.
    """
    wanted = text.strip().lower()
    try:
        whole = _whole(_SHORT.get(wanted, wanted), now.date())
    except (ValueError, OverflowError):
        whole = None
    if whole is None or whole.current.start.year < FIRST_YEAR or whole.current.end.year > LAST_YEAR:
        problem = f"years go from {FIRST_YEAR} to {LAST_YEAR - 1}" if whole else "this is not a period"
        raise ValidationError(FIELD, text, problem, hint=f"Periods are written like this: {FORMS}.")
    return _cut(whole, now) if whole.current.start < now < whole.current.end else whole


def _whole(wanted: str, today: date) -> Period | None:
    """The whole period, whether it is over or not; None for unknown text, ValueError for days that do not exist."""
    if match := _YEAR.fullmatch(wanted):
        return _calendar(_first(int(match[1]), 1), 12)
    if match := _QUARTER.fullmatch(wanted):
        return _calendar(_first(int(match[1]), int(match[2]) * 3 - 2), 3)
    if match := _MONTH.fullmatch(wanted):
        return _calendar(_first(int(match[1]), int(match[2])), 1)
    if match := _DAY.fullmatch(wanted):
        return _day(date.fromisoformat(match[1]), match[1])
    if match := _RANGE.fullmatch(wanted):
        return _range(date.fromisoformat(match[1]), date.fromisoformat(match[2]))
    return _relative(wanted, today)


def _relative(wanted: str, today: date) -> Period | None:
    yesterday = today - timedelta(days=1)
    if wanted == "today":
        return _day(today, "today")
    if wanted == "yesterday":
        return _day(yesterday, "yesterday")
    if match := _LAST_DAYS.fullmatch(wanted):
        count = int(match[1])
        return _days(today - timedelta(days=count), count, f"last {_many(count)}") if 1 <= count <= MOST_DAYS else None
    if match := _RELATIVE.fullmatch(wanted):
        is_last, unit = match[1] == "last", match[2]
        if unit == "week":
            return _week(today - timedelta(days=today.weekday() + 7 * is_last))
        months = _MONTHS_OF[unit]
        start = _first(today.year, (today.month - 1) // months * months + 1)
        return _calendar(_shifted(start, -months * is_last), months)
    return None


def _calendar(start: datetime, months: int) -> Period:
    """A month, quarter or year."""

    def span(shift: int) -> Span:
        first = _shifted(start, shift)
        return Span(_calendar_label(first, months), first, _shifted(first, months))

    return Period(span(0), span(-months), span(-12), None)


def _calendar_label(first: datetime, months: int) -> str:
    if months == 12:
        return f"{first.year}"
    return f"Q{(first.month + 2) // 3} {first.year}" if months == 3 else f"{first:%B} {first.year}"


def _range(first: date, last: date) -> Period | None:
    if last < first:
        raise ValidationError(FIELD, f"{first}..{last}", "the last day is before the first", hint="Swap the two days.")
    return _days(first, (last - first).days + 1, f"{first} to {last}")


def _days(first: date, count: int, label: str) -> Period:
    start = _midnight(first)
    end = start + timedelta(days=count)
    # The last day is what moves by a year, so that 28 February stays the last day and a range its length.
    last_year_end = _shifted(end - timedelta(days=1), -12) + timedelta(days=1)
    return Period(
        Span(label, start, end),
        Span(f"the {_many(count)} before", start - timedelta(days=count), start),
        Span("the same days last year", _shifted(start, -12), last_year_end),
        None,
    )


def _day(day: date, label: str) -> Period:
    days = _days(day, 1, label)
    return Period(
        days.current, replace(days.previous, label="the day before"),
        replace(days.last_year, label="the same day last year"), None,
    )  # fmt: skip


def _week(monday: date) -> Period:
    start, days = _midnight(monday), timedelta(days=7)
    last_year = start - timedelta(weeks=52)
    return Period(
        Span(f"week of {monday}", start, start + days),
        Span("the week before", start - days, start),
        Span("the same week last year", last_year, last_year + days),
        None,
    )


def _cut(whole: Period, now: datetime) -> Period:
    elapsed = now - whole.current.start

    def part(span: Span) -> Span:
        # A year away, the same date counts: 366 days of a leap year would reach into the next day of a common one.
        is_year_away = span.start == _shifted(whole.current.start, -12)
        end = _shifted(now, -12) if is_year_away else span.start + elapsed
        return Span(f"the same part of {span.label}", span.start, min(end, span.end))

    current = Span(f"{whole.current.label} so far", whole.current.start, now)
    return Period(current, part(whole.previous), part(whole.last_year), now)


def _first(year: int, month: int) -> datetime:
    return datetime(year, month, 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _shifted(moment: datetime, months: int) -> datetime:
    """The same day and time so many months away; the last day of a month that is too short."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _many(days: int) -> str:
    return "day" if days == 1 else f"{days} days"
