"""`scripts/bench` from end to end, on its quickest part: that it runs and reports, never how fast anything is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SERVERS = ("floor", "floor with RLS and read-only", "zava")
ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "scripts" / "bench"
PATIENCE = 240


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


@pytest.mark.parametrize(
    ("area", "measured", "contestant"),
    [
        ("cli", 'query "select 1", s', "zava"),
        ("query", "10,000 rows to csv, rows/s", "zava query --csv"),
        ("cache", "monthly sales over HTTP, p50, ms", "hit"),
        ("seed", "rows/s", "zava seed"),
        ("import", "rows/s", "zava import"),
        ("embed", "products/s", "zava embed"),
        ("soak", "/health/ready, s", "last third"),
        pytest.param("peers", "SELECT 1 over HTTP, ms", "zava", marks=pytest.mark.skip(reason="they come from npm")),
    ],
)
def test_every_area_runs_to_its_end_and_reports(tmp_path: Path, area: str, measured: str, contestant: str) -> None:
    file = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, BENCH, area, "--quick", "--runs", "1", "--json", file],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "a quick run" in done.stdout
    [measure] = [numbers for name, numbers in json.loads(file.read_text())["measures"].items() if measured in name]
    assert measure["contestants"][contestant]["median"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_a_run_keeps_what_it_has_measured(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "numbers.json"
    with subprocess.Popen(
        [sys.executable, BENCH, "query", "--rows", "100", "--runs", "1000", "--json", file],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as bench:  # fmt: skip
        until = time.monotonic() + PATIENCE
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.1)
        bench.send_signal(number)
        said, _ = bench.communicate(timeout=PATIENCE)
    assert bench.returncode != 0
    assert "psql --csv" in said and "unfinished run" in said
    written = json.loads(file.read_text())
    assert written["notes"][0].startswith("an unfinished run")
    assert any(numbers["contestants"]["psql --csv"]["median"] > 0 for numbers in written["measures"].values())
