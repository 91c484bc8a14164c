"""Files that hold secrets: readable by their owner alone, never half written, noticed when they change."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.log import logger

LOOK_SECONDS = 1.0
"""How long a running process goes without asking whether a file was replaced."""

T = TypeVar("T")


def read_private(path: Path) -> str:
    """The text of a file that nobody else can read; ConfigurationError otherwise."""
    try:
        with path.open(encoding="ascii") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o077:
                raise ConfigurationError(f"The key file {path} can be read by others.", hint=f"Run: chmod 600 '{path}'")
            return stream.read()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise ConfigurationError(
            f"The key file {path} cannot be read: {reason}.", hint="Check that it is there and yours."
        ) from None


def create_private(path: Path, text: str) -> None:
    """Writes a new file (0600); errors as for `new_private`."""
    with new_private(path) as write:
        write(text)


@contextmanager
def new_private(path: Path) -> Generator[Callable[[str], None]]:
    """A new file (0600), there before the block makes what nobody can make twice; gone again when the block fails.

    ConfigurationError when there is one already or it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path} exists already.", hint="Name a file that does not exist.") from None
    except OSError as exc:
        raise _unwritable(path, exc) from None

    def write(text: str) -> None:
        try:
            _write(os.dup(handle), text)
            _sync_folder(path.parent)
        except OSError as exc:
            raise _unwritable(path, exc) from None

    try:
        yield write
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def replace_private(path: Path, text: str) -> None:
    """Writes a file (0600) so that whoever opens it, at whatever moment, finds the old text or the new one."""
    partial: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        _write(handle, text)
        Path(partial).replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        raise _unwritable(path, exc) from None


class WatchedFile(Generic[T]):
    """What a private file says, read again after it was replaced; `generation` grows each time."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self.path = path
        self.generation = 0
        self._parse = parse
        self._value: T | None = None
        self._seen: tuple[int, int, int] | None = None
        self._look_again = 0.0

    def value(self, *, at_once: bool = False) -> T:
        """What it says; at most LOOK_SECONDS old, or not at all with `at_once`.

        Raises ConfigurationError when it could not be read from the beginning. A file that is spoilt later
        changes nothing in a process that has read it.
        """
        if self._value is None or at_once or time.monotonic() >= self._look_again:
            self._look_again = time.monotonic() + LOOK_SECONDS
            self._look()
        assert self._value is not None
        return self._value

    def _look(self) -> None:
        seen = None
        with suppress(OSError):
            found = self.path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._value is not None and seen in (None, self._seen):
            return
        try:
            self._value = self._parse(read_private(self.path))
        except ConfigurationError:
            if self._value is None:
                raise
            logger().warning("key file cannot be used, going on with what it said before", file=str(self.path))
        else:
            self.generation += 1
        self._seen = seen


def _write(handle: int, text: str) -> None:
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes a new name in a folder survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be written: {exc.strerror}.", hint="Name a file in a folder where you may write."
    )
