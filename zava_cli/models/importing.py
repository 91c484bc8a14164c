"""What goes into and comes out of `zava import`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

DateOrder = Literal["dmy", "mdy"]


class ImportTarget(StrEnum):
    """What a column of a file can be."""

    ORDER_ID = "order_id"
    PRODUCT = "product"
    DESCRIPTION = "description"
    QUANTITY = "quantity"
    ORDER_DATE = "order_date"
    UNIT_PRICE = "unit_price"
    CUSTOMER_ID = "customer_id"
    STORE = "store"
    CATEGORY = "category"
    TYPE = "type"
    COST = "cost"
    DISCOUNT = "discount"


class ImportRequest(BaseModel, frozen=True):
    """One file of transaction lines, and how to read it."""

    file: Path = Field(description="CSV file, plain or packed with gzip, xz or zstd")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Header per target; headers that are well known need none"
    )
    store: str | None = Field(
        default=None, min_length=1, max_length=200, description="Store of every line, instead of a column"
    )
    time_zone: str | None = Field(
        default=None, description="Business time zone of a database that is still empty; None keeps its own"
    )
    date_order: DateOrder | None = Field(
        default=None, description="What 1/12/2010 means; None rejects dates that do not begin with the year"
    )
    return_prefix: str = Field(
        default="C", max_length=20, description="Order numbers of this prefix and digits are returns; empty for none"
    )
    encoding: str = Field(default="utf-8", min_length=1, max_length=40, description="Character encoding of the file")
    rejects: Path | None = Field(
        default=None, description="File for rejected lines; None is NAME.rejected.csv in the current folder"
    )
    accept_rejects: bool = Field(default=False, description="Load also when more than a tenth is rejected")
    dry_run: bool = Field(default=False, description="Check everything, write nothing")


class MappedColumn(BaseModel, frozen=True):
    """Where the values of a target come from."""

    target: ImportTarget = Field(description="What the values are")
    header: str | None = Field(description="Header of the column; None when the value is the same in every line")
    position: int | None = Field(description="Number of the column, from 1")
    value: str | None = Field(default=None, description="The value of every line")
    found: Literal["well-known header", "given"] = Field(description="How zava came to it")


class Problem(BaseModel, frozen=True):
    """A rejected line."""

    line: int = Field(description="Line of the file on which the record starts; the header is line 1")
    reason: str = Field(description="Why it was rejected")


class ImportReport(BaseModel):
    """What an import did, or would do.

    `lines` = `loaded` + `already_there` + `rejected`. Sums are quantity x unit price less discount, exact;
    `sum_rejected` counts the rejected lines that have both numbers. `stores`, `orders`, `customers` and
    `products` are those that the file added.
    """

    file: str = Field(description="Name of the file")
    dry_run: bool = Field(description="Whether nothing was written")
    mapping: list[MappedColumn] = Field(description="Which column is what")
    time_zone: str = Field(description="Business time zone that the file's times are in")
    lines: int = Field(description="Records in the file, without the header")
    loaded: int = Field(description="Lines that were added")
    already_there: int = Field(description="Lines that an earlier import had loaded")
    rejected: int = Field(description="Lines that were not loaded")
    sum_loaded: str = Field(description="Exact sum over the added lines")
    sum_already_there: str = Field(description="Exact sum over the lines that were there before")
    sum_rejected: str = Field(description="Exact sum over the rejected lines")
    stores: int = Field(description="Stores added")
    orders: int = Field(description="Orders added")
    customers: int = Field(description="Customers added, counted per store")
    products: int = Field(description="Products added")
    problems: list[Problem] = Field(description="The first rejected lines")
    rejects_file: str | None = Field(description="File with every rejected line; None when there is none")
    seconds: float = Field(description="How long it took")
