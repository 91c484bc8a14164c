"""`zava serve` with everything on against a bare FastMCP and asyncpg server, on pipes and over HTTP.

The floor (floors/server.py) has no guard, no row security, no token, no audit, no bound on an answer; it logs in past
row security to the same database. Both are asked by the same raw clients in turn. zava's limit of requests a second
is lifted, as all clients bear one token; every other setting is the default unless a line says otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from benchmarks.common import Goal, Measure, Report, interleaved_numbers
from benchmarks.databases import ZAVA, Database, seeded_database
from benchmarks.serving import loads
from benchmarks.serving.contestants import Contestant, Running, floor_server, listening, stateless, zava_server

CLIENTS = 16
MOST_TIMES = 1.4
WIDE_SETTINGS = {"ZAVA_SERVE_ROWS": "10000", "ZAVA_SERVE_BYTES": "10000000"}
PARTS = ("start", "pipes", "errors", "http", "clients", "workers", "bytes", "huge")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is asked."""
    parser.add_argument("--calls", type=int, default=500, help="calls one after the other in each run")
    parser.add_argument("--seconds", type=float, default=4, help="how long concurrent clients ask in each run")
    parser.add_argument("--stateless", action="store_true", help="both servers without sessions, answering JSON")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts alone")


def measure(arguments: argparse.Namespace) -> Report:
    """Both servers in turn, part by part."""
    if arguments.quick:
        arguments.calls, arguments.seconds, arguments.runs = 30, 0.3, 1
    with seeded_database() as database:
        contestants = {"floor": floor_server(database), "zava": zava_server(database)}
        if arguments.stateless:
            contestants = {name: stateless(contestant) for name, contestant in contestants.items()}
        measures: list[Measure] = []
        goals: list[Goal] = []
        notes = ["both without sessions, answering JSON" if arguments.stateless else "both with sessions and streams"]
        for part in (part for part in PARTS if part in arguments.only):
            found = _MEASURED[part](arguments, database, contestants)
            measures += found.measures
            goals += found.goals
            notes += found.notes
    return Report("serve", measures, goals, notes)


def _measures(titles: Mapping[str, str], found: Mapping[str, Mapping[str, list[float]]]) -> list[Measure]:
    """A measure for each unit that has a title."""
    return [Measure(title, unit, found[unit], "floor") for unit, title in titles.items()]


