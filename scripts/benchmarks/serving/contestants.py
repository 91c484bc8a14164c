"""MCP servers that are measured: how each is started on pipes and on HTTP, and how its query tool is called."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.databases import MANAGER, ZAVA, Database, zava
from benchmarks.serving.clients import HANDSHAKE, VERSION_HEADER, Pipe

FLOOR_SERVER = Path(__file__).resolve().parents[1] / "floors" / "server.py"
CAREFUL = "floor with RLS and read-only"
PATIENCE = 60.0
_AS_MEASURED = {
    "ZAVA_HTTP_RATE": "1000000",
    "ZAVA_CACHE_SECONDS": "0",
    "ZAVA_METRICS_TOKEN": "of-nobody-but-this-measurement-0000",
}


@dataclass(frozen=True)
class Contestant:
    """A server, and how to call it; `{port}` in `http` becomes a free one."""

    name: str
    stdio: Sequence[str]
    http: Sequence[str]
    environment: Mapping[str, str]
    tool: str = "execute_sql"
    argument: str = "sql"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    parts: Sequence[str] = ()
    """Those that it is measured in; empty means all."""

    def with_environment(self, **more: str) -> Contestant:
        """The same with further variables."""
        return replace(self, environment={**self.environment, **more})

    def call(self, sql: str) -> dict[str, Any]:
        """Parameters of a request that runs a statement."""
        return {"name": self.tool, "arguments": {self.argument: sql}}


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    contestant: Contestant
    process: psutil.Process
    port: int

    def processes(self) -> list[psutil.Process]:
        """The server and its workers."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """What they have used."""
        return sum(times.user + times.system for times in (process.cpu_times() for process in self.processes()))

    def megabytes(self) -> float:
        """What they hold in memory."""
        return sum(process.memory_info().rss for process in self.processes()) / 1e6

    def forget_peak(self) -> None:
        """Lets the peak begin again at what they hold."""
        for process in self.processes():
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")

    def peak_megabytes(self) -> float:
        """The most that they held since then."""
        status = "".join(Path(f"/proc/{process.pid}/status").read_text() for process in self.processes())
        return sum(int(kilobytes) for kilobytes in re.findall(r"VmHWM:\s+(\d+)", status)) * 1024 / 1e6


def bearer(database: Database, who: str) -> dict[str, str]:
    """The header of a caller who asks as that manager."""
    token = zava("token", "create", "--as", who, data_directory=database.folder).strip()
    return {"authorization": f"Bearer {token}"}


def zava_server(database: Database, **settings: str) -> Contestant:
    """zava with everything on that it offers: tokens, guard, row security, audit, metrics.

    Its limit on requests a second of one identity is lifted, since all clients here bear one token; and it keeps no
    answers, unless `settings` say so, since all calls here are the same.
    """
    return Contestant(
        "zava", [str(ZAVA), "serve"], [str(ZAVA), "serve", "--http", "--port", "{port}"],
        database.environment(**(_AS_MEASURED | settings)),
        "execute_sales_query", "postgresql_query", bearer(database, MANAGER),
    )  # fmt: skip


def floor_server(database: Database) -> Contestant:
    """The bare one."""
    command = [sys.executable, str(FLOOR_SERVER)]
    environment = database.environment(DATABASE_URL=database.floor_url, FASTMCP_CHECK_FOR_UPDATES="off")
    return Contestant("floor", command, [*command, "{port}"], environment)


def careful_floor_server(database: Database) -> Contestant:
    """The bare one with row security and read-only transactions; where it is no safer it is not measured."""
    floor = floor_server(database).with_environment(DATABASE_URL=database.careful_url, STORE_ID=database.store_id)
    return replace(floor, name=CAREFUL, parts=("start", "pipes", "http", "clients", "bytes"))


def stateless(contestant: Contestant) -> Contestant:
    """Without sessions, answering JSON instead of event streams."""
    return contestant.with_environment(
        ZAVA_HTTP_SESSIONS="false", ZAVA_HTTP_JSON="true",
        FASTMCP_STATELESS_HTTP="true", FASTMCP_JSON_RESPONSE="true",
    )  # fmt: skip


def with_handshake(contestant: Contestant) -> Contestant:
    """Asked in the older protocol."""
    return replace(contestant, headers={**contestant.headers, VERSION_HEADER: HANDSHAKE})


def with_workers(contestant: Contestant, workers: int) -> Contestant:
    """With so many processes."""
    return replace(contestant, http=[*contestant.http, "--workers", str(workers)])


@contextmanager
def listening(contestant: Contestant) -> Iterator[Running]:
    """Starts a server on HTTP and waits until it listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [word.replace("{port}", str(port)) for word in contestant.http]
    with _started(contestant, command, stdin=subprocess.DEVNULL) as process:
        _wait_for(port, process, contestant)
        yield Running(contestant, psutil.Process(process.pid), port)


@contextmanager
def piped(contestant: Contestant) -> Iterator[tuple[Pipe, Running]]:
    """Starts a server on pipes; it has not heard anything yet."""
    with _started(contestant, contestant.stdio, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Pipe(process.stdin, process.stdout), Running(contestant, psutil.Process(process.pid), 0)


@contextmanager
def _started(contestant: Contestant, command: Sequence[str], stdin: int) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=contestant.environment, stdin=stdin, stdout=subprocess.PIPE if stdin != subprocess.DEVNULL
            else subprocess.DEVNULL, stderr=said,
        )  # fmt: skip
        try:
            yield process
        except Exception:
            said.seek(0)
            print(f"{contestant.name} said: {said.read().decode(errors='replace')[-2000:]}", file=sys.stderr)
            raise
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and what it started."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _wait_for(port: int, process: subprocess.Popen[bytes], contestant: Contestant) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{contestant.name} does not listen") from None
            time.sleep(0.02)
        else:
            return
