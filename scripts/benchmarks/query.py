"""`zava query` to csv against `psql --csv`, and its memory for an answer of a million rows.

Both write the same rows of one `generate_series` to a file, over the same socket; zava does so as a store's manager,
through guard, signed context and row security.
"""

from __future__ import annotations

import argparse

from benchmarks.common import Goal, Measure, Report, interleaved_numbers
from benchmarks.databases import ZAVA, seeded_database
from benchmarks.programs import ran

LEAST_SHARE = 0.5
MOST_MEGABYTES = 100.0
SQL = "select i, i * 1.5 as amount, 'product ' || i as name, i % 7 = 0 as odd from generate_series(1, {rows}) i"
PSQL = "psql --csv"
OURS = "zava query --csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is asked for."""
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to write (1,000,000)")


def measure(arguments: argparse.Namespace) -> Report:
    """Asks both for the same rows in turn."""
    rows = 10_000 if arguments.quick else arguments.rows
    sql = SQL.format(rows=rows)
    with seeded_database(customers=100) as database:
        theirs, ours = database.folder / "psql.csv", database.folder / "zava.csv"
        psql = [database.psql, "--csv", "--quiet", "-c", sql, database.admin_url]
        environment = database.environment()
        contestants = {
            PSQL: lambda: ran(psql, environment, theirs),
            OURS: lambda: ran([ZAVA, "query", sql, "-o", ours], environment),
        }
        found = interleaved_numbers(arguments.runs, contestants)
        if ours.read_bytes() != theirs.read_bytes():
            raise SystemExit("the two files differ")
    speed = {name: [rows / seconds for seconds in runs] for name, runs in found["s"].items()}
    measures = [
        Measure(f"{rows:,} rows to csv", "rows/s", speed, PSQL),
        Measure(f"{rows:,} rows to csv", "CPU s", found["CPU s"], PSQL),
        Measure("largest resident set", "MB", found["MB"]),
    ]
    share = Goal("rows/s of zava by those of psql", measures[0].ratio(OURS), at_least=LEAST_SHARE)
    return Report(
        "query", measures, [share, Goal("peak memory of zava in MB", max(found["MB"][OURS]), at_most=MOST_MEGABYTES)]
    )
