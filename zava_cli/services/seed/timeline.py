"""The calendar of a data set: one entry per local day with its weight, and the way from local time to UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from zava_cli.services.seed.draw import Floats, Ints
from zava_cli.services.seed.plan import Plan

OPENING_DAYS = 730
"""Customers of the opening base joined within so many days before the first one."""

_EPOCH = date(1970, 1, 1)
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Timeline:
    """Days from the start on, numbered from 0; they reach past `elapsed`, the number of days that are over.

    `month` counts months from the start, `month_of_year` from 0 to 11; `weekday_share` is a day's share of its
    whole month; `season` has a mean of 1 over twelve months.
    """

    elapsed: int
    year: Ints
    month: Ints
    month_of_year: Ints
    weekday_share: Floats
    season: Floats
    sales_weight: Floats
    arrival_weight: Floats
    offsets: Ints
    first_day: int

    @classmethod
    def build(cls, plan: Plan) -> Timeline:
        """The calendar from the model's start until the plan's end, and on to the last second order."""
        model, until, seasons = plan.model, plan.until, plan.catalogue.season_factors
        start = model.time.start
        horizon = until + timedelta(days=model.customers.second_order_days[1] + 32)
        number: Ints = np.arange(_number(start), _number(horizon.replace(day=1)), dtype=np.int64)
        month: Ints = number.astype("M8[D]").astype("M8[M]").astype(np.int64)
        weekday = np.asarray(model.time.weekday_factor)[(number + 3) % 7]
        month_index = month - month[0]
        weekday_share = weekday / np.bincount(month_index, weights=weekday)[month_index]
        season = seasons.mean(axis=0) / seasons.mean()
        year = month // 12 + 1970
        daily = season[month % 12] * weekday_share
        years = range(int(year[0]), int(year[-1]) + 1)

        def of_year(weights: list[float]) -> Floats:
            return np.array([model.time.per_year(weights, each) for each in years])[year - year[0]]

        return cls(
            elapsed=(until - start).days,
            year=year,
            month=month_index,
            month_of_year=month % 12,
            weekday_share=weekday_share,
            season=season,
            sales_weight=of_year(model.time.year_weights) * daily,
            arrival_weight=of_year(model.customers.arrival_weights) * daily,
            offsets=_offsets(start, number.size, plan.zone),
            first_day=int(number[0]),
        )

    @property
    def until(self) -> int:
        """The end of the data, in microseconds since 1970: midnight before the first day that is not over."""
        return int(self.utc(np.array([self.elapsed]), np.array([0]))[0])

    def utc(self, day: Ints, second: Ints) -> Ints:
        """Microseconds since 1970 of local seconds after midnight, after four o'clock (or at midnight itself)."""
        # A change of clocks happens after midnight: that moment still has the offset of the day before.
        offset = self.offsets[day + OPENING_DAYS - (second == 0)]
        return ((day + self.first_day) * _DAY_SECONDS + second - offset) * 1_000_000


def _number(day: date) -> int:
    return (day - _EPOCH).days


def _offsets(start: date, count: int, zone: ZoneInfo) -> Ints:
    """Seconds that local time is ahead of UTC at noon of each day, from OPENING_DAYS before the start."""
    noon = datetime.combine(start, datetime.min.time(), zone) + timedelta(hours=12, days=-OPENING_DAYS)
    offsets = ((noon + timedelta(days=day)).utcoffset() for day in range(OPENING_DAYS + count))
    return np.array([offset.total_seconds() for offset in offsets if offset is not None], dtype=np.int64)
