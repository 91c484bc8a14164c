"""Every planted effect is found again by SQL, as head office, in a seeded database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import SEED, UNTIL, drop, new_profile, opened, settings_for
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.migrate import migrate
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.models.seed import PlantedEffect, SeedRequest
from zava_cli.services.seed.catalogue import load_catalogue
from zava_cli.services.seed.explain import planted_effects
from zava_cli.services.seed.model import load_model
from zava_cli.services.seed.plan import Plan
from zava_cli.services.seed.seed import seed_database

CUSTOMERS = 12_000
HEAD_OFFICE = next(manager.name for manager in load_catalogue().managers if manager.role == "head_office")
PLAN = Plan(
    load_catalogue(), load_model(), SEED, date.fromisoformat(UNTIL), CUSTOMERS, ZoneInfo("America/Los_Angeles")
)  # fmt: skip
EFFECTS = planted_effects(PLAN)

ABSOLUTE = {
    "store_customers": 0.001,
    "opening_customers": 0.001,
    "one_time_customers": 0.02,
    "second_order": 0,
    "opening_hours": 0,
    "yearly_churn": 0.06,
    "pending_sales": 0.15,
    "one_department": 0.01,
    "best_sellers": 0.03,
    "product_pairs": 0.12,
    "price_level": 0.003,
    "discounted_lines": 0.02,
    "discount_percent": 0.5,
    "returned_lines": 0.015,
    "stock_outs": 0.002,
}
"""How far a number may be off; others by the share below. About three standard errors at this size."""

RELATIVE = {
    "sales_per_year": 0.06,
    "sales_per_month": 0.06,
    "sales_per_weekday": 0.05,
    "category_season": 0.35,
    "new_customers_per_year": 0.12,
    "store_frequency": 0.1,
    "store_value": 0.12,
}


@pytest.fixture(scope="module")
def larger() -> Iterator[Target]:
    """A seeded database that is large enough for the effects to stand out."""
    target = Target(settings_for(new_profile()))

    async def fill() -> None:
        await migrate(target)
        await seed_database(target, SeedRequest(seed=SEED, until=PLAN.until, customers=CUSTOMERS))

    asyncio.run(fill())
    yield target
    asyncio.run(drop(target))


@pytest.fixture
async def analyst(larger: Target) -> AsyncIterator[PostgreSQLProvider]:
    """The gateway's pools on that database."""
    async with opened(larger) as provider:
        yield provider


async def found(provider: PostgreSQLProvider, name: str) -> dict[tuple[str, str], float]:
    """What an effect's query finds, by subject and key."""
    async with provider.reader(await provider.identify(HEAD_OFFICE)) as session:
        rows = await session.rows(named_sql("effects")[name])
    return {(row["subject"], row["key"]): row["found"] for row in rows}


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: f"{effect.name} {effect.subject}".strip())
async def test_the_planted_numbers_are_found_in_the_data(analyst: PostgreSQLProvider, effect: PlantedEffect) -> None:
    numbers = await found(analyst, effect.name)
    for key, planted in effect.numbers.items():
        allowed = ABSOLUTE[effect.name] if effect.name in ABSOLUTE else RELATIVE[effect.name] * planted
        assert numbers[effect.subject, key] == pytest.approx(planted, abs=max(allowed, 1e-9)), key


async def test_seasons_stand_out_from_the_noise_of_their_category(analyst: PostgreSQLProvider) -> None:
    numbers = await found(analyst, "category_season")
    for effect in EFFECTS:
        if effect.name == "category_season":
            peak = max(effect.numbers, key=lambda month: effect.numbers[month])
            low = min(effect.numbers, key=lambda month: effect.numbers[month])
            assert numbers[effect.subject, peak] > 1.1 > 1 > numbers[effect.subject, low]


async def test_stores_differ_in_the_value_of_a_sale_as_their_parameters_do(analyst: PostgreSQLProvider) -> None:
    numbers = await found(analyst, "store_value")
    seattle, spokane = numbers["", "Zava Retail Seattle"], numbers["", "Zava Retail Spokane"]
    assert seattle / spokane == pytest.approx(1.3, rel=0.12)


async def test_exactly_the_planted_pairs_stand_out(analyst: PostgreSQLProvider) -> None:
    numbers = await found(analyst, "product_pairs")
    planted = {(pair.sku, pair.companion_sku) for pair in load_catalogue().pairs}
    planted |= {(companion, sku) for sku, companion in planted}
    assert set(numbers) == planted


def test_every_effect_has_a_query_and_every_query_an_effect() -> None:
    assert {effect.name for effect in EFFECTS} == set(named_sql("effects"))


def test_every_pair_season_and_store_of_the_sample_data_is_listed() -> None:
    subjects = {effect.subject for effect in EFFECTS}
    assert {pair.sku for pair in PLAN.catalogue.pairs} <= subjects
    assert set(PLAN.catalogue.categories) <= subjects
    stores = next(effect.numbers for effect in EFFECTS if effect.name == "store_value")
    assert set(stores) == {store.name for store in PLAN.catalogue.stores}
