"""What a start of zava imports, seen in a fresh interpreter: a static graph cannot see deferred imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "fastmcp",
    "mcp",
    "openai",
    "httpx",
    "numpy",
    "asyncpg",
    "pgvector",
    "pglast",
    "pyarrow",
    "wordllama",
    "prometheus_client",
}
UNNEEDED_FOR_HELP = HEAVY | {"pydantic", "asyncio", "structlog", "psutil", "filelock", "dotenv"}
PROGRAM = """
import sys
from zava_cli.__main__ import main
sys.argv = ["zava", *sys.argv[1:]]
try:
    main()
finally:
    print("\\n".join(sorted(sys.modules)), file=sys.stderr)
"""


def imported_by(*arguments: str) -> set[str]:
    """Top-level names of everything that a command has imported when it ends."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
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
