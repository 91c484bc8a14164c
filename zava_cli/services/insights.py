"""Says in words what a store's figures say; each sentence names the figures that it rests on."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from zava_cli.models.store import Comparison, Figure, PeriodSpan, ReportPeriod, StoreMetrics, Unit

MUCH_MORE = 2
"""One of two causes is called the main one when it changed by this many times the other's change."""


def describe(period: ReportPeriod, metrics: StoreMetrics, last_order: date | None) -> list[str]:
    """The sentences, most important first. `last_order` is the day of the store's newest order, if it has one."""
    said = [_partial(period)]
    if metrics.orders.value == 0 and metrics.gross_sales.value == 0:
        said += _nothing_sold(period, metrics, last_order)
    else:
        said += [
            _revenue(period, metrics),
            _causes(period, metrics),
            _margin(period, metrics),
            _losses(period, metrics),
            _customers(metrics),
            _leaders(metrics),
            _moved(period, metrics),
        ]
    return [sentence for sentence in said if sentence]


def in_words(value: Decimal | None, unit: Unit) -> str:
    """A figure for people: 1,234.50 for money, 1,234 for counts, 12.3% for percent, unknown for None."""
    if value is None:
        return "unknown"
    if unit == "money":
        return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
    if unit == "percent":
        return f"{value.quantize(Decimal('0.1'), ROUND_HALF_UP)}%"
    return f"{value:,}"


def change_in_words(figure: Figure, comparison: Comparison) -> str:
    """How far a figure is from another period's: +12.3%, +1.2 points for percentages, empty without a base."""
    if figure.unit == "percent":
        return "" if comparison.change is None else f"{_signed(comparison.change)} points"
    return "" if comparison.change_percent is None else f"{_signed(comparison.change_percent)}%"


def _counted(value: Decimal | None, what: str) -> str:
    return f"{in_words(value, 'count')} {what}{'' if value == 1 else 's'}"


def _signed(value: Decimal) -> str:
    tenths = value.quantize(Decimal("0.1"), ROUND_HALF_UP)
    # A minus that only stands in front of zeros would look like a fall.
    return f"{tenths:+,}" if tenths else "0.0"


def _partial(period: ReportPeriod) -> str:
    if period.until is None:
        return ""
    others = [period.previous.label] + ([] if period.is_compared_once else [period.last_year.label])
    return (
        f"The period is not over: counted up to {period.until:%Y-%m-%d %H:%M} ({period.time_zone}) and compared"
        f" with {' and '.join(others)}."
    )


def _nothing_sold(period: ReportPeriod, metrics: StoreMetrics, last_order: date | None) -> list[str]:
    days = f"on {period.start}" if period.start == period.end else f"from {period.start} to {period.end}"
    said = [f"No sales: 0 orders {days}."]
    if metrics.revenue.value:
        said.append(f"Returns alone brought revenue to {in_words(metrics.revenue.value, 'money')}.")
    if metrics.orders.previous.base:
        label = period.previous.label
        said.append(
            f"{label[0].upper()}{label[1:]}: {_counted(metrics.orders.previous.base, 'order')} and revenue of"
            f" {in_words(metrics.revenue.previous.base, 'money')}."
        )
    if last_order is None:
        said.append("The store has never had an order.")
    elif last_order < period.start:
        said.append(f"The newest order is of {last_order}: ask for {last_order:%Y-%m} to see the latest sales.")
    return said


def _revenue(period: ReportPeriod, metrics: StoreMetrics) -> str:
    figure = metrics.revenue
    parts = [_against(figure, figure.previous, period.previous)]
    if not period.is_compared_once:
        parts.append(_against(figure, figure.last_year, period.last_year))
    return f"Revenue was {in_words(figure.value, figure.unit)}: {', '.join(parts)}."


def _against(figure: Figure, comparison: Comparison, other: PeriodSpan) -> str:
    base = in_words(comparison.base, figure.unit)
    if not comparison.change:
        return f"the same as {other.label}"
    change = f"{'up' if comparison.change > 0 else 'down'} {in_words(abs(comparison.change), figure.unit)}"
    percent = change_in_words(figure, comparison)
    return f"{change}{f' ({percent})' if percent else ''} on {other.label} ({base})"