def _start(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    measured = {name: lambda one=one: loads.cold_start(one) for name, one in contestants.items()}
    found = interleaved_numbers(arguments.runs, measured)
    measures = _measures({"s": "cold start to tools/list, pipes", "CPU s": "the same, CPU"}, found)
    return Report("", measures, [Goal("cold start by the floor's", measures[0].ratio("zava"), at_most=1.1)])


def _pipes(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    measured = {name: lambda one=one: loads.pipe_calls(one, arguments.calls) for name, one in contestants.items()}
    found = interleaved_numbers(arguments.runs, measured)
    measures = _measures({"ms": "SELECT 1 on pipes, p50", "CPU ms": "the same, CPU a call"}, found)
    return Report(
        "", measures, [Goal("SELECT 1 on pipes by the floor's", measures[0].ratio("zava"), at_most=MOST_TIMES)]
    )


def _errors(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    """Both, though the goal is for zava against itself."""
    measured = {name: lambda one=one: loads.error_calls(one, arguments.calls // 5) for name, one in contestants.items()}
    found = interleaved_numbers(arguments.runs, measured)
    measures = [Measure(f"answer to a {name} on pipes", "ms", runs, "floor") for name, runs in found.items()]
    good = measures[0]
    ratios = [
        (name, Measure("", "", {"error": found[name]["zava"], "good": good.runs["zava"]}, "good").ratio("error"))
        for name in loads.ERRORS
    ]
    return Report(
        "", measures, [Goal(f"answer to a {name} by a good call", value, at_most=2) for name, value in ratios]
    )


def _http(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    found = _on_http(arguments.runs, contestants, lambda running: loads.http_calls(running, arguments.calls))
    measures = _measures({"ms": "SELECT 1 over HTTP, p50", "CPU ms": "the same, CPU a call"}, found)
    return Report(
        "", measures, [Goal("SELECT 1 over HTTP by the floor's", measures[0].ratio("zava"), at_most=MOST_TIMES)]
    )


def _clients(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    found = _on_http(
        arguments.runs, contestants, lambda running: loads.http_clients(running, CLIENTS, arguments.seconds)
    )
    measures = _measures({"calls/s": f"{CLIENTS} clients over HTTP", "CPU ms": "the same, CPU a call"}, found)
    goal = Goal(f"calls/s of {CLIENTS} clients by the floor's", measures[0].ratio("zava"), at_least=0.8)
    return Report("", measures, [goal])


def _workers(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    if "--workers" not in subprocess.run([ZAVA, "serve", "--help"], capture_output=True, text=True, check=True).stdout:
        return Report("", [], notes=["zava serve has no --workers here"])
    one = stateless(contestants["zava"])
    with ExitStack() as stack:
        running = {str(number): stack.enter_context(listening(one, "--workers", str(number))) for number in (1, 2)}
        found = interleaved_numbers(
            arguments.runs,
            {
                f"zava --workers {n}": lambda r=r: loads.http_clients(r, CLIENTS, arguments.seconds)
                for n, r in running.items()
            },
        )
    measure = Measure(f"{CLIENTS} clients, without sessions", "calls/s", found["calls/s"], "zava --workers 1")
    goal = Goal(f"calls/s of 2 workers by 1, on {loads.cores()} cores", measure.ratio("zava --workers 2"), at_least=1.7)
    return Report("", [measure], [goal], ["the clients and PostgreSQL share the cores with the workers"])


def _bytes(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    raised = {name: one.with_environment(**WIDE_SETTINGS) for name, one in contestants.items()}
    found = _on_http(arguments.runs, raised, lambda running: loads.one_answer(running, loads.WIDE))
    measures = _measures(
        {"MB": "10,000 x 8 rows on the wire", "s": "the same, time", "MB above idle": "the same, memory"}, found
    )
    return Report(
        "", measures, [Goal("MB of 10,000 x 8 rows", measures[0].median("zava"), at_most=2.0)],
        ["10,000 x 8 rows: with serve_rows and serve_bytes raised"],
    )  # fmt: skip


def _huge(arguments: argparse.Namespace, _: Database, contestants: Mapping[str, Contestant]) -> Report:
    """Once for the floor, which takes gigabytes of memory."""
    chosen = {"zava": contestants["zava"]} if arguments.quick else contestants
    found = _on_http(1, chosen, lambda running: loads.one_answer(running, loads.HUGE))
    titles = {"s": "time of the answer", "MB above idle": "memory", "MB": "the answer on the wire"}
    measures = [Measure(f"5,000,000 rows asked for: {title}", unit, found[unit]) for unit, title in titles.items()]
    goals = [
        Goal("seconds to answer 5,000,000 rows asked for", measures[0].median("zava"), at_most=1),
        Goal("MB above idle for 5,000,000 rows asked for", measures[1].median("zava"), at_most=60),
        Goal("marked truncated", found["truncated"]["zava"][0], at_least=1),
    ]
    return Report("", measures, goals)


def _on_http(runs: int, contestants: Mapping[str, Contestant], work: Any) -> dict[str, dict[str, list[float]]]:
    """Runs the work on all of them in turn, while all listen."""
    with ExitStack() as stack:
        running: dict[str, Running] = {
            name: stack.enter_context(listening(contestant)) for name, contestant in contestants.items()
        }
        return interleaved_numbers(runs, {name: lambda one=one: work(one) for name, one in running.items()})


_MEASURED = {
    "start": _start, "pipes": _pipes, "errors": _errors, "http": _http, "clients": _clients, "workers": _workers,
    "bytes": _bytes, "huge": _huge,
}  # fmt: skip
