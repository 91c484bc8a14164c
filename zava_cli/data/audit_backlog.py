"""Audit records that the database has not taken yet: files of one profile, shared by all of its processes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from zava_cli.data.target import Target
from zava_cli.infra.log import logger
from zava_cli.infra.paths import make_passable

if TYPE_CHECKING:
    from filelock import FileLock

PART_BYTES = 4 << 20
"""Size at which a file is closed, so that each is replayed in one go."""
MOST_PARTS = 16
"""Further records are lost, and the log says so: a database that stays away must not fill the disk."""
LOCK_SECONDS = 5
PART = "part"


class Backlog:
    """Keeps records, one JSON text per line, until somebody replays them.

    Records are added to a file that is then put aside under a name of its own before it is read, so nobody waits
    for a replay. A file goes once the database has all of it; whoever is interrupted leaves it to the next, and
    the records' own ids keep what is sent twice from being there twice.
    """

    def __init__(self, target: Target) -> None:
        self._root = target.settings.data_dir
        self._may_be_mistaken = target.settings.is_embedded
        self._folder = self._root / "audit"
        self._name = f"{target.settings.profile}-{_place(target)}"

    @property
    def file(self) -> Path:
        """Where the next record goes."""
        return self._folder / f"{self._name}.jsonl"

    def waits(self) -> bool:
        """Whether there is anything to replay."""
        return self.file.exists() or bool(self._parts())

    def size(self) -> int:
        """Bytes that wait."""
        return sum(_size(path) for path in (self.file, *self._parts()))

    def is_full(self) -> bool:
        """Whether further records are lost."""
        return _size(self.file) > PART_BYTES and len(self._parts()) >= MOST_PARTS

    def add(self, lines: Sequence[str]) -> None:
        """Keeps records; where that is not possible they are lost, and the log says so."""
        if not lines:
            return
        try:
            self._add(lines)
        except OSError as exc:
            # A lock that somebody holds for too long is one of these too.
            logger().error("audit records lost", records=len(lines), reason=exc.strerror or type(exc).__name__)

    def take(self) -> list[Path]:
        """Files to replay, oldest first; from now on nothing is added to them."""
        with self._locked():
            self._put_aside()
        return self._parts()

    def _add(self, lines: Sequence[str]) -> None:
        if self._may_be_mistaken and not self._root.exists():
            # Then there was no database to ask, and a folder that somebody mistook is not made.
            return
        # First, since a data directory that only its owner can pass would lock the embedded server out.
        make_passable(self._root)
        self._folder.mkdir(exist_ok=True, mode=0o700)
        with self._locked():
            if self.is_full():
                raise OSError(errno.EDQUOT, "too many records wait for the database")
            handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as stream:
                # On a line of their own, also after a process that died while it wrote.
                stream.write("\n".join(["", *lines, ""]).encode())
                stream.flush()
                os.fsync(stream.fileno())
                is_full = stream.tell() > PART_BYTES
            if is_full and len(self._parts()) < MOST_PARTS:
                self._put_aside()

    def _put_aside(self) -> None:
        if self.file.exists():
            self.file.rename(self._folder / f"{self._name}.{uuid.uuid4().hex}.{PART}")

    def _parts(self) -> list[Path]:
        if not os.access(self._folder, os.R_OK | os.X_OK):
            return []
        return sorted(self._folder.glob(f"{self._name}.*.{PART}"), key=_age)

    def _locked(self) -> FileLock:
        from filelock import FileLock

        return FileLock(self._folder / f"{self._name}.lock", timeout=LOCK_SECONDS, mode=0o600)


def readable_lines(path: Path) -> list[str]:
    """The records of a file; a line that was cut off in the middle is passed over."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        # Another process has replayed it meanwhile.
        return []
    return [line for line in text.split("\n") if _is_record(line)]


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (FileNotFoundError, PermissionError):
        return 0


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0


def _place(target: Target) -> str:
    """Stands for the database, without its login: records never reach another one that the profile is turned to."""
    url = urlsplit(target.gateway_dsn)
    place = [url.netloc.rpartition("@")[2], url.path, *parse_qs(url.query).get("host", [])]
    return hashlib.sha256("|".join(place).encode()).hexdigest()[:12]
