"""The whole of `zava seed` against a raw COPY of the same rows into the same tables.

The raw COPY is what a superuser could do with the rows ready in files, in PostgreSQL's fastest format, past row
security, with the same keys, indexes and foreign keys: one transaction, ten COPY commands. `zava seed` pays
for starting Python, generating, loading through temporary tables as an owner under forced row security, keys for
the managers, and statistics.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from itertools import count
from pathlib import Path

import asyncpg

from benchmarks.common import Goal, Measure, Report, interleaved
from benchmarks.databases import scratch_data_directory, zava

UNTIL = "2026-06-30"
LEAST_SHARE = 0.6
TABLES = (
    "managers", "stores", "manager_stores", "categories", "product_types", "products", "customers", "orders",
    "order_items", "inventory",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is seeded."""
    parser.add_argument("--customers", type=int, default=50_000)


def measure(arguments: argparse.Namespace) -> Report:
    """Seeds one new database after the other, and copies the rows of the first into further ones."""
    with scratch_data_directory() as folder:
        profiles = (f"p{number}" for number in count())
        options = (
            "seed",
            "--until",
            UNTIL,
            "--customers",
            str(100 if arguments.quick else arguments.customers),
            "--json",
        )

        def new_database() -> str:
            profile = next(profiles)
            zava("db", "migrate", data_directory=folder, profile=profile)
            return profile

        def seed() -> float:
            profile = new_database()
            started = time.perf_counter()
            zava(*options, data_directory=folder, profile=profile)
            return time.perf_counter() - started

        source = new_database()
        zava(*options, data_directory=folder, profile=source)
        rows = asyncio.run(_dump(_url(folder, source), folder))

        def copy() -> float:
            return asyncio.run(_copy(_url(folder, new_database()), folder))

        seconds = interleaved(arguments.runs, {"raw COPY": copy, "zava seed": seed})
    speed = Measure(
        f"{rows:,} rows", "rows/s", {name: [rows / s for s in runs] for name, runs in seconds.items()}, "raw COPY"
    )
    goal = Goal("rows/s of zava seed by those of COPY", speed.ratio("zava seed"), at_least=LEAST_SHARE)
    return Report("seed", [speed], [goal])


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
