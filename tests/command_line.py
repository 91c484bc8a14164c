"""Runs zava as people and scripts do: as a process of its own, with a pipe or a terminal at its end."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zava_cli.data.target import Target

ZAVA = [sys.executable, "-m", "zava_cli"]


@dataclass(frozen=True)
class Finished:
    """What a process wrote and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """zava on one database, as one person."""

    target: Target | None = None
    who: str | None = None
    folder: Path | None = None

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process."""
        own: dict[str, str] = {}
        if self.target is not None:
            settings = self.target.settings
            own = {"ZAVA_PROFILE": settings.profile, "ZAVA_DATA_DIR": str(settings.data_dir)}
        own |= {} if self.who is None else {"ZAVA_AS": self.who}
        return {**os.environ, **own, **more}

    def __call__(self, *arguments: str | Path, stdin: str | bytes = b"", **environment: str) -> Finished:
        """Runs a command into pipes."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*ZAVA, *arguments], input=given, capture_output=True, timeout=120, check=False,
            cwd=self.folder, env=self.environment(**environment),
        )  # fmt: skip
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Starts a command and does not wait for it."""
        return subprocess.Popen(
            [*ZAVA, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=self.folder, env=self.environment(**environment),
        )  # fmt: skip

    def on_terminal(self, *arguments: str | bytes | Path, errors_too: bool = False, **environment: str) -> Finished:
        """Runs a command whose standard output is a terminal; with `errors_too` the same one takes its errors."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            [*ZAVA, *arguments], stdin=subprocess.DEVNULL, stdout=terminal,
            stderr=terminal if errors_too else subprocess.PIPE, cwd=self.folder,
            env=self.environment(**{"COLUMNS": "100", "LINES": "50"} | environment),
        )  # fmt: skip
        os.close(terminal)
        received = b""
        # Linux reports a terminal that nobody has open any more as EIO, not as an end of file.
        with os.fdopen(controller, "rb", buffering=0) as screen, suppress(OSError):
            while piece := screen.read(65_536):
                received += piece
        err = ""
        if process.stderr is not None:
            with process.stderr:
                err = process.stderr.read().decode()
        return Finished(process.wait(), received.decode().replace("\r\n", "\n"), err)
