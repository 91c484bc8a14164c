"""Compares MCP servers: every part asks all contestants in turn, and judges zava by the floor."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks import common
from benchmarks.common import Goal, Measure, Numbers, Report, interleaved_numbers
from benchmarks.databases import Database
from benchmarks.serving import loads, quota
from benchmarks.serving.clients import HANDSHAKE, MODERN
from benchmarks.serving.contestants import Contestant, Running, listening, stateless, with_handshake, with_workers

CLIENTS = 16
MOST_TIMES = 1.4
CPU = "CPU ms a call"
WIDE_SETTINGS = {"ZAVA_SERVE_ROWS": "10000", "ZAVA_SERVE_BYTES": "10000000"}
HELD = 0.3
"""Cores for each worker process where there are to be free ones: both, PostgreSQL and the clients fit on two."""
PARTS = ("start", "pipes", "errors", "http", "clients", "handshake", "workers", "bytes", "huge", "left")

Found = dict[str, dict[str, list[float]]]


def add_arguments(parser: argparse.ArgumentParser, parts: Sequence[str]) -> None:
    """How much is asked."""
    parser.add_argument("--calls", type=int, default=500, help="calls one after the other in each run")
    parser.add_argument("--seconds", type=float, default=4, help="how long concurrent clients ask in each run")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="these parts alone")


def make_quick(arguments: argparse.Namespace) -> None:
    """Lets a quick run ask little."""
    if arguments.quick:
        arguments.calls, arguments.seconds, arguments.runs = 30, 0.3, 1


@dataclass(frozen=True)
class Comparison:
    """Servers on one database, and how much they are asked."""

    arguments: argparse.Namespace
    database: Database
    contestants: Mapping[str, Contestant]

    def report(self, area: str, parts: Sequence[str]) -> Report:
        """Those parts, one after the other."""
        found: list[Report] = [common.progress.part(getattr(self._of(part), part)()) for part in PARTS if part in parts]
        return Report(
            area,
            [measure for part in found for measure in part.measures],
            [goal for part in found for goal in part.goals],
            [note for part in found for note in part.notes],
        )

    def start(self) -> Report:
        """The cold start, on pipes and over HTTP, and what the idle server holds then."""
        measures: list[Measure] = []
        goals: list[Goal] = []
        for where, load in (("on pipes", loads.cold_start), ("over HTTP", loads.http_start)):
            found = _measures(self._each(load), f"cold start to tools/list {where}", ("s", "CPU s", "MB"))
            measures += found
            goals.append(Goal(f"cold start {where} by the floor's", found[0].ratio("zava"), at_most=1.1))
        return Report("", measures, goals)

    def pipes(self) -> Report:
        """Calls one after the other on pipes."""
        found = self._each(lambda one: loads.pipe_calls(one, self.arguments.calls))
        return _calls(found, "on pipes")

    def errors(self) -> Report:
        """What an error costs; zava is held against its own good call."""
        # The floor draws a traceback for each, which takes up to a hundred times as long.
        found = self._each(lambda one: loads.error_calls(one, max(5, self.arguments.calls // 20)))
        measures = [Measure(f"{name} on pipes", "ms", runs, "floor") for name, runs in found.items()]
        own = Measure("", "", {name: runs["zava"] for name, runs in found.items()}, loads.GOOD)
        goals = [Goal(f"{name} by a good call", own.ratio(name), at_most=2) for name in loads.ERRORS]
        return Report("", measures, goals)

    def http(self) -> Report:
        """Calls one after the other over HTTP."""
        return _calls(self._each_on_http(lambda one: loads.http_calls(one, self.arguments.calls)), "over HTTP")

    def clients(self) -> Report:
        """Calls of several clients at once, in the newest protocol that each server speaks."""
        found, spoken = self._each_on_http(self._crowd), self._each_on_http(_spoken, runs=1)
        measures = _measures(found, f"{CLIENTS} clients over HTTP", ("calls/s", CPU))
        name = f"calls/s of {CLIENTS} clients by the floor's"
        modern = [name for name, runs in spoken[MODERN].items() if all(runs)]
        notes = [f"over HTTP these are asked by MCP {MODERN}, the others by {HANDSHAKE}: {', '.join(modern)}"]
        return Report("", measures, [Goal(name, measures[0].ratio("zava"), at_least=0.8)], notes)

    def handshake(self) -> Report:
        """The same in the protocol that begins with a handshake."""
        contestants = {name: with_handshake(one) for name, one in self.contestants.items()}
        found = replace(self, contestants=contestants)._each_on_http(self._crowd)
        return Report("", _measures(found, f"{CLIENTS} clients over HTTP by MCP {HANDSHAKE}", ("calls/s", CPU)))

    def workers(self) -> Report:
        """The same of one worker process and of two, also with a part of a core for each, so that some is left."""
        one, two = "zava --workers 1", "zava --workers 2"
        server = stateless(self.contestants["zava"])
        contestants = {one: with_workers(server, 1), two: with_workers(server, 2)}
        comparison = replace(self, contestants=contestants)
        found = comparison._each_on_http(self._crowd)
        name = f"{CLIENTS} clients, without sessions"
        measures = [Measure(name, unit, found[unit], one) for unit in ("calls/s", CPU)]
        goals = [
            Goal(f"calls/s of 2 workers by 1, on {loads.cores()} cores", measures[0].ratio(two), at_least=1.7),
            Goal("the same on two free cores, by the CPU time of a call", 2 / measures[1].ratio(two), at_least=1.7),
        ]
        if quota.can_hold():
            measures.append(comparison.held(one))
            name = f"the same with each process held to {HELD:g} of a core"
            goals.append(Goal(name, measures[-1].ratio(two), at_least=1.7))
        return Report("", measures, goals, ["the clients and PostgreSQL share the cores with the workers"])

    def held(self, floor: str) -> Measure:
        """Clients at once, where each process has so little of a core that some is left for all that it talks to."""
        found = self._each_on_http(self._held_crowd)["calls/s"]
        return Measure(f"{CLIENTS} clients, each process held to {HELD:g} of a core", "calls/s", found, floor)

    def bytes(self) -> Report:
        """A large answer."""
        raised = {name: one.with_environment(**WIDE_SETTINGS) for name, one in self.contestants.items()}
        comparison = Comparison(self.arguments, self.database, raised)
        found = comparison._each_on_http(lambda one: loads.one_answer(one, loads.WIDE))
        measures = _measures(found, "10,000 x 8 rows over HTTP", ("MB", "s", "MB above idle"))
        goal = Goal("MB of 10,000 x 8 rows", measures[0].median("zava"), at_most=2.0)
        return Report("", measures, [goal], ["10,000 x 8 rows: zava with serve_rows and serve_bytes raised"])

    def huge(self) -> Report:
        """An answer that nobody can want; once, since servers without bounds take gigabytes for it."""
        chosen = {"zava": self.contestants["zava"]} if self.arguments.quick else self.contestants
        found: Found = {}
        for name, contestant in chosen.items():
            with listening(contestant) as one:
                numbers = loads.one_answer(one, loads.HUGE)
                for what, value in numbers.items():
                    found.setdefault(what, {})[name] = [value]
        title = "5,000,000 rows asked for"
        measures = [Measure(title, unit, found[unit]) for unit in ("s", "MB above idle", "MB")]
        goals = [
            Goal(f"seconds for {title}", measures[0].median("zava"), at_most=1),
            Goal(f"MB above idle for {title}", measures[1].median("zava"), at_most=60),
            Goal(f"marked truncated, {title}", found["truncated"]["zava"][0], at_least=1),
        ]
        return Report("", measures, goals)

    def left(self) -> Report:
        """Whether the database works on for a caller who has gone."""
        found = self._each_on_http(lambda one: loads.departed(one, self.database.admin_url), runs=1)
        measures = [Measure("backend busy after the HTTP caller left", "s", found["s"])]
        notes = [f"after {loads.BUSY_SECONDS:g} s a backend counts as busy for good, and is ended"]
        return Report("", measures, [Goal("seconds busy", measures[0].median("zava"), at_most=1)], notes)

    def _of(self, part: str) -> Comparison:
        """With those contestants alone that are measured in that part."""
        return replace(
            self, contestants={n: one for n, one in self.contestants.items() if not one.parts or part in one.parts}
        )

    def _crowd(self, running: Running) -> Numbers:
        return loads.http_clients(running, CLIENTS, self.arguments.seconds)

    def _held_crowd(self, running: Running) -> Numbers:
        # A just-in-time compiler has done its work first, as in a server that has run for a while.
        self._crowd(running)
        with quota.held(running.processes(), HELD):
            return self._crowd(running)

    def _each(self, work: Callable[[Contestant], Numbers]) -> Found:
        """The work on all of them in turn."""
        return interleaved_numbers(
            self.arguments.runs, {name: lambda one=one: work(one) for name, one in self.contestants.items()}
        )

    def _each_on_http(self, work: Callable[[Running], Numbers], runs: int | None = None) -> Found:
        """The work on all of them in turn, while all listen."""
        with ExitStack() as stack:
            listen = {name: stack.enter_context(listening(one)) for name, one in self.contestants.items()}
            contestants = {name: lambda one=one: work(one) for name, one in listen.items()}
            return interleaved_numbers(runs or self.arguments.runs, contestants)


def _spoken(running: Running) -> Numbers:
    return {MODERN: float(loads.protocol(running) == MODERN)}


def _measures(found: Found, name: str, units: Sequence[str]) -> list[Measure]:
    """A measure for each of those units."""
    return [Measure(name, unit, found[unit], "floor") for unit in units]


def _calls(found: Found, where: str) -> Report:
    measures = _measures(found, f"SELECT 1 {where}", ("ms", CPU))
    return Report(
        "", measures, [Goal(f"SELECT 1 {where} by the floor's", measures[0].ratio("zava"), at_most=MOST_TIMES)]
    )
