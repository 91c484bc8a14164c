"""Reads how a store did, in a manager's session; row security decides which stores there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from zava_cli.data.named_sql import named_sql
from zava_cli.data.session import Session

Bounds = tuple[datetime | None, datetime | None]
"""Local times from the first to before the second; None for a period that is not wanted."""
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Store:
    """A store that the caller sees."""

    store_id: UUID
    name: str
    location: str


@dataclass(frozen=True)
class Totals:
    """Exact sums over one period; the models say what each means.

    `order_value` is that of sales lines in orders that are no returns. The known_ sums cover the lines whose
    product has a cost, and are None when there is no such line.
    """

    units: int = 0
    revenue: Decimal = NOTHING
    gross_sales: Decimal = NOTHING
    order_value: Decimal = NOTHING
    discounts: Decimal = NOTHING
    known_revenue: Decimal | None = None
    known_cost: Decimal | None = None
    orders: int = 0
    without_customer: int = 0
    customers: int = 0
    new_customers: int = 0


@dataclass(frozen=True)
class Leader:
    """A product, or a category where `sku` and `name` are None, in a period and the one before it."""

    sku: str | None
    name: str | None
    category: str
    current_revenue: Decimal
    current_units: int
    previous_revenue: Decimal


async def matching_stores(session: Session, text: str) -> list[Store]:
    """The stores that the caller sees and that fit `text` best, by name; more than one when it is ambiguous."""
    return [Store(**row) for row in await session.rows(named_sql("store")["stores"], text)]


async def local_time(session: Session) -> datetime:
    """The time now in the business time zone, without a zone."""
    return (await session.row(named_sql("store")["local_time"]))["now"]


async def last_order(session: Session, store: UUID) -> datetime | None:
    """When the newest order was placed, in local time."""
    return (await session.row(named_sql("store")["last_order"], store))["placed"]


async def sums(
    session: Session, store: UUID, current: Bounds, previous: Bounds, other: Bounds, products: int
) -> tuple[list[Totals], list[Leader]]:
    """Sums of three periods, in that order, and what sold in the first and the second of them.

    The leaders are the `products` products with the highest revenue and all categories, highest first.
    """
    sql = named_sql("store")
    # A plan for any values would expect few orders and look up the lines of a whole year one by one.
    await session.rows(sql["plan_for_values"])
    moments = (await session.row(sql["moments"], *current, *previous, *other)).values()
    lines = await session.rows(sql["lines"], store, *moments, products)
    customers = await session.rows(sql["customers"], store, *moments)
    totals: list[Totals] = [Totals(), Totals(), Totals()]
    for row in [*(row for row in lines if row["place"]), *customers]:
        place = int(row["place"]) - 1
        totals[place] = replace(totals[place], **_fields(Totals, row))
    return totals, [Leader(**_fields(Leader, row)) for row in lines if not row["place"]]


def _fields(kind: type[Totals | Leader], row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in kind.__dataclass_fields__}
