"""What health, config and the other commands print on standard output."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import BaseModel

from zava_cli.commands.output import console


def test_key_values_are_aligned_and_long_values_are_folded_to_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    console.print_key_values({"name": "seattle", "sees": "one two three four", "admin": False}, title="Who")
    assert capsys.readouterr().out == "Who\nname   seattle\nsees   one two three\n       four\nadmin  no\n"


def test_a_table_aligns_numbers_right_and_knows_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(["part", "ms"], [["[red]pool[/red] :smile:", 5], ["disk", 12.5], ["\x1b[31m", None]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "part                       ms"
    assert lines[2:] == ["[red]pool[/red] :smile:     5", "disk                     12.5", "\\x1b[31m"]


def test_json_comes_from_models_and_plain_values_alike(capsys: pytest.CaptureFixture[str]) -> None:
    class Store(BaseModel):
        name: str
        revenue: Decimal

    console.print_json(Store(name="Zürich", revenue=Decimal("1.50")))
    console.print_json({"ok": True, "ratio": float("inf")})
    assert capsys.readouterr().out == (
        '{\n  "name": "Zürich",\n  "revenue": "1.50"\n}\n{\n  "ok": true,\n  "ratio": "Infinity"\n}\n'
    )


def test_lines_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_line("one\ntwo\x1b[2J")
    assert capsys.readouterr().out == "one\ntwo\\x1b[2J\n"
