"""The generator by itself: deterministic, bounded, and true to the calendar."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from zava_cli.data.binary_copy import Kind, encode
from zava_cli.models.seed import SeedRequest
from zava_cli.services.seed.catalogue import load_catalogue
from zava_cli.services.seed.draw import apportion, generator, pick, poisson, tilted, uuid7
from zava_cli.services.seed.generator import generate
from zava_cli.services.seed.model import load_model
from zava_cli.services.seed.plan import Plan
from zava_cli.services.seed.timeline import Timeline

PINNED = "65eb2109cd1f7f348ba3ec47552074e85cabf1b2b568cb0cd1912662371eca3d"


def plan(*, seed: int = 42, customers: int = 500, until: date = date(2026, 6, 30)) -> Plan:
    return Plan(load_catalogue(), load_model(), seed, until, customers, ZoneInfo("America/Los_Angeles"))


def digest(made: Plan) -> str:
    result = hashlib.sha256()
    for block in generate(made):
        for rows in block:
            result.update(rows.stream)
    return result.hexdigest()


def test_the_same_plan_makes_the_same_bytes_on_every_machine() -> None:
    assert digest(plan()) == PINNED


@pytest.mark.parametrize("other", [plan(seed=43), plan(customers=501), plan(until=date(2026, 6, 29))])
def test_another_seed_size_or_end_makes_other_bytes(other: Plan) -> None:
    assert digest(other) != PINNED


def test_the_smallest_data_set_can_be_made() -> None:
    counts = Counter[str]()
    for block in generate(plan(customers=100, until=date(2021, 1, 1))):
        for rows in block:
            counts[rows.table] += rows.count
    assert counts["customers"] == 100
    assert counts["inventory"] == len(load_catalogue().stores) * len(load_catalogue().products)
    assert counts["orders"] > 300


def test_blocks_stay_small_however_many_customers_there_are() -> None:
    largest = max(rows.count for block in generate(plan(customers=60_000)) for rows in block)
    assert largest < 60_000


def test_local_times_become_utc_on_both_sides_of_a_clock_change() -> None:
    made = plan()
    timeline = Timeline.build(made)
    for local in (date(2024, 3, 9), date(2024, 3, 10), date(2024, 11, 2), date(2024, 11, 3), date(2020, 1, 1)):
        day = (local - made.model.time.start).days
        for hour in (0, 8, 19):
            moment = timeline.utc(np.array([day]), np.array([hour * 3600]))[0] / 1e6
            wanted = datetime(local.year, local.month, local.day, hour, tzinfo=made.zone)
            assert datetime.fromtimestamp(moment, UTC) == wanted


def test_years_past_the_table_grow_at_its_last_rate() -> None:
    time = load_model().time
    last, before = time.year_weights[-1], time.year_weights[-2]
    assert time.per_year(time.year_weights, time.years[-1] + 2) == pytest.approx(last * (last / before) ** 2)


def test_poisson_numbers_have_their_mean_and_variance() -> None:
    means = np.repeat([0.0, 0.3, 4.0, 60.0], 20_000)
    numbers = poisson(generator(1), means).reshape(4, -1)
    assert numbers.mean(axis=1) == pytest.approx([0, 0.3, 4, 60], rel=0.02)
    assert numbers.var(axis=1) == pytest.approx([0, 0.3, 4, 60], rel=0.04)


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.5])
def test_tilted_weights_have_the_wanted_mean(factor: float) -> None:
    values, weights = [1, 2, 3, 4, 5], [60.0, 25, 10, 3, 2]
    shifted = tilted(values, weights, factor)
    assert np.average(values, weights=shifted) == pytest.approx(factor * np.average(values, weights=weights))


def test_shares_of_a_total_add_up_to_it() -> None:
    assert apportion(100, [30, 25, 20, 8, 7, 6, 4, 30]) == [23, 19, 16, 6, 5, 5, 3, 23]


def test_an_index_without_weight_is_never_drawn() -> None:
    assert set(pick(generator(1), 1_000, [0, 1, 0, 1])) == {1, 3}


def test_keys_sort_by_time_and_never_repeat() -> None:
    moments = np.repeat(np.arange(1_600_000_000, 1_600_001_000) * 1_000_000, 5)
    keys = [row.tobytes() for row in uuid7(generator(1), moments)]
    assert len(set(keys)) == len(keys)
    assert all(key[6] >> 4 == 7 and key[8] >> 6 == 2 for key in keys)
    assert [key[:6] for key in keys] == sorted(key[:6] for key in keys)


def test_money_that_does_not_fit_is_refused_instead_of_cut() -> None:
    with pytest.raises(OverflowError):
        encode({"amount": Kind.MONEY}, {"amount": np.array([10**10])})


def test_customers_and_scale_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="either customers or scale"):
        SeedRequest(customers=200, scale=2)