def _causes(period: ReportPeriod, metrics: StoreMetrics) -> str:
    orders, average = metrics.orders, metrics.average_order_value
    by_orders, by_average = orders.previous.change_percent, average.previous.change_percent
    if by_orders is None or by_average is None or not metrics.revenue.previous.change:
        return ""
    main = ""
    if abs(by_orders) > MUCH_MORE * abs(by_average):
        main = ", so mostly the number of orders"
    elif abs(by_average) > MUCH_MORE * abs(by_orders):
        main = ", so mostly their size"
    return (
        f"Against {period.previous.label}: {_counted(orders.value, 'order')} ({_signed(by_orders)}%) of"
        f" {in_words(average.value, average.unit)} on average ({_signed(by_average)}%){main}."
    )


def _margin(period: ReportPeriod, metrics: StoreMetrics) -> str:
    margin, percent, known = metrics.gross_margin, metrics.gross_margin_percent, metrics.cost_known_percent
    if margin.value is None:
        return (
            f"Gross margin is unknown: none of the revenue of {in_words(metrics.revenue.value, 'money')} comes from"
            " products with a known cost."
        )
    whole = known.value == 100 or known.value is None
    basis = "revenue" if whole else f"the revenue with a known cost ({in_words(known.value, known.unit)} of all)"
    change = change_in_words(percent, percent.previous)
    if change and not change.startswith("0.0"):
        basis += f", {change} on {period.previous.label}"
    return (
        f"Gross margin was {in_words(margin.value, margin.unit)}, {in_words(percent.value, percent.unit)} of {basis}."
    )


def _losses(period: ReportPeriod, metrics: StoreMetrics) -> str:
    discounts, returns = metrics.discount_percent, metrics.return_percent
    return (
        f"Discounts took {in_words(discounts.value, 'percent')} of list value{_before(discounts, period)}, returns"
        f" {in_words(returns.value, 'percent')} of gross sales{_before(returns, period)}."
    )


def _before(figure: Figure, period: ReportPeriod) -> str:
    base = figure.previous.base
    return "" if base is None else f" ({period.previous.label}: {in_words(base, figure.unit)})"


def _customers(metrics: StoreMetrics) -> str:
    customers, new, returning = metrics.customers.value, metrics.new_customers.value, metrics.returning_customers.value
    orders, nameless = metrics.orders.value, metrics.orders_without_customer.value
    assert customers is not None and new is not None
    missing = f"no customer is known for {in_words(nameless, 'count')} of {_counted(orders, 'order')}"
    if not customers:
        return f"New and returning customers are unknown: {missing}."
    share = in_words(new * 100 / customers, "percent")
    return (
        f"{_counted(customers, 'customer')} bought: {in_words(new, 'count')} new ({share}) and"
        f" {in_words(returning, 'count')} returning{f'; {missing}' if nameless else ''}."
    )


def _leaders(metrics: StoreMetrics) -> str:
    if not metrics.top_categories or not metrics.top_products:
        return ""
    category, product = metrics.top_categories[0], metrics.top_products[0]
    return (
        f"{category.name} brought most, {in_words(category.revenue, 'money')}{_share(category.share_percent)}; the top"
        f" product was {product.name} with {in_words(product.revenue, 'money')}{_share(product.share_percent)}."
    )


def _share(percent: Decimal | None) -> str:
    return "" if percent is None else f" ({in_words(percent, 'percent')} of revenue)"


def _moved(period: ReportPeriod, metrics: StoreMetrics) -> str:
    moved = metrics.most_changed_category
    if moved is None or not metrics.revenue.previous.base:
        return ""
    change = moved.revenue - moved.previous_revenue
    return (
        f"{moved.name} changed most: {'up' if change > 0 else 'down'} {in_words(abs(change), 'money')} on"
        f" {period.previous.label} ({in_words(moved.previous_revenue, 'money')}) to {in_words(moved.revenue, 'money')}."
    )
