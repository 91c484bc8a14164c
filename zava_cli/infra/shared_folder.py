"""The folder in which the processes of one server add up what each of them counts."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from zava_cli.infra.errors import ConfigurationError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""By it prometheus_client decides, when it is first imported, that there are several processes."""
PREFIX = "zava-metrics-"
PLACE = "place-"
KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemax")
"""What prometheus_client keeps in a file of each process; for gauges each mode has one."""
FILE_BYTES = 1 << 18
"""Twice of what every operation with every outcome, error and kind of statement takes: they never have to grow."""


@contextmanager
def shared_by_processes() -> Generator[Path]:
    """A folder for the processes that are started in the block, which nobody else can read; it goes at the end."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[VARIABLE]
            if before is not None:
                os.environ[VARIABLE] = before


def shared_folder() -> Path | None:
    """That folder in one of those processes; None in one that is alone."""
    folder = Path(os.environ.get(VARIABLE, ""))
    if folder.name.startswith(PREFIX):
        return folder
    # Whatever program started this one counts its own things there.
    os.environ.pop(VARIABLE, None)
    return None


def reserve(folder: Path) -> None:
    """Takes the room for what this process will count; ConfigurationError where there is none.

    prometheus_client writes by memory maps of files with holes, and a full disk would end the process with SIGBUS.
    """
    for kind in KINDS if sys.platform != "darwin" else ():
        with (folder / f"{kind}_{os.getpid()}.db").open("ab") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
            except OSError as exc:
                if exc.errno in {errno.EOPNOTSUPP, errno.EINVAL}:
                    # This file system gives no such promise.
                    continue
                raise ConfigurationError(
                    f"There is no room for what a worker counts in {folder.parent}: {exc.strerror}.",
                    hint="Free some, let TMPDIR name another folder, or serve with --workers 1.",
                ) from None


def take_place(folder: Path) -> int:
    """The lowest number from 1 that no other of those processes has; this one has it until it is forgotten."""
    for place in count(1):
        try:
            with (folder / f"{PLACE}{place}").open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            continue
        return place
    raise AssertionError


def places(folder: Path) -> dict[int, int]:
    """The process at each of those numbers."""
    found: dict[int, int] = {}
    for file in folder.glob(f"{PLACE}*"):
        # One that is forgotten just now, or that another process has made and not filled in.
        with suppress(FileNotFoundError, ValueError):
            found[int(file.name.removeprefix(PLACE))] = int(file.read_text())
    return dict(sorted(found.items()))


def forget_process(folder: Path, pid: int) -> None:
    """For whoever saw one of those processes end: it no longer has connections or records that wait.

    What it counted stays, and the room that it had for more is given back.
    """
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid, str(folder))
    for file in folder.glob(f"*_{pid}.db"):
        # Each begins with how much of it is used; without that much the library cannot read it.
        used = int.from_bytes(file.read_bytes()[:4], sys.byteorder)
        os.truncate(file, max(8, used))
    for place, process in places(folder).items():
        if process == pid:
            (folder / f"{PLACE}{place}").unlink(missing_ok=True)
