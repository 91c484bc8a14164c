"""What all benchmarks share: interleaved runs, medians, ratios to a floor, a markdown table, and JSON.

An area is a module beside this one with a docstring, `add_arguments(parser)` and `measure(arguments) -> Report`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READING = "Medians, lowest and highest of the runs; bold: ratio to the floor, run by run. The ms of a run are its p50."
SHARED = ("broad_words", "common", "copying", "databases", "generated", "plain_sql", "programs")
"""Modules beside this one that are no areas."""


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

    def __str__(self) -> str:
        bound = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{self.name}: {self.value:.3g} ({bound}: {'met' if self.met else 'MISSED'})"


@dataclass
class Measure:
    """One thing measured: the numbers of every run by contestant, and the contestant that is the floor."""

    name: str
    unit: str
    runs: Mapping[str, Sequence[float]]
    floor: str | None = None

    @property
    def title(self) -> str:
        """Name and unit, which no other measure of a report has."""
        return f"{self.name}, {self.unit}"

    def median(self, contestant: str) -> float:
        """The middle of a contestant's runs."""
        return statistics.median(self.runs[contestant])

    def ratio(self, contestant: str, floor: str | None = None) -> float:
        """Median of the ratios of runs that were made one after the other."""
        other = floor or self.floor
        assert other is not None
        return statistics.median(a / b for a, b in zip(self.runs[contestant], self.runs[other], strict=True))

    def cell(self, contestant: str) -> str:
        """Median, spread, and ratio to the floor."""
        runs = self.runs.get(contestant)
        if not runs:
            return ""
        text = _number(self.median(contestant))
        if len(runs) > 1:
            text += f" ({_number(min(runs))} to {_number(max(runs))})"
        if self.floor not in (None, contestant) and len(self.runs[self.floor]) == len(runs) and all(runs):
            text += f" **x {self.ratio(contestant):.2f}**"
        return text

    def as_json(self) -> dict[str, Any]:
        """Every run."""
        runs = {
            name: {"median": statistics.median(runs), "runs": list(runs)} for name, runs in self.runs.items() if runs
        }
        return {"floor": self.floor, "contestants": runs}


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@dataclass
class Report:
    """One area's results, the goals that they are held against, and what has to be known to read them."""

    area: str
    measures: Sequence[Measure]
    goals: Sequence[Goal] = field(default_factory=list)
    notes: Sequence[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The table that goes into a document: a row per measure, a column per contestant."""
        lines: list[str] = []
        if contestants := list(dict.fromkeys(name for measure in self.measures for name in measure.runs)):
            lines += ["| | " + " | ".join(contestants) + " |", "|---" * (len(contestants) + 1) + "|"]
            for measure in self.measures:
                cells = [measure.title, *(measure.cell(name) for name in contestants)]
                lines.append("| " + " | ".join(cells) + " |")
            lines += ["", READING, ""]
        return "\n".join([*lines, *(f"- {line}" for line in [*map(str, self.goals), *self.notes])])

    def as_json(self) -> dict[str, Any]:
        """Everything, for a machine."""
        return {
            "area": self.area,
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
            "measures": {measure.title: measure.as_json() for measure in self.measures},
            "goals": [{"name": goal.name, "value": goal.value, "met": goal.met} for goal in self.goals],
            "notes": list(self.notes),
        }


class Progress:
    """What an area has measured so far: whoever ends a run keeps that. `file` is brought up to date at each step."""

    def __init__(self, area: str = "", file: Path | None = None) -> None:
        self._area = area
        self._file = file
        self._parts: list[Report] = []
        self._going_on: dict[str, Report] = {}

    def next_turns(self) -> str:
        """A name for the next contestants that take turns."""
        return f"unfinished {len(self._parts) + len(self._going_on) + 1}"

    def so_far(self, name: str, report: Report) -> None:
        """What that part has found until now."""
        self._going_on[name] = report
        self._write()

    def part(self, report: Report) -> Report:
        """Takes a part that is done, in the place of what was known of it before, and returns it."""
        self._parts.append(report)
        self._going_on.clear()
        self._write()
        return report

    def report(self) -> Report:
        """All of it."""
        found = [*self._parts, *self._going_on.values()]
        return Report(
            self._area,
            [measure for part in found for measure in part.measures],
            [goal for part in found for goal in part.goals],
            ["an unfinished run: what is here was measured before it ended"],
        )

    def _write(self) -> None:
        if self._file:
            write_json(self._file, self.report())


progress = Progress()
"""Of the area that is measured."""


def write_json(file: Path, report: Report) -> None:
    """Writes the numbers; there is a whole file at any moment."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    new.replace(file)


Numbers = Mapping[str, float]


def interleaved(runs: int, contestants: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds per run: every contestant once, then again, so that a slow moment hits them all alike.

    A contestant that returns a float has measured itself (to leave its own preparation out).
    """

    def timed(contestant: Callable[[], object]) -> Numbers:
        started = time.perf_counter()
        own = contestant()
        return {"s": own if isinstance(own, float) else time.perf_counter() - started}

    return interleaved_numbers(
        runs, {name: lambda contestant=contestant: timed(contestant) for name, contestant in contestants.items()}
    )["s"]


def interleaved_numbers(
    runs: int, contestants: Mapping[str, Callable[[], Numbers]]
) -> dict[str, dict[str, list[float]]]:
    """The same for contestants that return several numbers by name: by that name, then by contestant."""
    found: dict[str, dict[str, list[float]]] = {}
    turns = progress.next_turns()
    for number in range(runs):
        for name, contestant in contestants.items():
            numbers = contestant()
            for what, value in numbers.items():
                found.setdefault(what, {}).setdefault(name, []).append(value)
            shown = ", ".join(f"{value:.4g} {what}" for what, value in numbers.items())
            progress.so_far(turns, Report("", [Measure(turns, what, by_name) for what, by_name in found.items()]))
            print(f"run {number + 1} of {runs}: {name} {shown}", file=sys.stderr)
    return found


def areas() -> list[str]:
    """Names of the modules that measure something."""
    found = (module for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if not module.ispkg)
    return sorted(module.name for module in found if module.name not in SHARED)


def main(given: Sequence[str] | None = None) -> int:
    """The command line: which area, its own arguments, and where the JSON goes; 1 when a goal was missed in earnest."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure zava.")
    choice = parser.add_subparsers(dest="area", required=True)
    modules = {name.rstrip("_"): importlib.import_module(f"benchmarks.{name}") for name in areas()}
    for name, module in modules.items():
        about = (module.__doc__ or "").strip()
        area = choice.add_parser(
            name, help=about.splitlines()[0], description=about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        area.add_argument("--runs", type=int, default=3, help="how often each contestant runs")
        area.add_argument("--quick", action="store_true", help="little of everything, to see that it works")
        area.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
        module.add_arguments(area)
    arguments = parser.parse_args(given)
    before = os.getloadavg()[0]
    report = _measured(modules[arguments.area], arguments)
    report.notes = [*report.notes, f"load of the machine: {before:.1f} before, {os.getloadavg()[0]:.1f} after"]
    if arguments.quick:
        report.notes = [*report.notes, "a quick run: it shows that all works, and its numbers prove nothing"]
    print(report.markdown())
    if arguments.json:
        write_json(arguments.json, report)
    return 0 if arguments.quick or all(goal.met for goal in report.goals) else 1


def _measured(module: Any, arguments: argparse.Namespace) -> Report:
    """The area's report; where it ends before its time, what there is of it is printed first."""
    global progress
    progress = Progress(arguments.area, arguments.json)
    try:
        return module.measure(arguments)
    except BaseException:
        print(progress.report().markdown(), flush=True)
        raise
