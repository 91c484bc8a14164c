"""Raw COPY, the floor of everything that loads: all rows of one database into the empty tables of another.

That is what a superuser could do with the rows ready in files, in PostgreSQL's fastest format, past row security,
with the same keys, indexes and foreign keys: one transaction, ten COPY commands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import asyncpg

from benchmarks.common import Goal, Measure, Report, interleaved
from benchmarks.databases import zava

COPY = "raw COPY"
TABLES = (
    "managers", "stores", "manager_stores", "categories", "product_types", "products", "customers", "orders",
    "order_items", "inventory",
)  # fmt: skip


def against_copy(area: str, command: Sequence[str], folder: Path, runs: int, least_share: float) -> Report:
    """Runs the command on one new database after the other, and copies what it loaded into further ones."""
    profiles = (f"p{number}" for number in count())
    name = f"zava {command[0]}"

    def new_database() -> str:
        profile = next(profiles)
        zava("db", "migrate", data_directory=folder, profile=profile)
        return profile

    def load(profile: str) -> float:
        started = time.perf_counter()
        zava(*command, data_directory=folder, profile=profile)
        return time.perf_counter() - started

    source = new_database()
    load(source)
    rows = asyncio.run(_dump(_url(folder, source), folder))
    contestants = {
        COPY: lambda: asyncio.run(_copy(_url(folder, new_database()), folder)),
        name: lambda: load(new_database()),
    }
    seconds = interleaved(runs, contestants)
    speed = {one: [rows / taken for taken in times] for one, times in seconds.items()}
    measure = Measure(f"{rows:,} rows", "rows/s", speed, COPY)
    return Report(area, [measure], [Goal(f"rows/s of {name} by {COPY}", measure.ratio(name), at_least=least_share)])


def _url(folder: Path, profile: str) -> str:
    return zava("db", "url", "--admin", data_directory=folder, profile=profile).strip()


async def _dump(url: str, folder: Path) -> int:
    """Writes every table to a file; returns the number of rows."""
    connection = await asyncpg.connect(url)
    rows = 0
    for table in TABLES:
        columns = await _columns(connection, table)
        said = await connection.copy_from_table(
            table, schema_name="retail", columns=columns, output=folder / f"{table}.copy", format="binary"
        )
        rows += int(said.split()[-1])
    await connection.close()
    return rows


async def _copy(url: str, folder: Path) -> float:
    """Seconds of loading those files into the empty tables of another database."""
    connection = await asyncpg.connect(url)
    columns = {table: await _columns(connection, table) for table in TABLES}
    started = time.perf_counter()
    async with connection.transaction():
        for table in TABLES:
            await connection.copy_to_table(
                table, schema_name="retail", columns=columns[table], source=folder / f"{table}.copy", format="binary"
            )
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds


async def _columns(connection: asyncpg.Connection, table: str) -> list[str]:
    """All columns that are not computed."""
    rows = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'retail' AND table_name = $1"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position",
        table,
    )
    return [row["column_name"] for row in rows]
