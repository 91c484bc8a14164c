"""The whole of `zava seed` against a raw COPY of the same rows into the same tables.

`zava seed` pays for starting Python, generating, loading through temporary tables as an owner under forced row
security, keys for the managers, and statistics.
"""

from __future__ import annotations

import argparse

from benchmarks.common import Report
from benchmarks.copying import against_copy
from benchmarks.databases import scratch_data_directory

UNTIL = "2026-06-30"
LEAST_SHARE = 0.6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is seeded."""
    parser.add_argument("--customers", type=int, default=50_000, help="customers to make orders for (50,000)")


def measure(arguments: argparse.Namespace) -> Report:
    """Seeds new databases."""
    customers, runs = (100, 1) if arguments.quick else (arguments.customers, arguments.runs)
    with scratch_data_directory() as folder:
        command = ("seed", "--until", UNTIL, "--customers", str(customers), "--json")
        return against_copy("seed", command, folder, runs, LEAST_SHARE)
