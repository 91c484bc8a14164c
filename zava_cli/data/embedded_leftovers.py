"""What a server that died leaves in the way of its next start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ORPHAN_SECONDS = 10


def forget_dead_server(data: Path, lock: Path) -> None:
    """Removes pid file and socket lock of a cluster's server that died, once its last backend has noticed and gone."""
    import psutil

    pid_file = data / "postmaster.pid"
    try:
        # After a reboot the number may belong to any other program.
        is_alive = _serves(psutil.Process(int(pid_file.read_text().split("\n", 1)[0])), data)
    except FileNotFoundError:
        return
    except (psutil.Error, ValueError):
        is_alive = False
    if is_alive:
        return
    _, busy = psutil.wait_procs(_backends(data), timeout=ORPHAN_SECONDS)
    for backend in busy:
        backend.terminate()
    psutil.wait_procs(busy, timeout=ORPHAN_SECONDS)
    for leftover in (pid_file, lock):
        leftover.unlink(missing_ok=True)


def _backends(data: Path) -> list[Any]:
    import psutil

    found: list[Any] = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and _serves(process, data):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _serves(process: Any, data: Path) -> bool:
    """Whether a process serves this cluster; where nobody may look, every PostgreSQL process counts."""
    import psutil

    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    try:
        return Path(process.cwd()) == data.resolve()
    except psutil.AccessDenied:
        return process.name() == "postgres"
