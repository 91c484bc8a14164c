"""Loads a generated data set as the data's owner: COPY into temporary tables, then INSERT … SELECT."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from numpy.typing import NDArray

from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.binary_copy import Kind, encode
from zava_cli.data.driver_errors import translated
from zava_cli.data.keys import register_keys
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target

CATALOGUE_TABLES = ("manager", "store", "manager_store", "category", "product_type", "product")
"""The small tables, in an order that satisfies every foreign key; each has an add_… block."""

STAGED: dict[str, dict[str, Kind]] = {
    "customers": {
        "store_id": Kind.UUID, "customer_id": Kind.UUID, "first_name": Kind.SMALLINT, "last_name": Kind.SMALLINT,
        "number": Kind.INTEGER, "created_at": Kind.TIMESTAMP,
    },
    "orders": {
        "store_id": Kind.UUID, "order_id": Kind.UUID, "customer_id": Kind.UUID, "order_date": Kind.TIMESTAMP,
        "total_amount": Kind.MONEY, "status": Kind.SMALLINT,
    },
    "order_items": {
        "store_id": Kind.UUID, "order_id": Kind.UUID, "line_no": Kind.INTEGER, "product_id": Kind.UUID,
        "quantity": Kind.INTEGER, "unit_price": Kind.MONEY, "discount_percent": Kind.SMALLINT,
        "discount_amount": Kind.MONEY, "total_amount": Kind.MONEY,
    },
    "inventory": {
        "store_id": Kind.UUID, "product_id": Kind.UUID, "stock_level": Kind.INTEGER, "reorder_point": Kind.INTEGER,
        "updated_at": Kind.TIMESTAMP,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Rows for one of the staged tables, as a binary COPY stream."""

    table: str
    count: int
    stream: bytes


@dataclass(frozen=True)
class Names:
    """Names that staged customers point into (from 1), and how they are written in e-mail addresses."""

    first: Sequence[str]
    last: Sequence[str]
    first_addresses: Sequence[str]
    last_addresses: Sequence[str]


def encoded(table: str, columns: Mapping[str, NDArray[Any]]) -> Rows:
    """Rows of a staged table from one array per column, as STAGED says."""
    return Rows(table, len(columns["store_id"]), encode(STAGED[table], columns))


class SeedLoader:
    """Writes within the one transaction of a seed."""

    def __init__(self, connection: asyncpg.Connection, target: Target) -> None:
        self._connection = connection
        self._target = target
        self._sql = named_sql("seed")

    async def state(self) -> dict[str, Any]:
        """time_zone, today (date), holds_data and was_imported (booleans)."""
        row = await self._connection.fetchrow(self._sql["state"])
        assert row is not None
        return dict(row)

    async def last_seed(self) -> dict[str, Any] | None:
        """content_hash, parameters and row_counts of the seed that the data comes from; None for other data."""
        row = await self._connection.fetchrow(self._sql["last_seed"])
        if row is None:
            return None
        return dict(row) | {name: json.loads(row[name]) for name in ("parameters", "row_counts")}

    async def reset(self) -> None:
        """Removes all retail data, for everybody, when the transaction commits."""
        await self._connection.execute(self._sql["reset"])
        await self._record("reset", "", {}, {})

    async def prepare(self, catalogue: Mapping[str, Iterable[tuple[Any, ...]]]) -> None:
        """Writes the rows of CATALOGUE_TABLES and makes room for the staged ones."""
        for table in CATALOGUE_TABLES:
            await self._connection.executemany(self._sql[f"add_{table}"], catalogue[table])
        for table in STAGED:
            await self._connection.execute(self._sql[f"stage_{table}"])

    async def load(self, block: Sequence[Rows], names: Names) -> None:
        """Writes one block; all its foreign keys are checked when this returns."""
        for rows in block:
            await self._connection.copy_to_table(
                f"seed_{rows.table}", source=io.BytesIO(rows.stream), columns=list(STAGED[rows.table]), format="binary"
            )
        for table in STAGED:
            if any(rows.table == table for rows in block):
                arguments = (
                    (names.first, names.last, names.first_addresses, names.last_addresses)
                    if table == "customers"
                    else ()
                )
                await self._connection.execute(self._sql[f"load_{table}"], *arguments)
        await self._connection.execute(self._sql["clear_staging"])

    async def finish(self, content_hash: str, parameters: Mapping[str, Any], row_counts: Mapping[str, int]) -> None:
        """Leaves the row of the audit trail and gives the managers their keys; nothing can be written after it."""
        await self._record("seed", content_hash, parameters, row_counts)
        await register_keys(self._connection, self._target)
        await self._connection.execute(f'SET LOCAL ROLE "{self._target.roles.security}"')
        await self._connection.execute(self._sql["forget_keys"])

    async def _record(
        self, kind: str, content_hash: str, parameters: Mapping[str, Any], row_counts: Mapping[str, int]
    ) -> None:
        await self._connection.execute(
            named_sql("admin")["record_load"], kind, "generator", content_hash,
            json.dumps(parameters), json.dumps(row_counts),
        )  # fmt: skip


@asynccontextmanager
async def seed_transaction(target: Target) -> AsyncGenerator[SeedLoader]:
    """The one transaction of a seed, alone among seeds; rolled back when the block fails or is cancelled."""
    with translated():
        async with admin_connection(target) as connection, owner_transaction(connection, target):
            await connection.execute(named_sql("seed")["lock_seed"])
            yield SeedLoader(connection, target)


async def refresh_statistics(target: Target) -> None:
    """Tells the planner about the new rows; works outside of a transaction."""
    with translated():
        async with admin_connection(target) as connection:
            await connection.execute(f'SET ROLE "{target.roles.owner}"')
            await connection.execute(named_sql("seed")["refresh_statistics"])


def effect_queries() -> dict[str, str]:
    """The query that finds each planted effect again, by the effect's name."""
    return named_sql("effects")
