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
