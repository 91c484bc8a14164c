"""What all benchmarks share: interleaved runs, medians, ratios, a markdown table, JSON, and a server to use up.

An area is a module beside this one with a docstring, `add_arguments(parser)` and `measure(arguments) -> Report`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BINARIES = Path(sys.executable).parent


@dataclass
class Goal:
    """A number that must be at least (or at most) another one."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the number is within its bounds."""
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)


@dataclass
class Report:
    """One area's results: seconds of every run by name, further columns by name, and goals."""

    area: str
    seconds: Mapping[str, list[float]]
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def markdown(self) -> str:
        """The table that goes into a document."""
        extra = list(dict.fromkeys(name for row in self.columns.values() for name in row))
        lines = [
            "| " + " | ".join(["what", "median s", "fastest s", "slowest s", "runs", *extra]) + " |",
            "|---" * (5 + len(extra)) + "|",
        ]
        for name, runs in self.seconds.items():
            cells: list[Any] = [f"{statistics.median(runs):.4g}", f"{min(runs):.4g}", f"{max(runs):.4g}", len(runs)]
            cells += [self.columns.get(name, {}).get(column, "") for column in extra]
            lines.append("| " + " | ".join(map(str, [name, *cells])) + " |")
        for goal in self.goals:
            bound = f"at least {goal.at_least}" if goal.at_least is not None else f"at most {goal.at_most}"
            lines += ["", f"{goal.name}: {goal.value:.3g} ({bound}: {'met' if goal.met else 'MISSED'})"]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a machine."""
        return {
            "area": self.area,
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
            "runs": {
                name: {"median": statistics.median(runs), "seconds": runs, **self.columns.get(name, {})}
                for name, runs in self.seconds.items()
            },
            "goals": [{"name": g.name, "value": g.value, "met": g.met} for g in self.goals],
        }


def interleaved(runs: int, contestants: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds per run: every contestant once, then again, so that a slow moment hits them all alike.

    A contestant that returns a float has measured itself (to leave its own preparation out).
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(runs):
        for name, contestant in contestants.items():
            started = time.perf_counter()
            own = contestant()
            seconds[name].append(own if isinstance(own, float) else time.perf_counter() - started)
            print(f"run {number + 1} of {runs}: {name} {seconds[name][-1]:.4g} s", file=sys.stderr)
    return seconds


def median_ratio(numerator: list[float], denominator: list[float]) -> float:
    """Median of the ratios of runs that were made one after the other."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def zava(*arguments: str, data_directory: Path, profile: str = "default") -> str:
    """Runs the command as a person would, on a data directory of its own; returns its standard output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZAVA_")}
    environment |= {"ZAVA_DATA_DIR": str(data_directory), "ZAVA_PROFILE": profile}
    done = subprocess.run(
        [BINARIES / "zava", *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


@contextmanager
def scratch_data_directory() -> Iterator[Path]:
    """A data directory whose servers are stopped and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zava-bench-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None))
    # As root the server runs as another user, who must get through.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        zava("db", "stop", data_directory=folder)
        shutil.rmtree(folder, ignore_errors=True)


def areas() -> list[str]:
    """Names of the modules that measure something."""
    found = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name for name in found if name != "common")


def main() -> int:
    """The command line: which area, its own arguments, and where the JSON goes; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure zava.")
    choice = parser.add_subparsers(dest="area", required=True)
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in areas()}
    for name, module in modules.items():
        area = choice.add_parser(name, help=(module.__doc__ or "").strip().splitlines()[0])
        area.add_argument("--runs", type=int, default=3, help="how often each contestant runs")
        area.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
        module.add_arguments(area)
    arguments = parser.parse_args()
    report: Report = modules[arguments.area].measure(arguments)
    print(report.markdown())
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    return 0 if all(goal.met for goal in report.goals) else 1
