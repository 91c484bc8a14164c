"""Where output goes: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from zava_cli.commands.exit_codes import ExitCode
from zava_cli.infra.errors import ConfigurationError

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextmanager
def open_output(path: Path | None) -> Generator[BinaryIO]:
    """A binary stream to `path`, or to standard output for None and `-`.

    A file is written beside its final place and renamed over it when the block ends well; on any error or
    interrupt the old file stays as it was. Devices and named pipes are written directly. A reader of
    standard output that goes away (`| head`) ends the program quietly. Raises ConfigurationError when the
    place cannot be written to.
    """
    if path is None or str(path) == "-":
        with _standard_output() as out:
            yield out
        return
    target = path.expanduser().resolve()
    try:
        with _direct(path) if _is_device(path) else _atomic(target) as out:
            yield out
    except OSError as error:
        if isinstance(error, _CannotWriteError) or error.errno in _DISK_ERRORS:
            raise _refusal(path, error) from error
        raise


def is_terminal(path: Path | None) -> bool:
    """Whether what is written to `path`, or to standard output for None and `-`, goes to a terminal."""
    if path is None or str(path) == "-":
        return sys.stdout.isatty()
    try:
        if not path.is_char_device():
            return False
        with path.open("wb", buffering=0) as device:
            return device.isatty()
    except OSError:
        # open_output says what is wrong with it.
        return False


class _CannotWriteError(OSError):
    """The place itself failed, as opposed to an OSError of the code that produces the rows."""


@contextmanager
def _standard_output() -> Generator[BinaryIO]:
    out = sys.stdout.buffer
    try:
        sys.stdout.flush()
        yield out
        out.flush()
    except BrokenPipeError:
        # What is still buffered has no reader; without this Python complains about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(ExitCode.OK) from None
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise _refusal(Path("standard output"), error) from error
        raise


@contextmanager
def _direct(path: Path) -> Generator[BinaryIO]:
    with _blaming_the_place():
        out = path.open("wb")
    with out:
        yield out


@contextmanager
def _atomic(target: Path) -> Generator[BinaryIO]:
    import secrets

    _check_place(target)
    temporary = target.parent / f".zava-{secrets.token_hex(8)}.tmp"
    with _blaming_the_place():
        # Opened with 0666, as open() would, so that the user's umask decides who may read the file.
        out = os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")
    try:
        with out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        with _blaming_the_place():
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _blaming_the_place() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise _CannotWriteError(error.errno, error.strerror) from error


def _check_place(target: Path) -> None:
    if target.is_dir():
        raise ConfigurationError(
            f"Cannot write to {target}: it is a folder.", hint="Give the name of a file in that folder."
        )
    if not target.parent.is_dir():
        raise ConfigurationError(
            f"Cannot write to {target}: the folder {target.parent} does not exist.",
            hint=f"Create it first: mkdir -p {target.parent}",
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise ConfigurationError(
            f"Cannot write to {target}: the file is read-only.", hint="Choose another name or change its permissions."
        )


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _refusal(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"Cannot write to {path}: {(error.strerror or 'unknown error').lower()}.",
        hint="Choose a place with room where you may write.",
    )
