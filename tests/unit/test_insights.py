"""Insights name the figures that they rest on, and stay silent about what nobody can know."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from zava_cli.models.store import Comparison, Figure, PeriodSpan, ReportPeriod, StoreMetrics, TopCategory, TopProduct
from zava_cli.services.insights import describe, in_words

MONEY = {"revenue", "gross_sales", "average_order_value", "gross_margin"}


def figure(name: str, value: str | None, previous: str | None, last_year: str | None = None) -> Figure:
    def compared(base: str | None) -> Comparison:
        if value is None or base is None:
            return Comparison(base=None if base is None else Decimal(base), change=None, change_percent=None)
        change = Decimal(value) - Decimal(base)
        percent = change * 100 / Decimal(base) if Decimal(base) > 0 else None
        return Comparison(base=Decimal(base), change=change, change_percent=percent)

    unit: Any = "money" if name in MONEY else "percent" if name.endswith("_percent") else "count"
    amount = None if value is None else Decimal(value)
    return Figure(value=amount, unit=unit, previous=compared(previous), last_year=compared(last_year))


SOLD: dict[str, tuple[str | None, str | None, str | None]] = {
    "revenue": ("1200.00", "1000.00", "1500.00"),
    "gross_sales": ("1250.00", "1100.00", "1500.00"),
    "orders": ("12", "11", "15"),
    "units": ("40", "30", "50"),
    "average_order_value": ("104.17", "100.00", "100.00"),
    "gross_margin": ("300.00", "200.00", None),
    "gross_margin_percent": ("30.00", "25.00", None),
    "cost_known_percent": ("83.33", "80.00", None),
    "discount_percent": ("4.00", "2.00", "1.00"),
    "return_percent": ("4.00", "9.09", "0.00"),
    "customers": ("10", "9", "12"),
    "new_customers": ("4", "3", "2"),
    "returning_customers": ("6", "6", "10"),
    "orders_without_customer": ("1", "0", "0"),
}
NOTHING: dict[str, tuple[str | None, str | None, str | None]] = {
    name: (None, None, None) if name.endswith("_percent") or name in ("gross_margin", "average_order_value")
    else ("0", "0", "0")
    for name in SOLD
}  # fmt: skip
PAINT = TopCategory(
    name="PAINT", revenue=Decimal(500), units=9, share_percent=Decimal("41.67"), previous_revenue=Decimal(100)
)
BRUSH = TopProduct(
    sku="B1", name="Brush", category="PAINT", revenue=Decimal(240), units=5, share_percent=Decimal(20),
    previous_revenue=Decimal(0),
)  # fmt: skip
MARCH = ReportPeriod(
    label="March 2025", start=date(2025, 3, 1), end=date(2025, 3, 31), time_zone="America/Los_Angeles", until=None,
    previous=PeriodSpan(label="February 2025", start=date(2025, 2, 1), end=date(2025, 2, 28)),
    last_year=PeriodSpan(label="March 2024", start=date(2024, 3, 1), end=date(2024, 3, 31)),
)  # fmt: skip


def metrics(**changed: tuple[str | None, str | None, str | None]) -> StoreMetrics:
    return StoreMetrics(
        **{name: figure(name, *values) for name, values in (SOLD | changed).items()},
        top_products=[BRUSH],
        top_categories=[PAINT],
        most_changed_category=PAINT,
    )


def empty(**changed: tuple[str | None, str | None, str | None]) -> StoreMetrics:
    return StoreMetrics(
        **{name: figure(name, *values) for name, values in (NOTHING | changed).items()},
        top_products=[],
        top_categories=[],
        most_changed_category=None,
    )


def test_a_month_with_sales_is_described_with_every_figure() -> None:
    assert describe(MARCH, metrics(), date(2025, 4, 2)) == [
        "Revenue was 1,200.00: up 200.00 (+20.0%) on February 2025 (1,000.00), down 300.00 (-20.0%) on March 2024"
        " (1,500.00).",
        "Against February 2025: 12 orders (+9.1%) of 104.17 on average (+4.2%), so mostly the number of orders.",
        "Gross margin was 300.00, 30.0% of the revenue with a known cost (83.3% of all), +5.0 points on February 2025.",
        "Discounts took 4.0% of list value (February 2025: 2.0%), returns 4.0% of gross sales (February 2025: 9.1%).",
        "10 customers bought: 4 new (40.0%) and 6 returning; no customer is known for 1 of 12 orders.",
        "PAINT brought most, 500.00 (41.7% of revenue); the top product was Brush with 240.00 (20.0% of revenue).",
        "PAINT changed most: up 400.00 on February 2025 (100.00) to 500.00.",
    ]


def test_a_period_without_sales_says_so_and_where_the_latest_sales_are() -> None:
    said = describe(MARCH, empty(revenue=("0", "90.00", "0"), orders=("0", "1", "0")), date(2025, 2, 27))
    assert said == [
        "No sales: 0 orders from 2025-03-01 to 2025-03-31.",
        "February 2025: 1 order and revenue of 90.00.",
        "The newest order is of 2025-02-27: ask for 2025-02 to see the latest sales.",
    ]


def test_a_store_without_any_order_says_so() -> None:
    assert describe(MARCH, empty(), None)[-1] == "The store has never had an order."


def test_returns_alone_are_not_called_sales() -> None:
    said = describe(MARCH, empty(revenue=("-9.00", "0", "0"), units=("-1", "0", "0")), date(2025, 3, 3))
    assert said[1] == "Returns alone brought revenue to -9.00."


def test_a_first_month_has_nothing_to_be_compared_with() -> None:
    first = {name: (value, NOTHING[name][1], NOTHING[name][2]) for name, (value, _, _) in SOLD.items()}
    said = describe(MARCH, metrics(**first), date(2025, 3, 30))
    assert said[0] == ("Revenue was 1,200.00: up 1,200.00 on February 2025 (0.00), up 1,200.00 on March 2024 (0.00).")
    assert not any("Against" in sentence or "changed most" in sentence for sentence in said)


def test_unknown_costs_make_the_margin_unknown() -> None:
    said = describe(
        MARCH,
        metrics(
            gross_margin=(None, None, None), gross_margin_percent=(None, None, None), cost_known_percent=("0", "0", "0")
        ),
        None,
    )
    assert "Gross margin is unknown: none of the revenue of 1,200.00 comes from products with a known cost." in said


def test_orders_that_name_nobody_leave_customers_unknown() -> None:
    nobody = dict.fromkeys(("customers", "new_customers", "returning_customers"), ("0", "0", "0"))
    said = describe(MARCH, metrics(**nobody, orders_without_customer=("12", "0", "0")), None)
    assert "New and returning customers are unknown: no customer is known for 12 of 12 orders." in said


def test_a_period_that_is_not_over_says_up_to_when_it_counts() -> None:
    partial = MARCH.model_copy(update={"until": datetime(2025, 3, 20, 9, 30)})
    assert describe(partial, metrics(), None)[0] == (
        "The period is not over: counted up to 2025-03-20 09:30 (America/Los_Angeles) and compared with"
        " February 2025 and March 2024."
    )


def test_a_year_is_compared_once() -> None:
    year = MARCH.model_copy(update={"last_year": MARCH.previous})
    assert describe(year, metrics(), None)[0] == "Revenue was 1,200.00: up 200.00 (+20.0%) on February 2025 (1,000.00)."


@pytest.mark.parametrize("main", ["orders", "average_order_value"])
def test_the_larger_of_two_causes_is_named(main: str) -> None:
    other = "average_order_value" if main == "orders" else "orders"
    said = describe(MARCH, metrics(**{main: ("150", "100", "1"), other: ("101", "100", "1")}), None)[1]
    assert said.endswith("so mostly the number of orders." if main == "orders" else "so mostly their size.")


def test_figures_are_written_with_their_unit() -> None:
    assert in_words(Decimal("1234567.5050"), "money") == "1,234,567.51"
    assert in_words(Decimal(1234), "count") == "1,234"
    assert in_words(Decimal("12.25"), "percent") == "12.3%"
    assert in_words(None, "money") == "unknown"
