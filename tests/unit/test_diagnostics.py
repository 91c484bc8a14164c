"""What stands on stderr when something went wrong, and the exit code beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from zava_cli.commands.diagnostics import note, progress, query_excerpt, report
from zava_cli.commands.exit_codes import ExitCode, exit_code_for
from zava_cli.infra.errors import (
    AuthorizationError,
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    DatabaseUnusableError,
    EmbeddingError,
    InternalError,
    MCPError,
    QueryRefusedError,
    QueryTimeoutError,
    ValidationError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), 2),
        (ValidationError("limit", 0, "too small"), 2),
        (DatabaseUnavailableError("x"), 3),
        (DatabaseUnusableError("x"), 2),
        (QueryTimeoutError("x"), 4),
        (DatabaseError("x"), 1),
        (QueryRefusedError("x", "INSERT", hint="y"), 1),
        (AuthorizationError("x"), 1),
        (EmbeddingError("x"), 1),
        (InternalError("abc"), 1),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: MCPError, code: int) -> None:
    assert exit_code_for(error) == code


def test_every_exit_code_is_explained() -> None:
    assert {code.value: bool(code.description) for code in ExitCode} == dict.fromkeys((0, 1, 2, 3, 4, 130, 143), True)


def test_an_error_shows_message_place_detail_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    error = DatabaseError(
        'column "nam" does not exist',
        "select store_id,\n       nam\nfrom stores",
        hint='Perhaps you meant "name".',
        detail="first\nsecond",
        position=25,
    )
    report(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        'Error: column "nam" does not exist\n'
        "LINE 2:        nam\n"
        "               ^\n"
        "Detail: first\n  second\n"
        'Hint: Perhaps you meant "name".\n'
    )


def test_server_text_can_neither_steer_the_terminal_nor_fake_a_hint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(MCPError("bad \x1b[31m[bold]\u202e\nHint: run rm"))
    assert capsys.readouterr().err == "Error: bad \\x1b[31m[bold]\\u202e\n  Hint: run rm\n"


@pytest.mark.parametrize(
    ("query", "position", "shown"),
    [
        ("select x", 8, ["LINE 1: select x", "               ^"]),
        ("select", 7, ["LINE 1: select", "              ^"]),
        ("\tselect\tx", 9, ["LINE 1:     select    x", "                      ^"]),
        ("select '木', x", 13, ["LINE 1: select '木', x", " " * 21 + "^"]),
        ("a\r\nb\x07 c\r\nd", 7, ["LINE 2: b\\x07 c", "              ^"]),
        ("select x", 10, []),
        ("select x", 0, []),
    ],
)
def test_the_caret_stands_under_the_place(query: str, position: int, shown: list[str]) -> None:
    assert query_excerpt(query, position, 80) == shown


@pytest.mark.parametrize("position", [1, 20, 251, 485, 501])
def test_a_long_line_is_cut_around_the_place(position: int) -> None:
    query = "".join(chr(0x4E00 + number) if number % 5 == 0 else "x" for number in range(position - 1)) + "@"
    query = query.ljust(501, "y")
    from rich.cells import cell_len, set_cell_size

    line, caret = query_excerpt(query, position, 60)
    assert cell_len(line) <= 60
    before = set_cell_size(line, caret.index("^"))
    assert line[len(before)] == "@"
    assert ("..." in line[:12], line.endswith("...")) == (position > 26, position < 485)


def test_notes_go_to_stderr_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    note("(500 rows of more; [b]--limit 0[/b] shows all) " + "x" * 200)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (
        "",
        "(500 rows of more; [b]--limit 0[/b] shows all) " + "x" * 200 + "\n",
    )


def test_progress_is_silent_when_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as on_progress:
        on_progress("Embedding", 10, 20)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], str]:
    """Runs a function with a real terminal as stderr and returns what the terminal received."""

    def run(function: Callable[[], None]) -> str:
        monkeypatch.setenv("TERM", "xterm-256color")
        controller, terminal = os.openpty()
        with os.fdopen(terminal, "w") as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            function()
        received = b""
        # Linux reports a terminal that nobody has open any more as EIO, not as an end of file.
        with os.fdopen(controller, "rb", buffering=0) as screen, suppress(OSError):
            while piece := screen.read(65_536):
                received += piece
        return received.decode()

    return run


def test_progress_shows_its_text_on_a_terminal(on_terminal: Callable[[Callable[[], None]], str]) -> None:
    def load() -> None:
        with progress() as on_progress:
            on_progress("Embedding [x]", 10, 20)

    assert "Embedding [x]" in on_terminal(load)


def test_errors_are_coloured_on_a_terminal_unless_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch, on_terminal: Callable[[Callable[[], None]], str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in on_terminal(lambda: report(MCPError("no")))
    monkeypatch.setenv("NO_COLOR", "1")
    assert on_terminal(lambda: report(MCPError("no"))) == "Error: no\r\n"


def test_importing_the_output_modules_does_not_import_rich_or_pyarrow() -> None:
    program = (
        "import sys, zava_cli.commands.diagnostics, zava_cli.commands.output.console\n"
        "import zava_cli.commands.output.table, zava_cli.commands.output.parquet\n"
        "raise SystemExit(', '.join({'rich', 'pyarrow', 'asyncpg'} & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.stderr.strip() == ""
