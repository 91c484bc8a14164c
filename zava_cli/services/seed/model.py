"""The parameters of the generator, from sample_data/model.toml; each section there is a class here."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from zava_cli.services.seed.catalogue import sample_data

Share = Annotated[float, Field(ge=0, le=1)]
Weights = Annotated[list[float], Field(min_length=1)]
DayRange = Annotated[tuple[int, int], Field(description="First and last number of days, both included")]
# Clocks change at night: from four o'clock on, a whole day has one offset from UTC.
Hours = Annotated[tuple[Annotated[int, Field(ge=4)], Annotated[int, Field(le=24)]], Field()]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Volume(_Section):
    """How many customers and sales."""

    customers: int = Field(gt=0)
    orders_per_customer: float = Field(gt=1)


class Time(_Section):
    """When things are sold; `shop_hours` and `online_hours` are local."""

    start: date
    years: list[int]
    year_weights: Weights
    weekday_factor: Annotated[list[float], Field(min_length=7, max_length=7)]
    shop_hours: Hours
    online_hours: Hours

    def per_year(self, weights: list[float], year: int) -> float:
        """The weight of a year; past the table it grows on at the last rate."""
        past = year - self.years[-1]
        if past <= 0:
            return weights[year - self.years[0]]
        growth = weights[-1] / weights[-2]
        value = weights[-1]
        for _ in range(past):
            value *= growth
        return value


class Customers(_Section):
    """How customers arrive, come back and leave."""

    opening_share: Share
    arrival_weights: Weights
    one_time_share: Share
    second_order_days: DayRange
    yearly_churn: Annotated[float, Field(gt=0, lt=1)]


class Baskets(_Section):
    """What an order holds."""

    count_values: list[int]
    count_weights: Weights
    main_category_share: Share
    popularity_exponent: float = Field(ge=0)
    quantity_values: list[int]
    quantity_weights: Weights


class Prices(_Section):
    """What was paid per unit before the discount."""

    yearly_growth: float = Field(gt=0)
    noise: Share


class DiscountSeason(_Section):
    """Share of discounted lines and the weights of the levels."""

    share: Share
    levels_weights: Weights

    def mean_percent(self, levels: list[int]) -> float:
        """Mean discount of a discounted line."""
        total = sum(level * weight for level, weight in zip(levels, self.levels_weights, strict=True))
        return total / sum(self.levels_weights)


class Discounts(_Section):
    """Discounts in percent, in November and otherwise."""

    levels_percent: list[int]
    usual: DiscountSeason
    november: DiscountSeason


class Returns(_Section):
    """Which lines come back, and when."""

    days: DayRange
    default_rate: Share
    category_rates: dict[str, Share]

    def rate(self, category: str) -> float:
        """Share of the category's sold lines that come back."""
        return self.category_rates.get(category, self.default_rate)


class Status(_Section):
    """Which sales are still pending."""

    pending_days: int = Field(ge=0)
    pending_share: Share


class Inventory(_Section):
    """Stock, reorder points and stock-outs."""

    velocity_days: int = Field(gt=0)
    cover_days: DayRange
    reorder_days: int = Field(gt=0)
    minimum: int = Field(ge=1)
    stockout_share: Share
    stockout_by_store: dict[str, Share]

    def stockouts(self, store: str) -> float:
        """Share of the store's products without stock."""
        return self.stockout_by_store.get(store, self.stockout_share)


class SeedModel(_Section):
    """Everything that model.toml says."""

    volume: Volume
    time: Time
    customers: Customers
    baskets: Baskets
    prices: Prices
    discounts: Discounts
    returns: Returns
    status: Status
    inventory: Inventory


@cache
def load_model() -> SeedModel:
    """Reads model.toml; pydantic's error names a parameter that cannot be used."""
    return SeedModel.model_validate(tomllib.loads(sample_data().joinpath("model.toml").read_text(encoding="utf-8")))
