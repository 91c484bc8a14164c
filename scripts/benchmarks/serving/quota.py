"""Holds processes to a part of a core each, by control groups: what they talk to then has cores left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")
PERIOD = 10_000
"""Microseconds; short, so that a process that has used its part up does not keep a connection for long."""


def can_hold() -> bool:
    """Whether this user may make such groups."""
    folder = _controller()
    if not os.access(folder, os.W_OK):
        return False
    return folder != GROUPS or "cpu" in (GROUPS / "cgroup.subtree_control").read_text().split()


@contextmanager
def held(processes: Sequence[psutil.Process], cores: float) -> Iterator[None]:
    """Gives each of them so much of a core for the block."""
    parent = _controller()
    groups = {parent / f"zava-bench-{process.pid}": process for process in processes}
    try:
        for group, process in groups.items():
            group.mkdir()
            _bound(group, int(PERIOD * cores))
            (group / "cgroup.procs").write_text(str(process.pid))
        yield
    finally:
        for group in filter(Path.is_dir, groups):
            for pid in (group / "cgroup.procs").read_text().split():
                (parent / "cgroup.procs").write_text(pid)
            group.rmdir()


def _controller() -> Path:
    """The folder of the first version's controller where there is one; the second version has one for all."""
    first = GROUPS / "cpu"
    return first if first.is_dir() else GROUPS


def _bound(group: Path, microseconds: int) -> None:
    # The greatest weights: otherwise a group is worth as much as any other process, and may not get its part.
    first = {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": microseconds, "cpu.shares": 262_144}
    second = {"cpu.max": f"{microseconds} {PERIOD}", "cpu.weight": 10_000}
    for name, value in (second if (group / "cpu.max").exists() else first).items():
        (group / name).write_text(str(value))
