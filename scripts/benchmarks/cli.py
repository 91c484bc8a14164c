"""The start of `zava`, and `zava query "select 1"` on a warm database, against what cannot do without.

`zava --help` is held against importing Typer and Rich; the query against a bare asyncpg script, psql, and hsql (of
harlequin, installed once into `--folder`), which all log in past row security. zava asks as a store's manager.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.common import Goal, Measure, Report, interleaved_numbers
from benchmarks.databases import ZAVA, Database, seeded_database, zava
from benchmarks.programs import ran

SQL = "select 1 as one"
FLOOR_QUERY = Path(__file__).with_name("floors") / "query.py"
IMPORTS = "import typer, rich"
SCRIPT = "bare asyncpg"
HSQL_PACKAGES = ("harlequin>=2.17", "harlequin-postgres")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How often each program is started in a run, and where hsql is kept."""
    parser.add_argument("--starts", type=int, default=7, help="starts of each program in each run")
    kept = Path(tempfile.gettempdir()) / "zava-bench-hsql"
    parser.add_argument("--folder", type=Path, default=kept, help="where hsql is installed")
    parser.add_argument("--no-hsql", action="store_true", help="measure without hsql")


def measure(arguments: argparse.Namespace) -> Report:
    """Starts every program in turn."""
    starts, runs = (1, 1) if arguments.quick else (arguments.starts, arguments.runs)
    with seeded_database(customers=100) as database:
        environment = database.environment()
        helps = _started(
            runs, starts, environment, {IMPORTS: [sys.executable, "-c", IMPORTS], "zava": [ZAVA, "--help"]}
        )
        programs: dict[str, Sequence[str | Path]] = {
            SCRIPT: [sys.executable, FLOOR_QUERY, database.floor_url, SQL],
            "zava": [ZAVA, "query", SQL],
            "psql": [database.psql, "--csv", "-c", SQL, database.floor_url],
        }
        if not (arguments.quick or arguments.no_hsql):
            programs["hsql"] = _hsql(arguments.folder, database)
        zava("db", "start", data_directory=database.folder)
        queries = _started(runs, starts, environment, programs)
    measures = [
        Measure("zava --help", "s", helps["s"], IMPORTS),
        Measure("zava --help", "CPU s", helps["CPU s"], IMPORTS),
        Measure('query "select 1"', "s", queries["s"], SCRIPT),
        Measure('query "select 1"', "CPU s", queries["CPU s"], SCRIPT),
    ]
    goals = [
        Goal(f"zava --help by {IMPORTS}", measures[0].ratio("zava"), at_most=1.5),
        Goal("query by a bare asyncpg script", measures[2].ratio("zava"), at_most=3),
    ]
    if "hsql" in programs:
        goals.append(Goal("query by hsql", measures[2].ratio("zava", "hsql"), at_most=1))
    return Report("cli", measures, goals)


def _started(
    runs: int, starts: int, environment: Mapping[str, str], programs: Mapping[str, Sequence[str | Path]]
) -> dict[str, dict[str, list[float]]]:
    """Medians of so many starts of each program."""

    def several(command: Sequence[str | Path]) -> dict[str, float]:
        found = [ran(command, environment) for _ in range(starts)]
        return {unit: statistics.median(one[unit] for one in found) for unit in found[0]}

    # The first start of a program reads it from the disk.
    for command in programs.values():
        ran(command, environment)
    return interleaved_numbers(
        runs, {name: lambda command=command: several(command) for name, command in programs.items()}
    )


def _hsql(folder: Path, database: Database) -> Sequence[str | Path]:
    program = folder / "bin" / "hsql"
    if not program.is_file():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *HSQL_PACKAGES], check=True)
    return [program, "-a", "postgres", database.floor_url, "-c", SQL]
