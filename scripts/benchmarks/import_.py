"""The whole of `zava import` of a CSV file against a raw COPY of the rows that it becomes.

`zava import` pays for starting Python, reading and checking every line, finding customers, products and stores by
their names, loading through temporary tables as an owner under forced row security, exact totals, and statistics.
"""

from __future__ import annotations

import argparse
import csv
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.common import Report
from benchmarks.copying import against_copy
from benchmarks.databases import scratch_data_directory

LEAST_SHARE = 0.2
LINES_AN_ORDER = 4
FIRST = datetime(2025, 1, 1, 9)
HEADERS = ("order id", "sku", "description", "quantity", "order date", "unit price", "customer id", "store")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many lines the file has."""
    parser.add_argument("--lines", type=int, default=500_000, help="order lines in the file (500,000)")


def measure(arguments: argparse.Namespace) -> Report:
    """Imports the same file into new databases."""
    lines, runs = (2_000, 1) if arguments.quick else (arguments.lines, arguments.runs)
    with scratch_data_directory() as folder:
        file = folder / "lines.csv"
        _write(file, lines)
        return against_copy("import", ("import", str(file), "--json"), folder, runs, LEAST_SHARE)


def _write(file: Path, lines: int) -> None:
    """Order lines of eight stores, 4,000 products, and a customer for every 40 of them."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADERS)
        for number in range(lines):
            order = number // LINES_AN_ORDER
            product = number * 7919 % 4_000
            writer.writerow((
                f"A{order:07}", f"SKU-{product:05}", f"Cordless drill number {product}", number % 9 + 1,
                FIRST + timedelta(minutes=order), f"{product % 500 + 0.99:.2f}", order % (lines // 40 + 1), order % 8,
            ))  # fmt: skip
