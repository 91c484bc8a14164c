"""Texts in the data that try to steer a terminal, on every surface that shows them; pipes get them as they are."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.small_data import Walls, make_walls, remove_walls

TITLE, LINK, CLIPBOARD = "\x1b]0;owned\x07", "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\", "\x1b]52;c;b3du\x07"
HOSTILE = (
    f"x\x1b[2J\x1b[31m{TITLE}{LINK}{CLIPBOARD}\x9b2J\x9d0;c1\x9c\x7f\b\r\nError: spoofed\v\f"
    "\u202egnp.exe\u2066\u200b\u2028\ufeff\U000e0041"
)
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FORMATS = ["table", "vertical", "markdown", "csv", "tsv", "json", "jsonl", "unaligned"]
NAMES = "select name, location from stores"


@pytest.fixture(scope="module")
def database() -> Iterator[Walls]:
    """A database whose names are hostile; the store is found by its city all the same."""
    walls = asyncio.run(make_walls("PostgreSQL 18"))
    for statement in (
        "UPDATE retail.stores SET name = name || $1 WHERE name LIKE '%Seattle%'",
        "UPDATE retail.stores SET location = location || $1",
        "UPDATE retail.products SET name = name || $1, description = $1",
        "UPDATE retail.categories SET name = name || $1",
        "UPDATE retail.managers SET name = name || $1 WHERE name LIKE 'Sam%'",
    ):
        asyncio.run(walls.as_superuser(statement, HOSTILE))
    yield walls
    asyncio.run(remove_walls(walls))


@pytest.fixture
def seattle(database: Walls) -> CommandLine:
    """The manager of the store with the hostile name."""
    return CommandLine(database.target, "sam@zava.example")


def assert_harmless(shown: str) -> None:
    """Nothing but text, line ends and colours; and no line that a text of the database began."""
    plain = COLOUR.sub("", shown)
    assert STEERING.findall(plain) == [], repr(shown)
    assert "Traceback" not in plain
    assert not any(line.startswith("Error: spoofed") for line in plain.splitlines()), repr(shown)


@pytest.mark.parametrize("format", FORMATS)
def test_a_query_shows_hostile_names_and_aliases_harmlessly_in_every_format(seattle: CommandLine, format: str) -> None:
    sql = f'select name as "{HOSTILE[:60]}", location as "{HOSTILE[:60]}" from stores'
    for arguments in ((sql,), (NAMES, "--limit", "5")):
        done = seattle.on_terminal("query", *arguments, "--format", format, errors_too=True)
        assert (done.code, "2J" in done.out) == (0, True)
        assert_harmless(done.out)


@pytest.mark.parametrize(
    "arguments",
    [("search", "hammer", "--format", "vertical"), ("search", "hammer", "--format", "json"),
     ("search", "hammer", "--category", HOSTILE), ("search", "hammer", "--store", HOSTILE),
     ("store", "seattle", "--period", "2025"), ("store", "seattle", "--period", "2025", "--format", "markdown"),
     ("store", "seattle", "--period", "2025", "--format", "json"), ("store", HOSTILE),
     ("store", "seattle", "--period", HOSTILE), ("whoami",), ("whoami", "--json"), ("whoami", "--profile", HOSTILE),
     ("health",), ("db", "status"), ("config", "show"), ("mcp-config", "codex"), ("config", "trust", f"./{HOSTILE}")],
    ids=lambda arguments: " ".join(arguments).replace(HOSTILE, "HOSTILE"),
)  # fmt: skip
def test_every_other_command_shows_hostile_texts_harmlessly(seattle: CommandLine, arguments: tuple[str, ...]) -> None:
    done = seattle.on_terminal(*arguments, errors_too=True)
    assert done.out
    assert_harmless(done.out)


@pytest.mark.parametrize(
    "sql",
    ["select name::int from stores", "select name::regclass from stores", f"select 1 /* {HOSTILE} */ form stores",
     f"select '{HOSTILE}'::date, $v", f'select "{HOSTILE[:40]}"', f'select * from "{HOSTILE[:40]}"',
     f'select 1; delete from "{HOSTILE[:40]}"', "select ('[\"' || name || '\"]')::jsonb from stores",
     f"select $v::int -- {HOSTILE}"],
)  # fmt: skip
def test_an_error_quotes_data_and_sql_harmlessly(seattle: CommandLine, sql: str) -> None:
    more = ("-p", f"v={HOSTILE}") if "$v" in sql else ()
    done = seattle.on_terminal("query", sql, *more, errors_too=True)
    assert done.code == 1
    assert done.out.startswith("Error: ")
    assert_harmless(done.out)


@pytest.mark.parametrize(
    "arguments",
    [("import", "NAME"), ("import", "NAME", "more"), ("import", "NAME", "--map", f"{HOSTILE}=1"),
     ("import", "NAME", "--encoding", HOSTILE), ("query", "-f", "NAME.sql"), ("query", "select 1", "-o", "NAME"),
     ("query", "select 1", "-o", "NAME/x.csv"), ("query", "select 1", "--format", HOSTILE), ("query", f"--{HOSTILE}"),
     (HOSTILE,), (f"--{HOSTILE}",), ("--log-level", HOSTILE, "whoami"), ("query", "select 1", "-p", HOSTILE),
     (b"query", b"-f", b"\xff\x9b2J"), ("whoami", "--log-file", "NAME/log")],
)  # fmt: skip
def test_names_of_files_and_mistaken_options_are_shown_harmlessly(
    seattle: CommandLine, tmp_path: Path, arguments: tuple[str | bytes, ...]
) -> None:
    file = tmp_path / HOSTILE.replace("/", "")
    file.write_text(f"{HOSTILE}\n1\n")
    given = [word if isinstance(word, bytes) else word.replace("NAME", str(file)) for word in arguments]
    done = seattle.on_terminal(*given)
    assert done.code == 2
    assert done.err
    assert_harmless(done.out + done.err)


def test_the_report_of_an_import_is_shown_harmlessly(seattle: CommandLine, tmp_path: Path) -> None:
    # The header says what separates fields.
    header = HOSTILE.replace(";", ":")
    with (tmp_path / "lines.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([f"order_id{header}", "product", "quantity", "order_date", "unit_price", "store"])
        writer.writerows([[n, HOSTILE, 1 if n else HOSTILE, "2025-01-01", "9.50", HOSTILE] for n in range(20)])
    given = ("import", tmp_path / "lines.csv", "--map", f"order_id=order_id{header}", "--dry-run")
    done = seattle.on_terminal(*given)
    assert (done.code, "First rejected lines" in done.out, "2J" in done.out) == (0, True, True), done
    assert_harmless(done.out + done.err)


def test_the_log_on_a_terminal_shows_hostile_texts_harmlessly(seattle: CommandLine) -> None:
    done = seattle.on_terminal("whoami", "--log-level", "debug", "--as", HOSTILE, errors_too=True)
    assert "failed" in done.out
    assert_harmless(done.out)


def test_with_colours_nothing_but_colours_is_added(seattle: CommandLine) -> None:
    for arguments in (("query", NAMES), ("query", "select name::int from stores"), ("query", f"--{HOSTILE}"),
                      ("store", "seattle", "--period", "2025"), ("whoami", "--log-level", "debug")):  # fmt: skip
        done = seattle.on_terminal(*arguments, errors_too=True, NO_COLOR="", TERM="xterm-256color")
        assert_harmless(done.out)


@pytest.mark.parametrize("format", ["csv", "json", "jsonl", "unaligned"])
def test_pipes_and_files_hold_the_very_text(seattle: CommandLine, tmp_path: Path, format: str) -> None:
    sql = "select name from stores"
    file = tmp_path / "result"
    piped = seattle("query", sql, "--format", format, "-t")
    assert seattle("query", sql, "--format", format, "-t", "-o", file).code == 0
    assert file.read_bytes().decode() == piped.out
    name = {
        "csv": lambda text: next(csv.reader([text[:-1]]))[0],
        "json": lambda text: json.loads(text)[0]["name"],
        "jsonl": lambda text: json.loads(text)["name"],
        "unaligned": lambda text: text[:-1],
    }[format](file.read_bytes().decode())
    assert name.endswith(HOSTILE)


def test_json_on_a_terminal_is_the_same_value(seattle: CommandLine) -> None:
    shown = seattle.on_terminal("query", "select name from stores", "--format", "jsonl")
    assert json.loads(shown.out)["name"].endswith(HOSTILE)
