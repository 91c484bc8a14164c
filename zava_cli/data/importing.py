"""One import in the database: a file's records become stores, products, customers and orders, or nothing does."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.keys import register_keys
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.models.importing import DateOrder, ImportTarget, MappedColumn

EVERY_LINE = 2**62


class ImportTransaction:
    """The steps of an import, in the order in which they are called; they share temporary tables."""

    def __init__(self, connection: asyncpg.Connection, date_order: DateOrder | None) -> None:
        self._connection = connection
        self._date_order = date_order
        self._sql = named_sql("importing")

    async def prepare(self) -> None:
        """Makes the temporary tables and waits for other loads to end."""
        await self._connection.fetchrow(self._sql["tune"], f"ISO, {(self._date_order or 'mdy').upper()}")
        await self._connection.execute(self._sql["lock_loads"])
        for name, text in self._sql.items():
            if name.startswith("create_"):
                await self._connection.execute(text)

    async def choose_time_zone(self, wanted: str | None, *, keep: bool) -> str:
        """The zone in which the file's times are read; `keep` writes it down as the database's own."""
        row = await self._connection.fetchrow(self._sql["time_zone"], wanted)
        assert row is not None
        current: str = row["time_zone"]
        if wanted is None or wanted == current:
            return current
        if not row["exists"]:
            raise ValidationError(
                "time_zone", wanted, "PostgreSQL knows no such time zone", hint="For example Europe/London."
            )
        if not row["is_empty"]:
            raise ValidationError(
                "time_zone", wanted, f"the database holds data in {current} already",
                hint="Leave --time-zone away, or import into another profile.",
            )  # fmt: skip
        if keep:
            await self._connection.execute(named_sql("admin")["set_time_zone"], wanted)
        await self._connection.fetchrow(self._sql["use_time_zone"], wanted)
        return wanted

    async def stage(self, records: AsyncIterator[tuple[int, list[str]]]) -> None:
        """Copies (line, fields) records into the database as they come."""
        await self._connection.copy_records_to_table("import_raw", records=records, columns=["line_no", "fields"])

    async def check(self, width: int, mapping: Iterable[MappedColumn], return_prefix: str) -> dict[str, Any]:
        """Finds out what every record is and what of it is new; returns counts and sums as ImportReport has them."""
        columns = {column.target: column for column in mapping}
        positions = [columns[target].position if target in columns else None for target in ImportTarget]
        store = columns[ImportTarget.STORE].value
        await self._connection.execute(self._sql["fill_lines"], width, *positions, store, self._date_order)
        await self._connection.execute(self._sql["analyze_lines"])
        await self._connection.execute(self._sql["fill_orders"], return_prefix)
        for step in ("analyze_orders", "mark_known", "fill_stores", "fill_customers", "fill_products"):
            await self._connection.execute(self._sql[step])
        row = await self._connection.fetchrow(self._sql["counts"])
        assert row is not None
        return dict(row)

    async def rejected(self, most: int = EVERY_LINE) -> AsyncIterator[tuple[int, str, list[str]]]:
        """Line, reason and fields of rejected records, in the order of the file."""
        async for row in self._connection.cursor(self._sql["rejected"], most, prefetch=1_000):
            yield row["line"], row["reason"], row["fields"]

    async def write(self) -> None:
        """Adds everything that is new to the retail tables."""
        for step in (
            "add_head_office", "add_managers", "add_stores", "add_manager_stores", "add_categories", "add_types",
            "add_products", "add_customers", "add_orders", "add_items", "grow_orders", "analyze_tables",
        ):  # fmt: skip
            await self._connection.execute(self._sql[step])

    async def record(
        self, source: str, content_hash: str, parameters: Mapping[str, Any], counts: Mapping[str, Any]
    ) -> None:
        """Leaves the load's row in the audit trail."""
        await self._connection.execute(
            named_sql("admin")["record_load"],
            "import", source, content_hash, json.dumps(parameters), json.dumps(counts),
        )  # fmt: skip


@asynccontextmanager
async def import_transaction(
    target: Target, date_order: DateOrder | None, *, keep: bool
) -> AsyncGenerator[ImportTransaction]:
    """A transaction for one import, undone when the block fails; `keep` gives new managers their keys after it."""
    async with admin_connection(target) as connection:
        async with owner_transaction(connection, target):
            steps = ImportTransaction(connection, date_order)
            await steps.prepare()
            yield steps
        if keep:
            await register_keys(connection, target)
