"""A real PgBouncer in transaction mode in front of a test's database, with one connection for everybody."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.own_server import short_folder
from zava_cli.data.embedded_programs import SYSTEM_USER
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings

PASSWORD = "pa55-of-the-gateway"


def pgbouncer() -> str:
    """The program; skips the test where there is none."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip("pgbouncer is not installed")
    return found


@contextmanager
def folder_of_a_pooler() -> Iterator[Path]:
    """Where one can live; skips the test where there is none."""
    pgbouncer()
    folder = short_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pooled(target: Target, folder: Path, *, size: int = 1, mode: str = "transaction") -> Iterator[Target]:
    """The database behind a pooler that logs in with SCRAM and has so many connections to it."""
    assert target.embedded is not None
    port = _free_port()
    (folder / "users.txt").write_text(f'"{target.roles.gateway}" "{PASSWORD}"\n')
    (folder / "pgbouncer.ini").write_text(f"""
[databases]
{target.embedded_database} = host={target.embedded.socket_folder} port=5432
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder / "users.txt"}
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
logfile = {folder / "pgbouncer.log"}
""")
    # It refuses to run as root, and the server's folder is open to the server's user alone.
    is_root = os.geteuid() == 0
    if is_root:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, SYSTEM_USER, pwd.getpwnam(SYSTEM_USER).pw_gid)
    command = [pgbouncer(), "-q", *(["-u", SYSTEM_USER] if is_root else []), str(folder / "pgbouncer.ini")]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait(port, folder)
            yield _through(target, port)
        finally:
            process.kill()


def _through(target: Target, port: int) -> Target:
    assert target.embedded is not None
    own = {
        "database_url": f"postgresql://{target.roles.gateway}:{PASSWORD}@127.0.0.1:{port}/{target.embedded_database}",
        "admin_url": target.admin_dsn,
        "prepared_statements": False,
    }
    return Target(Settings.model_validate({**target.settings.model_dump(exclude_unset=True), **own}))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(port: int, folder: Path) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    log = folder / "pgbouncer.log"
    pytest.fail(f"pgbouncer did not start: {log.read_text() if log.exists() else 'no log'}")
