"""How a store did in a period: figures, comparisons, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from zava_cli.data import store as data
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.retries import retried
from zava_cli.data.session import Session
from zava_cli.data.store import Leader, Store, Totals
from zava_cli.infra.errors import ValidationError
from zava_cli.models.store import (
    DEFAULT_PERIOD,
    Comparison,
    Figure,
    PeriodSpan,
    ReportPeriod,
    StoreMetrics,
    StorePerformance,
    StoreRequest,
    TopCategory,
    TopProduct,
    Unit,
)
from zava_cli.services.insights import describe
from zava_cli.services.periods import Period, Span, parse_period
from zava_cli.services.unseen_store import unseen_store

CENT, TEN_THOUSANDTH = Decimal("0.01"), Decimal("0.0001")
MOST_CANDIDATES = 10


class SalesAnalyticsService:
    """Answers for one caller, who gets figures of the stores that row security shows them.

    `clock` gives the local time of the business; without one the server's is asked.
    """

    def __init__(
        self, provider: PostgreSQLProvider, caller: Caller, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._provider = provider
        self._caller = caller
        self._clock = clock

    async def get_store_performance(
        self, store_id: UUID | str, time_period: str = DEFAULT_PERIOD, *, top: int = 5
    ) -> StorePerformance:
        """The figures of the store with that id, name, part of a name or city; see `performance`."""
        return await self.performance(StoreRequest(store=str(store_id), time_period=time_period, top=top))

    async def performance(self, request: StoreRequest) -> StorePerformance:
        """Figures, comparisons and insights, all of one moment.

        Raises AuthorizationError for a store that does not exist or that the caller may not see, without
        telling which, and ValidationError for a period that cannot be read or a name that fits several stores.
        """

        async def read() -> StorePerformance:
            return await self._read(request)

        return await retried(self._provider.settings, read)

    async def _read(self, request: StoreRequest) -> StorePerformance:
        async with self._provider.reader(self._caller) as session:
            now = self._clock() if self._clock else await data.local_time(session)
            period = parse_period(request.time_period, now)
            stores = await data.matching_stores(session, request.store)
            if not stores:
                raise await unseen_store(session)
            store = _only(stores, request.store)
            newest = await data.last_order(session, store.store_id)
            metrics = await _metrics(session, store, period, request.top)
        described = _described(period, self._caller.time_zone)
        last_order = newest.date() if newest else None
        return StorePerformance(
            store_id=store.store_id, store=store.name, location=store.location, period=described,
            last_order=last_order, metrics=metrics, insights=describe(described, metrics, last_order),
        )  # fmt: skip


def _only(stores: Sequence[Store], asked: str) -> Store:
    if len(stores) > 1:
        names = [store.name for store in stores[:MOST_CANDIDATES]]
        more = len(stores) - len(names)
        raise ValidationError(
            "store", asked, f"fits {len(stores)} stores: {', '.join(names)}{f' and {more} more' if more else ''}",
            hint="Give one of these names in full.",
        )  # fmt: skip
    return stores[0]


def _bounds(span: Span) -> data.Bounds:
    return span.start, span.end


async def _metrics(session: Session, store: Store, period: Period, top: int) -> StoreMetrics:
    current, previous, last_year = _bounds(period.current), _bounds(period.previous), _bounds(period.last_year)
    is_same = previous == last_year
    other = (None, None) if is_same else last_year
    totals, leaders = await data.sums(session, store.store_id, current, previous, other, top)
    now, before, year_before = totals[0], totals[1], totals[1 if is_same else 2]
    revenue = now.revenue
    categories = [leader for leader in leaders if leader.sku is None]
    moved = max(categories, key=_movement, default=None)
    return StoreMetrics(
        **{name: _figure(unit, get, now, before, year_before) for name, (unit, get) in FIGURES.items()},
        top_products=[
            TopProduct(sku=one.sku, name=one.name or "", category=one.category, **_sold(one, revenue))
            for one in leaders if one.sku is not None and one.current_revenue > 0
        ],
        top_categories=[_category(leader, revenue) for leader in categories if leader.current_revenue > 0][:top],
        most_changed_category=_category(moved, revenue) if moved and _movement(moved) else None,
    )  # fmt: skip


def _movement(leader: Leader) -> Decimal:
    return abs(leader.current_revenue - leader.previous_revenue)


def _category(leader: Leader, revenue: Decimal) -> TopCategory:
    return TopCategory(name=leader.category, **_sold(leader, revenue))


def _sold(leader: Leader, revenue: Decimal) -> dict[str, Any]:
    return {
        "revenue": _money(leader.current_revenue), "units": leader.current_units,
        "share_percent": _percent(leader.current_revenue, revenue),
        "previous_revenue": _money(leader.previous_revenue),
    }  # fmt: skip


def _figure(
    unit: Unit, get: Callable[[Totals], Decimal | None], now: Totals, previous: Totals, last_year: Totals
) -> Figure:
    value = get(now)
    before, year_before = _comparison(value, get(previous)), _comparison(value, get(last_year))
    return Figure(value=value, unit=unit, previous=before, last_year=year_before)


def _comparison(value: Decimal | None, base: Decimal | None) -> Comparison:
    if value is None or base is None:
        return Comparison(base=base, change=None, change_percent=None)
    return Comparison(base=base, change=value - base, change_percent=_percent(value - base, base))


def _money(amount: Decimal) -> Decimal:
    """With cents, or with four decimals where it has parts of a cent."""
    cents = amount.quantize(CENT, ROUND_HALF_UP)
    return cents if cents == amount else amount.quantize(TEN_THOUSANDTH, ROUND_HALF_UP)


def _percent(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    if part is None or whole is None or whole <= 0:
        return None
    return (part * 100 / whole).quantize(CENT, ROUND_HALF_UP)


def _average_order(totals: Totals) -> Decimal | None:
    return _money(totals.order_value / totals.orders) if totals.orders else None


def _exact_margin(totals: Totals) -> Decimal | None:
    if totals.known_revenue is None or totals.known_cost is None:
        return None
    return totals.known_revenue - totals.known_cost


def _margin(totals: Totals) -> Decimal | None:
    margin = _exact_margin(totals)
    return None if margin is None else _money(margin)


FIGURES: dict[str, tuple[Unit, Callable[[Totals], Decimal | None]]] = {
    "revenue": ("money", lambda t: _money(t.revenue)),
    "gross_sales": ("money", lambda t: _money(t.gross_sales)),
    "orders": ("count", lambda t: Decimal(t.orders)),
    "units": ("count", lambda t: Decimal(t.units)),
    "average_order_value": ("money", _average_order),
    "gross_margin": ("money", _margin),
    "gross_margin_percent": ("percent", lambda t: _percent(_exact_margin(t), t.known_revenue)),
    "cost_known_percent": ("percent", lambda t: _percent(t.known_revenue or Decimal(0), t.revenue)),
    "discount_percent": ("percent", lambda t: _percent(t.discounts, t.gross_sales + t.discounts)),
    "return_percent": ("percent", lambda t: _percent(t.gross_sales - t.revenue, t.gross_sales)),
    "customers": ("count", lambda t: Decimal(t.customers)),
    "new_customers": ("count", lambda t: Decimal(t.new_customers)),
    "returning_customers": ("count", lambda t: Decimal(t.customers - t.new_customers)),
    "orders_without_customer": ("count", lambda t: Decimal(t.without_customer)),
}
"""How each figure follows from the sums."""


def _described(period: Period, time_zone: str) -> ReportPeriod:
    return ReportPeriod(
        **_span(period.current).model_dump(),
        time_zone=time_zone,
        until=period.until,
        previous=_span(period.previous),
        last_year=_span(period.last_year),
    )


def _span(span: Span) -> PeriodSpan:
    return PeriodSpan(label=span.label, start=span.first_day, end=span.last_day)
