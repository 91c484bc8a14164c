"""The official Inspector's command line talks to `zava serve`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.node import INSTALL_SECONDS, npm_package, with_node
from tests.stdio_serving import environment
from zava_cli.data.target import Target

PACKAGE = "@modelcontextprotocol/inspector@2"
HANDED_ON = ("ZAVA_PROFILE", "ZAVA_DATA_DIR", "ZAVA_AS")


@pytest.fixture(scope="session")
def inspector() -> list[str]:
    """The command that starts the Inspector."""
    return npm_package(PACKAGE, "--cli", "--help")


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
