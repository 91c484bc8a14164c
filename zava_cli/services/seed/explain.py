"""What the generator plants: every effect with its numbers, and the query that finds them again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zava_cli.data.seed import effect_queries
from zava_cli.models.seed import PlantedEffect
from zava_cli.services.seed.catalogue import MONTHS
from zava_cli.services.seed.draw import Floats
from zava_cli.services.seed.plan import Plan
from zava_cli.services.seed.timeline import Timeline

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BEST_PART = 5


def planted_effects(plan: Plan) -> list[PlantedEffect]:
    """Every effect in the data of `plan`."""
    return [effect for part in (_volume, _stores, _customers, _baskets, _money) for effect in part(plan)]


def _effect(name: str, where: str, meaning: str, numbers: dict[str, float], subject: str = "") -> PlantedEffect:
    rounded = {key: round(float(number), 4) for key, number in numbers.items()}
    sql = effect_queries()[name]
    return PlantedEffect(name=name, subject=subject, where=where, numbers=rounded, meaning=meaning, sql=sql)


def _volume(plan: Plan) -> Iterator[PlantedEffect]:
    time = plan.model.time
    seasons, timeline = plan.catalogue.season_factors, Timeline.build(plan)
    yield _effect(
        "sales_per_year", "model.toml time.year_weights", "Sales relative to the first year",
        _per_year(timeline, timeline.sales_weight),
    )  # fmt: skip
    yield _effect(
        "sales_per_month", "categories.csv, mean of all categories", "Sales relative to the mean month",
        _named(MONTHS, timeline.season),
    )  # fmt: skip
    yield _effect(
        "sales_per_weekday", "model.toml time.weekday_factor", "Sales relative to the mean day",
        _named(WEEKDAYS, np.array(time.weekday_factor)),
    )  # fmt: skip
    for subject, hours in (("shops", time.shop_hours), ("online", time.online_hours)):
        numbers = {"first hour": float(hours[0]), "last hour": hours[1] - 1.0}
        where = "model.toml time.shop_hours, online_hours"
        yield _effect("opening_hours", where, "Local hours in which orders are placed", numbers, subject)
    for name, season in zip(plan.catalogue.categories, seasons, strict=True):
        numbers = _named(MONTHS, season / season.mean())
        yield _effect("category_season", "categories.csv", "Sold lines relative to the mean month", numbers, name)
    yield _effect(
        "new_customers_per_year", "model.toml customers.arrival_weights", "New customers relative to the first year",
        _per_year(timeline, timeline.arrival_weight),
    )  # fmt: skip


def _stores(plan: Plan) -> Iterator[PlantedEffect]:
    names = [store.name for store in plan.catalogue.stores]
    customers, sales = np.array(plan.customers_per_store), np.array(plan.sales_per_store)
    value = np.array([store.value for store in plan.catalogue.stores])
    yield _effect(
        "store_customers", "stores.csv weight", "Share of all customers", _named(names, customers / customers.sum())
    )
    yield _effect(
        "store_frequency", "stores.csv frequency, model.toml volume.orders_per_customer", "Sales per customer",
        _named(names, sales / customers),
    )  # fmt: skip
    yield _effect(
        "store_value", "stores.csv value", "Mean sale relative to all stores",
        _named(names, value * sales.sum() / (value * sales).sum()),
    )  # fmt: skip
    stockouts = {name: plan.model.inventory.stockouts(name) for name in names}
    yield _effect("stock_outs", "model.toml inventory.stockout_*", "Share of products without stock", stockouts)


def _customers(plan: Plan) -> Iterator[PlantedEffect]:
    rules, status = plan.model.customers, plan.model.status
    yield _effect(
        "opening_customers", "model.toml customers.opening_share", "Customers from before the first year",
        {"share": rules.opening_share},
    )  # fmt: skip
    yield _effect(
        "one_time_customers", "model.toml customers.one_time_share", "New customers who never come back",
        {"share": rules.one_time_share},
    )  # fmt: skip
    fewest, most = rules.second_order_days
    yield _effect(
        "second_order", "model.toml customers.second_order_days", "Days until the others do",
        {"fewest days": fewest, "most days": most},
    )  # fmt: skip
    yield _effect(
        "yearly_churn", "model.toml customers.yearly_churn", "Regular customers who leave within a year",
        {"share": rules.yearly_churn},
    )  # fmt: skip
    yield _effect(
        "pending_sales", "model.toml status", f"Sales still pending, of the last {status.pending_days} days",
        {"last days": status.pending_share, "before": 0},
    )  # fmt: skip


def _baskets(plan: Plan) -> Iterator[PlantedEffect]:
    rules = plan.model.baskets
    seasons = plan.catalogue.season_factors
    mix = seasons / seasons.sum(axis=0)
    by_chance = float(((mix**2).sum(axis=0) * seasons.sum(axis=0)).sum() / seasons.sum())
    yield _effect(
        "one_department", "model.toml baskets.main_category_share", "Further lines of the first one's category",
        {"share": rules.main_category_share + (1 - rules.main_category_share) * by_chance},
    )  # fmt: skip
    yield _effect(
        "best_sellers", "model.toml baskets.popularity_exponent", "Lines of the best-selling fifth of each category",
        {"share": _best_part(plan)},
    )  # fmt: skip
    for pair in plan.catalogue.pairs:
        numbers = {pair.companion_sku: pair.probability}
        yield _effect("product_pairs", "pairs.csv", pair.reason, numbers, pair.sku)


def _money(plan: Plan) -> Iterator[PlantedEffect]:
    prices, discounts = plan.model.prices, plan.model.discounts
    years = range(plan.model.time.start.year, plan.until.year + (plan.until.timetuple().tm_yday > 1))
    yield _effect(
        "price_level", "model.toml prices.yearly_growth", "Price paid relative to the list price",
        {str(year): prices.yearly_growth ** (year - years[-1]) for year in years},
    )  # fmt: skip
    seasons = {"usual": discounts.usual, "november": discounts.november}
    yield _effect(
        "discounted_lines", "model.toml discounts.*.share", "Lines with a discount",
        {name: season.share for name, season in seasons.items()},
    )  # fmt: skip
    yield _effect(
        "discount_percent", "model.toml discounts.*.levels_weights", "Mean discount of those lines, in percent",
        {name: season.mean_percent(discounts.levels_percent) for name, season in seasons.items()},
    )  # fmt: skip
    yield _effect(
        "returned_lines", "model.toml returns", "Returned lines per sold line",
        {category: plan.model.returns.rate(category) for category in plan.catalogue.categories},
    )  # fmt: skip


def _named(names: tuple[str, ...] | list[str], numbers: Floats) -> dict[str, float]:
    return dict(zip(names, numbers.tolist(), strict=True))


def _per_year(timeline: Timeline, weight: Floats) -> dict[str, float]:
    """Weights of the days that are over, per year, relative to the first year."""
    years = timeline.year[: timeline.elapsed]
    totals = np.bincount(years - years[0], weights=weight[: timeline.elapsed])
    return {str(int(years[0]) + index): float(total / totals[0]) for index, total in enumerate(totals)}


def _best_part(plan: Plan) -> float:
    """Share of lines that the best fifth of each category makes, by its rank weights, over all categories."""
    seasons = plan.catalogue.season_factors.sum(axis=1)
    shares: list[float] = []
    for category in plan.catalogue.categories:
        count = sum(product.category == category for product in plan.catalogue.products)
        weights = np.arange(1, count + 1.0) ** -plan.model.baskets.popularity_exponent
        shares.append(float(weights[: round(count / BEST_PART)].sum() / weights.sum()))
    return float((np.array(shares) * seasons).sum() / seasons.sum())
