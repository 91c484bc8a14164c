"""Who buys when: customers of one store arrive, come back or not, order at random and leave.

The store's sales per month are given. First and second orders follow from the arrivals; what is left of each
month is spread evenly over the customers who are active then, so that volume, churn and repeat behaviour
are all as the model says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zava_cli.services.seed.draw import Floats, Ints, Random, between, cumulative, poisson
from zava_cli.services.seed.model import SeedModel
from zava_cli.services.seed.timeline import OPENING_DAYS, Timeline

DAYS_PER_YEAR = 365.25
NEVER = -1


@dataclass(frozen=True)
class Purchases:
    """Customers with the local day and second on which they joined, and sales in the order of their time.

    `customer` is the index of the sale's customer; days are numbers in the timeline, negative before its start.
    """

    joined_day: Ints
    joined_second: Ints
    customer: Ints
    day: Ints
    second: Ints


@dataclass(frozen=True)
class _Lives:
    """First and second order days (NEVER: none) and the days of random orders from `begin` until before `end`."""

    first: Ints
    second: Ints
    begin: Ints
    end: Ints


def purchases(
    random: Random, model: SeedModel, timeline: Timeline, customers: int, sales: float, hours: tuple[int, int]
) -> Purchases:
    """The customers of one store and their expected `sales` between the opening `hours`."""
    lives = _lives(random, model, timeline, customers)
    intensity = np.concatenate([[0.0], np.cumsum(_intensity(timeline, lives, sales))])
    expected = intensity[lives.end] - intensity[lives.begin]
    regular = np.repeat(np.arange(customers), poisson(random, expected))
    moment = intensity[lives.begin[regular]] + random.random(regular.size) * expected[regular]
    day = np.searchsorted(intensity, moment, side="right") - 1
    day = np.clip(day, lives.begin[regular], lives.end[regular] - 1)
    early = [np.flatnonzero(days != NEVER) for days in (lives.first, lives.second)]
    customer = np.concatenate([*early, regular])
    day = np.concatenate([lives.first[early[0]], lives.second[early[1]], day])
    second = between(random, customer.size, (hours[0] * 3600, hours[1] * 3600 - 1))
    newcomers = early[0]
    joined_day = between(random, customers, (-OPENING_DAYS, -1))
    joined_second = between(random, customers, (hours[0] * 3600, hours[1] * 3600 - 1))
    joined_day[newcomers] = lives.first[newcomers]
    # A newcomer signs up while paying.
    joined_second[newcomers] = second[: newcomers.size]
    order = np.lexsort((second, day))
    return Purchases(joined_day, joined_second, customer[order], day[order], second[order])


def _lives(random: Random, model: SeedModel, timeline: Timeline, customers: int) -> _Lives:
    rules, elapsed = model.customers, timeline.elapsed
    opening = round(customers * rules.opening_share)
    first = np.full(customers, NEVER)
    arrivals = cumulative(timeline.arrival_weight[:elapsed])
    first[opening:] = np.searchsorted(arrivals[:-1], random.random(customers - opening), side="right")
    returning = (first != NEVER) & (random.random(customers) >= rules.one_time_share)
    second = np.full(customers, NEVER)
    second[returning] = _second_day(random, timeline, first[returning], rules.second_order_days)
    years = np.log(1 - random.random(customers)) / np.log(1 - rules.yearly_churn)
    begin = np.where(first == NEVER, 0, second + 1)
    stays = (first == NEVER) | returning
    begin = np.where(stays, np.minimum(begin, elapsed), 0)
    end = np.where(stays, np.minimum(begin + (years * DAYS_PER_YEAR).astype(np.int64), elapsed), 0)
    second[second >= elapsed] = NEVER
    return _Lives(first, second, begin, end)


def _second_day(random: Random, timeline: Timeline, first: Ints, gap: tuple[int, int]) -> Ints:
    """Days of second orders: within the gap, and there as likely as a sale on that day is."""
    mass = np.concatenate([[0.0], np.cumsum(timeline.sales_weight)])
    low, high = mass[first + gap[0]], mass[first + gap[1] + 1]
    moment = low + random.random(first.size) * (high - low)
    return np.clip(np.searchsorted(mass, moment, side="right") - 1, first + gap[0], first + gap[1])


def _intensity(timeline: Timeline, lives: _Lives, sales: float) -> Floats:
    """Expected random orders per active customer and day, so that each month gets its share of `sales`."""
    elapsed = timeline.elapsed
    month = timeline.month[:elapsed]
    wanted = np.bincount(month, weights=timeline.sales_weight[:elapsed])
    wanted *= sales / wanted.sum()
    for days in (lives.first, lives.second):
        wanted -= np.bincount(month[days[days != NEVER]], minlength=wanted.size)
    changes = np.bincount(lives.begin, minlength=elapsed + 1) - np.bincount(lives.end, minlength=elapsed + 1)
    active = np.cumsum(changes)[:elapsed] * timeline.weekday_share[:elapsed]
    present = np.bincount(month, weights=active)
    per_month = np.divide(np.maximum(wanted, 0), present, out=np.zeros_like(wanted), where=present > 0)
    return per_month[month] * timeline.weekday_share[:elapsed]
