"""Describes the tables to whoever is about to ask about them. Nothing is kept: each caller sees their own values."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from zava_cli.data import schema as data
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.retries import retried
from zava_cli.data.session import Session
from zava_cli.infra.errors import ValidationError
from zava_cli.models.schema import ColumnSchema, SchemaRequest, SchemaResult, TableSchema, ValidValues

MOST_VALUES = 100

HINTS = [
    "Revenue is sum(order_items.total_amount), units are sum(order_items.quantity); returns are orders with negative"
    " quantities, so both are net.",
    "Orders of every status count unless the question says otherwise.",
    "Join order_items, orders and customers on store_id and the id together.",
    "Show names (stores.name, products.name with sku, categories.name), never ids.",
    "Days, months and years are those of the business time zone; every session runs in it, so"
    " date_trunc('month', order_date) is right as it stands.",
    "You see the rows of your own stores only; no condition on store_id is needed for that.",
]


async def get_table_schemas(provider: PostgreSQLProvider, caller: Caller, request: SchemaRequest) -> SchemaResult:
    """The tables that the caller may read, with valid values from the rows that they see.

    Raises ValidationError for a table that is not there.
    """

    async def read() -> SchemaResult:
        return await _read(provider, caller, request)

    return await retried(provider.settings, read)


async def _read(provider: PostgreSQLProvider, caller: Caller, request: SchemaRequest) -> SchemaResult:
    async with provider.reader(caller) as session:
        comments = await data.readable_tables(session)
        names = _wanted(request.table_names, list(comments))
        result = SchemaResult(
            time_zone=caller.time_zone,
            detail=request.detail,
            tables=[TableSchema(name=name, comment=comments[name]) for name in names],
        )
        if request.detail != "names":
            await _describe(session, result, names)
    return result


def _wanted(asked: Sequence[str] | None, known: list[str]) -> list[str]:
    if not asked:
        return known
    names = list(dict.fromkeys(name.strip().lower().removeprefix("retail.") for name in asked))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise ValidationError(
                "table_names", name, f"there is no table {name}",
                hint=f"Perhaps you meant {near[0]}." if near else f"There are: {', '.join(known)}.",
            )  # fmt: skip
    return names


async def _describe(session: Session, result: SchemaResult, names: list[str]) -> None:
    tables = {table.name: table for table in result.tables}
    for row in await data.columns(session, names):
        tables[row.pop("table_name")].columns.append(ColumnSchema(**row))
    for row in await data.joins(session, names):
        tables[row["table_name"]].joins.append(row["condition"])
    for column, values in (await data.values(session, names, MOST_VALUES)).items():
        result.valid_values.append(
            ValidValues(column=column, values=values[:MOST_VALUES], more=len(values) > MOST_VALUES)
        )
    result.hints = HINTS
