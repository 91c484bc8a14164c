"""The rules that keep the house in order: imports point downwards, files and functions stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "zava_cli").rglob("*.py"))
MOST_LINES = 330
MOST_FUNCTION_LINES = 50
COMMANDS = ROOT / "zava_cli" / "commands"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_imports_point_downwards_and_libraries_stay_in_their_rooms() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_can_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES
    long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno >= MOST_FUNCTION_LINES]
    # A command's parameters are its documentation and no code.
    if path.parent == COMMANDS:
        long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.body[0].lineno >= MOST_FUNCTION_LINES]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_the_output_writes_to_standard_output(path: Path) -> None:
    if COMMANDS / "output" in path.parents:
        return
    tree = ast.parse(path.read_text())
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    assert not [a for a in ast.walk(tree) if isinstance(a, ast.Attribute) and ast.unparse(a) == "sys.stdout.write"]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.read_text()], ids=name)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
