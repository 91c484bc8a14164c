"""`scripts/bench` from end to end, on its quickest part: that it runs and reports, never how fast anything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SERVERS = ("floor", "floor with RLS and read-only", "zava")
ROOT = Path(__file__).resolve().parents[2]


def test_the_bench_measures_all_servers_on_pipes_and_over_http(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bench", "serve", "--quick", "--only", "pipes", "http", "--json", file],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"| | {' | '.join(SERVERS)} |")
    measures = json.loads(file.read_text())["measures"]
    for name in ("SELECT 1 on pipes, ms", "SELECT 1 over HTTP, ms"):
        assert all(measures[name]["contestants"][server]["median"] > 0 for server in SERVERS)


def test_the_bench_finds_nearly_all_that_is_nearest_among_many_products(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bench", "recall", "--quick", "--json", file],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_text())
    recalls = [measure for name, measure in report["measures"].items() if "recall@10" in name]
    assert len(recalls) > 10
    assert all(0.9 < way["median"] <= 1 for measure in recalls for way in measure["contestants"].values())
    assert next(goal for goal in report["goals"] if goal["name"] == "rows fewer than there are")["value"] == 0
