"""`zava serve` with everything on against a bare FastMCP and asyncpg server, on pipes and over HTTP.

The floor (floors/server.py) has no guard, no row security, no token, no audit, no bound on an answer; it logs in past
row security to the same database. Beside it, in the parts that are plain calls, stands the same server with a
read-only transaction and row security by a setting, which whoever writes the SQL can change. All are asked by the
same raw clients in turn, over HTTP in the newest protocol that they speak; ratios are to the floor. zava's limit of
requests a second is lifted, as all clients bear one token; every other setting is the default unless a line says
otherwise.
"""

from __future__ import annotations

import argparse

from benchmarks.common import Report
from benchmarks.databases import seeded_database
from benchmarks.serving import comparison
from benchmarks.serving.comparison import PARTS, Comparison
from benchmarks.serving.contestants import careful_floor_server, floor_server, stateless, zava_server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is asked, and in which mode."""
    comparison.add_arguments(parser, PARTS)
    parser.add_argument("--stateless", action="store_true", help="all without sessions, answering JSON")


def measure(arguments: argparse.Namespace) -> Report:
    """The servers in turn, part by part."""
    comparison.make_quick(arguments)
    with seeded_database() as database:
        servers = [floor_server(database), careful_floor_server(database), zava_server(database)]
        contestants = {server.name: server for server in servers}
        if arguments.stateless:
            contestants = {name: stateless(contestant) for name, contestant in contestants.items()}
        report = Comparison(arguments, database, contestants).report("serve", arguments.only)
    how = "all without sessions, answering JSON" if arguments.stateless else "all in their default modes"
    report.notes = [how, *report.notes]
    return report
