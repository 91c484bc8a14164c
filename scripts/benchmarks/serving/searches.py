"""What a search costs by what `SELECT 1` costs: over MCP to one server, and as commands in a terminal."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import cycle, islice

from benchmarks.common import Goal, Measure, Numbers, Report, interleaved_numbers
from benchmarks.databases import ZAVA, Database
from benchmarks.programs import ran
from benchmarks.serving.clients import Pipe
from benchmarks.serving.contestants import piped, zava_server
from benchmarks.serving.loads import ONE, WARM, expect_good

QUERY, SEARCH = "SELECT 1", "search"
OVER_MCP, IN_TERMINAL = 2.0, 2.5


def compared(database: Database, questions: Sequence[str], *, calls: int, starts: int, runs: int) -> Report:
    """So many calls, and starts of programs, of each kind in every run; each question is asked in its turn."""
    over_mcp = interleaved_numbers(runs, {"zava": lambda: _calls(database, questions, calls)})
    in_terminal = interleaved_numbers(runs, {"zava": lambda: _starts(database, questions, starts)})
    measures = [_measure("over MCP", "ms", over_mcp), _measure("in the terminal", "s", in_terminal)]
    return Report(
        "",
        measures,
        [
            Goal("search over MCP by SELECT 1", measures[0].ratio(SEARCH), at_most=OVER_MCP),
            Goal("search in the terminal by SELECT 1", measures[1].ratio(SEARCH), at_most=IN_TERMINAL),
        ],
    )


def _measure(where: str, unit: str, found: dict[str, dict[str, list[float]]]) -> Measure:
    return Measure(f"one {where}", unit, {name: runs["zava"] for name, runs in found.items()}, QUERY)


def _calls(database: Database, questions: Sequence[str], calls: int) -> Numbers:
    """The medians of calls to one server on pipes, each search beside a `SELECT 1`."""
    server = zava_server(database)
    with piped(server) as (pipe, _):
        pipe.greet()
        query = server.call(ONE)
        # Every question is asked before the clock runs: plans and indexes are there, as in a server at work.
        for question in islice(cycle(questions), max(WARM, min(calls, len(questions)))):
            _timed(pipe, query)
            _timed(pipe, _search(question))
        times: dict[str, list[float]] = {QUERY: [], SEARCH: []}
        for question in islice(cycle(questions), calls):
            times[QUERY].append(_timed(pipe, query))
            times[SEARCH].append(_timed(pipe, _search(question)))
    return {name: statistics.median(values) for name, values in times.items()}


def _search(question: str) -> dict[str, object]:
    return {"name": "search_products", "arguments": {"query_description": question}}


def _timed(pipe: Pipe, params: dict[str, object]) -> float:
    started = time.perf_counter()
    expect_good(pipe.ask("tools/call", params))
    return (time.perf_counter() - started) * 1000


def _starts(database: Database, questions: Sequence[str], starts: int) -> Numbers:
    """The medians of whole commands, in turn."""
    environment = database.environment()
    times: dict[str, list[float]] = {QUERY: [], SEARCH: []}
    for question in islice(cycle(questions), starts):
        times[QUERY].append(ran([ZAVA, "query", ONE], environment)["s"])
        times[SEARCH].append(ran([ZAVA, "search", question], environment)["s"])
    return {name: statistics.median(values) for name, values in times.items()}
