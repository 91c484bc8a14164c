"""What goes into and comes out of `zava store` and the tool for store performance."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

StoreName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
    Field(description="A store's name, a part of it, its city, or its id"),
]
PeriodText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=40),
    Field(
        description="2025, 2025-Q1, 2025-03, 2025-03-09, 2025-01-01..2025-02-15 (both days count), last-30-days"
        " (before today), today, yesterday, ytd, or this- or last- with week, month, quarter or year"
    ),
]
TopLimit = Annotated[int, Field(ge=1, le=100, description="Most products and most categories to list")]
Unit = Literal["money", "count", "percent"]

DEFAULT_PERIOD = "last-30-days"


class StoreRequest(BaseModel, frozen=True):
    """One store and one period."""

    store: StoreName
    time_period: PeriodText = DEFAULT_PERIOD
    top: TopLimit = 5


class PeriodSpan(BaseModel):
    """Days that figures are compared with."""

    label: str = Field(description="What people call it, for example February 2025")
    start: date = Field(description="First day")
    end: date = Field(description="Last day")


class ReportPeriod(PeriodSpan):
    """The days that a report is about, and those that it is compared with."""

    time_zone: str = Field(description="Business time zone; its midnights bound the days")
    until: datetime | None = Field(
        description="Local time up to which a period that is not over is counted; it is compared with the same"
        " elapsed part of the others. NULL for a whole period"
    )
    previous: PeriodSpan = Field(description="The period of the same kind before")
    last_year: PeriodSpan = Field(description="The same period of the year before")

    @property
    def is_compared_once(self) -> bool:
        """Whether the previous period is that of last year, as it is for years."""
        return (self.previous.start, self.previous.end) == (self.last_year.start, self.last_year.end)


class Comparison(BaseModel):
    """A figure's value in another period and how far the figure is from it."""

    base: Decimal | None = Field(description="The other period's value; NULL when it has none")
    change: Decimal | None = Field(
        description="Value less base, in the figure's unit (percentage points for percent); NULL without both"
    )
    change_percent: Decimal | None = Field(
        description="Change in percent of the base, to two decimals; NULL where the base is missing or not above 0"
    )


class Figure(BaseModel):
    """One metric and its comparisons. Sums are exact; quotients are rounded half up."""

    value: Decimal | None = Field(description="The metric; NULL where it cannot be known")
    unit: Unit = Field(description="money (in the currency of the data), count, or percent")
    previous: Comparison = Field(description="Against the previous period")
    last_year: Comparison = Field(description="Against the same period last year")


class TopProduct(BaseModel):
    """A product among those with the highest revenue."""

    sku: str = Field(description="Stock keeping unit")
    name: str = Field(description="Product name")
    category: str = Field(description="Its category")
    revenue: Decimal = Field(description="Sum of its lines, net of returns")
    units: int = Field(description="Units sold, net of returns")
    share_percent: Decimal | None = Field(description="Its part of the store's revenue; NULL when that is not above 0")
    previous_revenue: Decimal = Field(description="Its revenue in the previous period")


class TopCategory(BaseModel):
    """A category among those with the highest revenue."""

    name: str = Field(description="Category")
    revenue: Decimal = Field(description="Sum of its lines, net of returns")
    units: int = Field(description="Units sold, net of returns")
    share_percent: Decimal | None = Field(description="Its part of the store's revenue; NULL when that is not above 0")
    previous_revenue: Decimal = Field(description="Its revenue in the previous period")


class StoreMetrics(BaseModel):
    """The figures of one store and period. A returned line has a negative quantity, the others are sales."""

    revenue: Figure = Field(description="Sum of total_amount over all lines, so net of returns")
    gross_sales: Figure = Field(description="Sum of total_amount over sales lines, before returns")
    orders: Figure = Field(description="Orders that are no returns")
    units: Figure = Field(description="Sum of quantity, net of returns")
    average_order_value: Figure = Field(
        description="Sales lines of orders that are no returns / those orders; four decimals"
    )
    gross_margin: Figure = Field(
        description="Revenue less quantity x cost over lines whose product has a cost; NULL when none has one"
    )
    gross_margin_percent: Figure = Field(
        description="Gross margin in percent of the revenue of those same lines; two decimals"
    )
    cost_known_percent: Figure = Field(
        description="Part of the revenue that comes from products with a known cost; two decimals"
    )
    discount_percent: Figure = Field(
        description="Discounts in percent of quantity x unit_price over sales lines; two decimals"
    )
    return_percent: Figure = Field(description="Value of returned lines in percent of gross_sales; two decimals")
    customers: Figure = Field(description="Different known customers with an order that is no return")
    new_customers: Figure = Field(description="Those whose first order ever in this store is in the period")
    returning_customers: Figure = Field(description="The other ones")
    orders_without_customer: Figure = Field(
        description="Orders that are no returns and name no customer; nobody is counted for them"
    )
    top_products: list[TopProduct] = Field(description="Products with the highest revenue, highest first")
    top_categories: list[TopCategory] = Field(description="Categories with the highest revenue, highest first")
    most_changed_category: TopCategory | None = Field(
        description="The category whose revenue differs most from the previous period; NULL when none does"
    )


class StorePerformance(BaseModel):
    """How a store did in a period."""

    store_id: UUID = Field(description="Key of the store; show the name")
    store: str = Field(description="Name of the store")
    location: str = Field(description="City or region")
    period: ReportPeriod = Field(description="What the figures cover")
    last_order: date | None = Field(description="Day of the store's newest order; NULL when it never had one")
    metrics: StoreMetrics = Field(description="The figures")
    insights: list[str] = Field(description="What they say, in sentences that name the figures they rest on")
