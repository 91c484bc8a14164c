"""The folder in which the processes of one server add up what each of them counts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""By it prometheus_client decides, when it is first imported, that there are several processes."""
PREFIX = "zava-metrics-"


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


def forget_process(folder: Path, pid: int) -> None:
    """For whoever saw one of those processes end: it no longer has connections or records that wait."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid, str(folder))
