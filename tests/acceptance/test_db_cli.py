"""`zava db` as a process, on a server of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import ZAVA, CommandLine
from zava_cli.data.embedded import EmbeddedServer

MIGRATIONS = sorted((Path(__file__).resolve().parents[2] / "zava_cli/data/migrations").glob("*.sql"))


@pytest.fixture(scope="module")
def machine() -> Iterator[Path]:
    """The data directory of a machine that never ran zava."""
    folder = Path(tempfile.mkdtemp(prefix="z-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None))
    folder.chmod(0o711)
    yield folder
    EmbeddedServer(folder, 18).stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def zava(machine: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on that machine."""
    monkeypatch.setenv("ZAVA_DATA_DIR", str(machine))
    return CommandLine()


def test_start_status_and_stop_say_what_is_so(zava: CommandLine, machine: Path) -> None:
    def is_running() -> bool:
        return json.loads(zava("db", "status", "--json").out)["running"]

    assert zava("db", "start").out == "Started.\n"
    assert zava("db", "start").out == "Already running.\n"
    assert is_running()
    shown = zava("db", "status").out
    assert str(machine / "postgresql-18") in shown
    assert "embedded PostgreSQL 18" in shown
    assert zava("db", "stop").out == "Stopped.\n"
    assert zava("db", "stop").out == "Not running.\n"
    assert not is_running()


def test_migrate_prints_what_would_run_runs_it_and_then_has_nothing_to_do(zava: CommandLine) -> None:
    printed = zava("db", "migrate", "--sql", "-P", "new")
    assert (printed.code, printed.err) == (0, "")
    assert [line for line in printed.out.splitlines() if line.startswith("-- 0")] == [
        f"-- {m.name}" for m in MIGRATIONS
    ]
    assert "CREATE TABLE retail.orders (" in printed.out
    assert re.search(r"@\{[a-z]", printed.out) is None
    assert "does not exist" in zava("db", "psql", "-P", "new", "--admin", "-c", "select 1").err
    applied = zava("db", "migrate", "-P", "new")
    assert (applied.code, applied.out) == (0, f"Applied {len(MIGRATIONS)} migrations.\n")
    assert zava("db", "migrate", "-P", "new").out == "Up to date.\n"
    again = zava("db", "migrate", "--sql", "-P", "new")
    assert (again.out, again.err) == ("", "Up to date: nothing would run.\n")


def test_a_database_that_was_never_set_up_is_said_with_the_way_out(zava: CommandLine) -> None:
    done = zava("query", "select 1", "--as", "seattle", "-P", "nothing")
    assert (done.code, done.out) == (2, "")
    assert "zava db migrate" in done.err


@pytest.mark.parametrize("command", [["query", "select 1"], ["seed"], ["db", "psql"], ["audit"]])
def test_a_mistaken_folder_is_not_filled_with_a_database(zava: CommandLine, machine: Path, command: list[str]) -> None:
    folder = machine / "mistaken"
    done = zava(*command, "--as", "seattle", "--data-dir", folder)
    assert (done.code, done.out) == (2, "")
    assert f"There is no database of PostgreSQL 18 in {folder}." in done.err
    assert not folder.exists()


def test_the_health_of_a_mistaken_folder_is_that_it_has_no_database(zava: CommandLine, machine: Path) -> None:
    folder = machine / "mistaken"
    done = zava("health", "--json", "--data-dir", folder)
    found = {component["component"]: component for component in json.loads(done.out)["components"]}
    assert (done.code, found["database"]["status"]) == (1, "fail")
    assert not {"socket folder", "disk"} & found.keys()
    assert not folder.exists()


def test_migrations_at_once_in_several_processes_all_end_well(zava: CommandLine) -> None:
    zava("db", "stop")
    started = [zava.start("db", "migrate", "-P", "many") for _ in range(3)]
    said = [(process.communicate(timeout=120), process.returncode) for process in started]
    assert [code for _, code in said] == [0, 0, 0], said
    assert sorted(out for (out, _), _ in said) == [f"Applied {len(MIGRATIONS)} migrations.\n", *["Up to date.\n"] * 2]


def test_queries_at_once_start_a_stopped_server_and_none_is_turned_away(zava: CommandLine) -> None:
    zava("db", "migrate", "-P", "asked")
    zava("db", "stop")
    started = [zava.start("query", "select 1", "--as", "nobody", "-P", "asked") for _ in range(4)]
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert ["exactly one manager" in error for error in errors] == [True] * 4, errors


def test_the_url_leads_other_tools_to_the_database(zava: CommandLine, machine: Path) -> None:
    zava("db", "migrate", "-P", "asked")
    psql = EmbeddedServer(machine, 18).programs / "psql"
    for arguments, user in ((["--admin"], "postgres"), ([], "zava_gateway")):
        url = zava("db", "url", "-P", "asked", *arguments).out.strip()
        assert subprocess.check_output([psql, url, "-Atc", "select current_user"], text=True) == f"{user}\n"


def test_psql_gets_its_arguments_and_gives_its_exit_code(zava: CommandLine) -> None:
    zava("db", "migrate", "-P", "asked")
    done = zava("db", "psql", "-P", "asked", "-At", "-c", "select session_user")
    assert (done.code, done.out) == (0, "zava_gateway\n")
    denied = zava("db", "psql", "-P", "asked", "-c", "select * from retail.orders")
    assert (denied.code, denied.out) == (1, "")
    assert "permission denied" in denied.err
    assert zava("db", "psql", "-P", "asked", "--admin", "-f", "-", stdin="\\quit").code == 0


@pytest.mark.parametrize("command", [["start"], ["stop"], ["url"], ["psql"]])
def test_a_server_of_ones_own_is_not_started_or_stopped(zava: CommandLine, command: list[str]) -> None:
    done = zava("db", *command, ZAVA_DATABASE_URL="postgresql://zava_gateway:correct-horse@db.example/zava")
    assert (done.code, done.out) == (2, "")
    assert "server of your own" in done.err
    assert "correct-horse" not in done.err


def test_the_administrators_work_on_ones_own_server_needs_a_login(zava: CommandLine) -> None:
    done = zava("db", "migrate", ZAVA_DATABASE_URL="postgresql://zava_gateway:correct-horse@db.example/zava")
    assert (done.code, "ZAVA_ADMIN_URL" in done.err, "correct-horse" in done.err) == (2, True, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_root_a_folder_below_root_is_refused_with_a_place_that_works() -> None:
    before = Path("/root").stat().st_mode
    done = CommandLine()("db", "start", "--data-dir", "/root/zava-test")
    assert (done.code, done.out) == (2, "")
    assert "/var/lib/zava" in done.err
    assert (Path("/root").stat().st_mode, Path("/root/zava-test").exists()) == (before, False)


def test_zava_without_a_command_shows_its_help() -> None:
    done = subprocess.run(ZAVA, capture_output=True, text=True)
    assert "Usage: " in done.stdout + done.stderr
