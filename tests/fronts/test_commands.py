"""What holds for every command: an example, help for each option, and one place where errors end."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.command_line import CommandLine
from zava_cli import __version__
from zava_cli.commands import runtime
from zava_cli.commands.exit_codes import ExitCode
from zava_cli.commands.main import COMMANDS as ENTRIES
from zava_cli.commands.main import app
from zava_cli.commands.shell import ErrorBoundary, ZavaCommand
from zava_cli.infra.errors import (
    AuthorizationError,
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    MCPError,
    QueryRefusedError,
    QueryTimeoutError,
    ValidationError,
)
from zava_cli.infra.log import configure_logging

SECRET = "postgresql://zava:correct-horse-battery@db/zava"


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(_walk(typer.main.get_command(app), "zava"))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_explains_itself_in_one_line_and_shows_an_example(path: str) -> None:
    first, *rest = (COMMANDS[path].help or "").replace("\\$", "$").split("\n")
    assert first.endswith(".")
    examples = [line for line in rest if line.startswith("Example: ")]
    assert examples
    assert all(path in example for example in examples)
    # Help joins the lines of a paragraph.
    assert all(before == "" for before, line in pairwise(rest) if line in examples)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    assert ENTRIES[name].help == typer.main.get_command(app).commands[name].help.split("\n")[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_and_argument_has_help(path: str) -> None:
    without = [p.name for p in COMMANDS[path].params if not p.help and p.param_type_name == "option"]
    without += [p.name for p in COMMANDS[path].params if p.param_type_name == "argument" and not p.help]
    assert without == []


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_takes_the_common_options_and_is_a_plain_function(path: str) -> None:
    names = {name for p in COMMANDS[path].params for name in p.opts}
    assert {"--as", "--profile", "-P", "--data-dir", "--log-level", "--log-file"} <= names
    assert not inspect.iscoroutinefunction(inspect.unwrap(COMMANDS[path].callback))


@pytest.mark.parametrize("path", COMMANDS)
def test_whatever_can_write_json_does_so_with_one_flag(path: str) -> None:
    names = {name for p in COMMANDS[path].params for name in p.opts}
    assert "--format" not in names or "--json" in names


def test_a_text_without_quotes_is_told_to_have_some() -> None:
    done = CommandLine()("search", "waterproof", "box", "--as", "seattle")
    assert (done.code, done.err.splitlines()[-1]) == (
        2, "Error: Got unexpected extra argument(s) (box). Put a text of several words between quotes."
    )  # fmt: skip


def test_what_takes_no_text_says_nothing_of_quotes() -> None:
    assert CommandLine()("health", "box").err.splitlines()[-1] == "Error: Got unexpected extra argument(s) (box)"


@pytest.mark.parametrize(
    "command",
    [["audit"], ["search", "box"], ["similar", "sku"], ["stats"], ["token", "list"], ["health"], ["store", "x"],
     ["security", "prove"]],
)  # fmt: skip
def test_formats_that_contradict_each_other_are_refused(command: list[str], tmp_path: Path) -> None:
    other = "csv" if command[0] in ("audit", "search", "similar", "stats", "token") else "table"
    done = CommandLine()(*command, "--json", "--format", other, "--data-dir", tmp_path / "none")
    assert (done.code, done.out) == (2, "")
    assert " contradict each other" in done.err


@pytest.mark.parametrize("program", [[sys.executable, "-m", "zava_cli"], [str(Path(sys.executable).with_name("zava"))]])
def test_zava_runs_as_a_module_and_as_a_program(program: list[str]) -> None:
    assert subprocess.check_output([*program, "--version"], text=True) == f"zava {__version__}\n"


def test_shell_completion_offers_the_commands() -> None:
    environment = {**os.environ, "_ZAVA_COMPLETE": "complete_bash", "COMP_WORDS": "zava q", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-m", "zava_cli"], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["query"]
    # Otherwise the shell that started the tests decides, where there is one.
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = subprocess.run(
        [sys.executable, "-m", "zava_cli", "--show-completion", "bash"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "_ZAVA_COMPLETE=complete_bash" in shown.stdout


def test_settings_show_their_origin_and_hide_secrets_from_every_source(tmp_path: Path) -> None:
    (tmp_path / "zava.toml").write_text(f'admin_url = "{SECRET}"\n[profiles.shop]\napplication_name = "till"\n')
    (tmp_path / ".env").write_text(f"ZAVA_MASTER_KEY={'ab' * 32}\nOPENAI_API_KEY=sk-correct-horse-battery\n")
    zava = CommandLine(folder=tmp_path)
    assert zava("config", "trust", tmp_path).code == 0
    for arguments in (("config", "show"), ("config", "show", "--json")):
        done = zava(
            *arguments, "-P", "shop",
            ZAVA_DATABASE_URL=SECRET, ZAVA_EMBEDDING_BASE_URL="https://me:correct-horse-battery@models.example/v1",
        )  # fmt: skip
        ignored = "Note: ignored openai_api_key from .env: put it into the environment or the keyring.\n"
        assert (done.code, done.err) == (0, ignored)
        assert "correct-horse" not in done.out
        assert "abab" not in done.out
    shown = {row["setting"]: (row["value"], row["origin"]) for row in json.loads(done.out)}
    assert shown["profile"] == ("shop", "flag")
    assert shown["application_name"] == ("till", "zava.toml")
    assert shown["admin_url"] == ("********", "zava.toml")
    assert shown["database_url"] == ("********", "environment")
    assert shown["master_key"] == ("********", ".env")
    assert shown["embedding_base_url"] == ("https://********@models.example/v1", "environment")
    assert zava("config", "distrust", tmp_path).code == 0


def test_what_an_untrusted_folder_says_is_passed_over_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "zava.toml").write_text(f'database_url = "{SECRET}"\n')
    done = CommandLine(folder=tmp_path)("config", "show", "--json")
    assert done.err == "Note: ignored zava.toml: this folder is not trusted (zava config trust).\n"
    assert {row["setting"]: row["origin"] for row in json.loads(done.out)}["database_url"] == "default"


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(["--log-level", "loud"], {}), (["-P", "No Such!"], {}), ([], {"ZAVA_POOL_MAX": "many"}),
     ([], {"ZAVA_DATABASE_URL": "mysql://zava:correct-horse-battery@db/zava"}),
     (["--log-file", "/nowhere/zava.log"], {})],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_ends_with_2(arguments: list[str], variables: dict[str, str]) -> None:
    done = CommandLine()("config", "show", *arguments, **variables)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")
    assert "correct-horse" not in done.err


# The boundary, with a command that fails on purpose


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """The log of this process is as it was for whatever test comes next."""
    yield
    configure_logging("warning", None)


def run_failing(error: BaseException, *arguments: str, inside: bool = True) -> Any:
    """The end of a command that raises."""
    failing = typer.Typer(cls=ErrorBoundary, pretty_exceptions_show_locals=False)

    @failing.callback()
    def begin() -> None:
        configure_logging("warning", None)

    @failing.command(cls=ZavaCommand)
    def fail() -> None:
        dsn = SECRET

        async def work() -> None:
            assert dsn
            raise error

        if not inside:
            raise error
        runtime.run(work)

    return CliRunner().invoke(failing, ["fail", *arguments])


@pytest.mark.parametrize(
    ("error", "code"),
    [(MCPError("x"), ExitCode.FAILURE), (AuthorizationError("x"), ExitCode.FAILURE),
     (DatabaseError("x"), ExitCode.FAILURE), (QueryRefusedError("x", "y", hint="z"), ExitCode.FAILURE),
     (ConfigurationError("x"), ExitCode.USAGE), (ValidationError("x", 1, "y"), ExitCode.USAGE),
     (DatabaseUnavailableError("x"), ExitCode.UNAVAILABLE), (QueryTimeoutError("x"), ExitCode.TIMEOUT),
     (KeyboardInterrupt(), ExitCode.INTERRUPTED), (KeyError("x"), ExitCode.FAILURE)],
)  # fmt: skip
@pytest.mark.parametrize("inside", [True, False])
def test_every_kind_of_error_has_its_exit_code(error: BaseException, code: ExitCode, inside: bool) -> None:
    done = run_failing(error, inside=inside)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr


@pytest.mark.parametrize("inside", [True, False])
def test_an_unforeseen_error_shows_a_reference_and_nothing_of_itself(inside: bool) -> None:
    done = run_failing(RuntimeError(SECRET), inside=inside)
    assert "correct-horse" not in done.output
    assert "Traceback" not in done.output
    assert "reference " in done.stderr


def test_the_log_file_has_the_traceback_of_that_reference_without_local_variables(tmp_path: Path) -> None:
    log = tmp_path / "zava.log"
    done = run_failing(RuntimeError("boom"), "--log-file", str(log))
    reference = done.stderr.split("reference ")[1].split(")")[0]
    assert done.stderr.startswith("Error: Something unexpected went wrong (reference ")
    [entry] = [line for line in map(json.loads, log.read_text().splitlines()) if line["request_id"] == reference]
    assert entry["exception"][0]["exc_type"] == "RuntimeError"
    assert any(frame["name"] == "work" for frame in entry["exception"][0]["frames"])
    assert "correct-horse" not in log.read_text()
