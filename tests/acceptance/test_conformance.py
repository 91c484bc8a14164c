"""The official conformance suite against `zava serve --http`, in both modes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http_serving import MODES, HttpServer, http_server
from tests.node import INSTALL_SECONDS, npm_package, with_node
from zava_cli.data.target import Target

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
SCENARIOS = [
    "server-initialize", "server-stateless", "server-session-lifecycle", "ping", "logging-set-level", "tools-list",
    "resources-list", "prompts-list", "sep-2164-resource-not-found", "caching", "server-sse-multiple-streams",
    "dns-rebinding-protection", "http-header-validation", "input-required-result-unsupported-methods",
    "input-required-result-ignore-extra-params",
]  # fmt: skip
"""Those that apply to any server; the others want tools, resources and prompts of the suite's own."""
WANT_A_DIAGNOSTIC_TOOL = {"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"}
"""Checks that call the tool `test_missing_capability`, which only the suite's own server has."""
WANT_SESSIONS = {"server-session-lifecycle", "server-sse-multiple-streams"}
"""Scenarios that find nothing to check on a server without sessions."""


@pytest.fixture(scope="session")
def suite() -> list[str]:
    """The command that starts the suite."""
    return npm_package(PACKAGE, "list", "--server")


@pytest.fixture(scope="module", params=["sessions, streams", "stateless, JSON"])
def served(request: pytest.FixtureRequest, seeded: Target) -> Iterator[tuple[str, HttpServer]]:
    """A server in that mode, for anybody on this machine, as the suite sends no token."""
    with http_server(seeded, "--no-auth", **MODES[request.param]) as server:
        yield request.param, server


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_server_conforms(suite: list[str], served: tuple[str, HttpServer], scenario: str, tmp_path: Path) -> None:
    mode, server = served
    done = subprocess.run(
        [*suite, "server", "--url", server.url, "--scenario", scenario, "--output-dir", str(tmp_path)],
        capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False, env=with_node(Path(suite[0])),
    )  # fmt: skip
    assert re.search(r"Passed: \d+/\d+", done.stdout), done.stdout + done.stderr
    checks: list[dict[str, Any]] = [
        check for file in tmp_path.rglob("checks.json") for check in json.loads(file.read_text(encoding="utf-8"))
    ]
    failed = [check for check in checks if check["status"] == "FAILURE" and check["id"] not in WANT_A_DIAGNOSTIC_TOOL]
    assert not failed
    if not (mode.startswith("stateless") and scenario in WANT_SESSIONS):
        assert [check for check in checks if check["status"] == "SUCCESS"]
