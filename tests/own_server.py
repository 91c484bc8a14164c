"""An embedded server of a test's own, to be stopped, killed and starved of room."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from zava_cli.data.driver_errors import translated
from zava_cli.data.embedded import SUPERUSER, EmbeddedServer
from zava_cli.infra.errors import DatabaseUnavailableError


def short_folder() -> Path:
    """A new folder with a path that is short enough for a socket, and open to the server's user."""
    folder = Path(tempfile.mkdtemp(prefix="z-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None))
    folder.chmod(0o711)
    return folder


def remove(folder: Path) -> None:
    """Stops what runs below the folder and removes it."""
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
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text())


def kill_all(server: EmbeddedServer) -> None:
    """Ends the server and everything that works for it, as the loss of power does."""
    postmaster = psutil.Process(pid_of(server))
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=30)


def wait_until(happened: Callable[[], bool]) -> None:
    """Waits, and fails when it takes too long."""
    for _ in range(3000):
        with suppress(OSError):
            if happened():
                return
        time.sleep(0.01)
    pytest.fail("it did not happen within 30 s")


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
