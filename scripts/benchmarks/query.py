"""`zava query` to csv against `psql --csv`, and its memory for an answer of a million rows.

Both write the same rows of one `generate_series` to a file, over the same socket; zava does so as a store's manager,
through guard, signed context and row security.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
from pathlib import Path

from benchmarks.common import Goal, Measure, Report, interleaved
from benchmarks.databases import ZAVA, Database, seeded_database

LEAST_SHARE = 0.5
MOST_MEGABYTES = 100.0
SQL = "select i, i * 1.5 as amount, 'product ' || i as name, i % 7 = 0 as odd from generate_series(1, {rows}) i"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is asked for."""
    parser.add_argument("--rows", type=int, default=1_000_000)


def measure(arguments: argparse.Namespace) -> Report:
    """Asks both for the same rows in turn."""
    rows = 10_000 if arguments.quick else arguments.rows
    sql = SQL.format(rows=rows)
    peaks: list[float] = []
    with seeded_database(customers=100) as database:
        theirs, ours = database.folder / "psql.csv", database.folder / "zava.csv"

        def run_zava() -> None:
            peaks.append(_zava_peak(database, sql, ours))

        def run_psql() -> None:
            with theirs.open("wb") as out:
                command = [database.psql, "--csv", "--quiet", "-c", sql, database.admin_url]
                subprocess.run(command, stdout=out, check=True)

        seconds = interleaved(arguments.runs, {"psql --csv": run_psql, "zava query --csv": run_zava})
        if ours.read_bytes() != theirs.read_bytes():
            raise SystemExit("the two files differ")
    speed = Measure(
        f"{rows:,} rows to csv", "rows/s", {name: [rows / s for s in runs] for name, runs in seconds.items()},
        "psql --csv",
    )  # fmt: skip
    memory = Measure("largest resident set", "MB", {"zava query --csv": peaks})
    return Report(
        "query",
        [speed, memory],
        [
            Goal("rows/s of zava by those of psql", speed.ratio("zava query --csv"), at_least=LEAST_SHARE),
            Goal("peak memory of zava in MB", max(peaks), at_most=MOST_MEGABYTES),
        ],
    )


def _zava_peak(database: Database, sql: str, out: Path) -> float:
    """Runs one export; returns the process's largest resident set in MB."""
    with subprocess.Popen([ZAVA, "query", sql, "-o", out], env=database.environment()) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("zava query failed")
    return _megabytes(usage)


def _megabytes(usage: resource.struct_rusage) -> float:
    """Linux counts kilobytes, macOS bytes."""
    return usage.ru_maxrss / (1024 if os.uname().sysname == "Linux" else 1024 * 1024)
