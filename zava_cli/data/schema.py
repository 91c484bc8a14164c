"""Describes the tables from the catalog, and the values in them, as a manager sees both."""

from __future__ import annotations

from typing import Any

from zava_cli.data.named_sql import named_sql
from zava_cli.data.session import Session

VALUE_BLOCKS = {
    "stores.name": "store_names",
    "categories.name": "category_names",
    "product_types.name": "type_names",
    "orders.order_date (years)": "order_years",
}
"""Columns whose values are worth listing, and the statement that lists them."""


async def readable_tables(session: Session) -> dict[str, str | None]:
    """Comment of every table that one may read, by name."""
    return {row["name"]: row["comment"] for row in await session.rows(named_sql("schema")["tables"])}


async def columns(session: Session, tables: list[str]) -> list[dict[str, Any]]:
    """Columns of `tables`, each with its `table_name`."""
    return await session.rows(named_sql("schema")["columns"], tables)


async def joins(session: Session, tables: list[str]) -> list[dict[str, Any]]:
    """Foreign keys of `tables`, as `table_name` and `condition`."""
    return await session.rows(named_sql("schema")["joins"], tables)


async def values(session: Session, tables: list[str], most: int) -> dict[str, list[str]]:
    """Up to `most` + 1 values of each column of `tables` that has well-known ones."""
    sql = named_sql("schema")
    found = {
        column: [row["value"] for row in await session.rows(sql[block], most + 1)]
        for column, block in VALUE_BLOCKS.items()
        if column.partition(".")[0] in tables
    }
    listed = {row["column"]: row["values"] for row in await session.rows(sql["listed_values"])}
    return found | {column: given for column, given in listed.items() if column.partition(".")[0] in tables}
