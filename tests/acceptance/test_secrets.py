"""No secret appears in anything that a full run of zava produces: outputs, logs, processes, the audit log, files."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest

from tests.command_line import CommandLine
from tests.conftest import root
from tests.http_serving import calling, http_server
from tests.small_data import Walls, empty_walls, fill, remove_walls
from tests.stdio_serving import greet, question, serving

ADMIN_PASSWORD = "canary-admin-7f3a"
GATEWAY_PASSWORD = "canary-gateway-91bc"
API_KEY = "sk-canary-44d2"
PARAMETER = "canary-parameter-c0de"


@pytest.fixture(scope="module")
def walls() -> Iterator[Walls]:
    """A database whose logins have passwords in their URLs."""
    walls = asyncio.run(empty_walls("no superuser"))
    yield walls
    asyncio.run(remove_walls(walls))


@dataclass
class Run:
    """Everything that a run said, and what must not be in it."""

    zava: CommandLine
    said: dict[str, str] = field(default_factory=dict[str, str])
    secrets: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Runs a command and keeps what it said; its standard output."""
        done = self.zava(*arguments, "--log-level", "debug", **environment)
        assert done.code == code, done.err
        self.said[f"{len(self.said)} {' '.join(arguments[:2])}"] = done.err + done.out
        return done.out

    def show_one_person(self, *arguments: str, code: int = 0) -> str:
        """Runs a command that tells a secret to whoever typed it, and to nobody else."""
        done = self.zava(*arguments, "--log-level", "debug")
        assert done.code == code, done.err
        return done.out

    def leaks(self) -> list[tuple[str, str]]:
        """Which secret stands where."""
        return [
            (name, where)
            for name, secret in self.secrets.items()
            for where, text in self.said.items()
            if secret in text
        ]


@contextmanager
def _watched_processes(seen: set[str]) -> Iterator[None]:
    """Collects the command lines of every process on the machine while the block runs."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.03):
            seen.update(" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{password}@{parts.netloc.rpartition('@')[2]}"))


def _environment(walls: Walls) -> dict[str, str]:
    settings = walls.target.settings
    assert settings.database_url is not None
    assert settings.admin_url is not None
    return {
        "ZAVA_DATABASE_URL": _with_password(settings.database_url.get_secret_value(), GATEWAY_PASSWORD),
        "ZAVA_ADMIN_URL": _with_password(settings.admin_url.get_secret_value(), ADMIN_PASSWORD),
        "ZAVA_ROLE_PREFIX": settings.role_prefix,
        "ZAVA_PROFILE": settings.profile,
        "ZAVA_OPENAI_API_KEY": API_KEY,
        "ZAVA_LOG_FILE": str(root() / "secrets.log"),
    }


@pytest.fixture
def run(walls: Walls, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands on that database."""
    for name, value in _environment(walls).items():
        monkeypatch.setenv(name, value)
    return Run(CommandLine(walls.target, "Sam Seattle"))


def _remember_keys(run: Run, file: Path) -> None:
    for part in re.findall(r"[0-9a-f]{64}", file.read_text()):
        run.secrets[f"key {len(run.secrets)} of {file.name}"] = part


def _commands(run: Run, walls: Walls, folder: Path) -> str:
    """Everything that a terminal offers; returns a bearer token."""
    run("db", "migrate")
    asyncio.run(fill(walls.target))
    _remember_keys(run, walls.target.key_file)
    run("security", "rotate-key")
    _remember_keys(run, walls.target.key_file)
    run("security", "issue", "--out", str(folder / "sam.key"))
    _remember_keys(run, folder / "sam.key")
    token = run.show_one_person("token", "create", "--name", "ci").strip()
    run.secrets["bearer token"] = token.rpartition("_")[2]
    for arguments in (
        ["whoami"], ["config", "show"], ["mcp-config", "codex"], ["health"], ["token", "list"], ["db", "status"],
        ["query", "select count(*) from customers where email = $who", "-p", f"who={PARAMETER}"],
        ["store", "Seattle"], ["search", "hammer", "--mode", "keyword"],
    ):  # fmt: skip
        run(*arguments)
    # PostgreSQL's own message repeats the value.
    run.show_one_person("query", "select $who::integer", "-p", f"who={PARAMETER}", code=1)
    run("query", "select set_config('a', 'b', true)", code=1)
    run("query", "select 1", code=3, ZAVA_DATABASE_URL=f"postgresql://x:{GATEWAY_PASSWORD}@127.0.0.1:1/x")
    run("embed", code=1, ZAVA_EMBEDDING_PROVIDER="openai", ZAVA_EMBEDDING_BASE_URL="http://127.0.0.1:1/v1")
    return token


async def _over_http(run: Run, walls: Walls, token: str) -> None:
    with http_server(walls.target, ZAVA_LOG_LEVEL="debug") as server:
        for given in (token, token[:-1] + "x"):
            async with calling(server.url, token=given) as caller:
                for sql in ("select 1", "select 1/0", "drop table orders"):
                    answer = await caller.send(
                        "tools/call", name="execute_sales_query", arguments={"postgresql_query": sql}
                    )
                    run.said[f"HTTP {sql} {answer.status_code}"] = answer.text + str(answer.headers)
        server.process.terminate()
        assert server.process.stderr is not None
        run.said["stderr of HTTP"] = "".join(server.said) + server.process.stderr.read()


async def _over_stdio(run: Run, walls: Walls) -> None:
    with serving(walls.target, ZAVA_LOG_LEVEL="debug", ZAVA_AS="Sam Seattle") as served:
        await greet(served)
        served.say(question(2, "select 1"), question(3, "select broken"), {"id": 4, "method": "no/such"})
        heard = [await served.hear() for _ in range(3)]
        served.stdin.close()
        _, rest, err = await served.end()
    run.said["stdio"] = json.dumps([heard, rest]) + err


def test_no_secret_appears_anywhere(run: Run, walls: Walls, tmp_path: Path) -> None:
    seen: set[str] = set()
    with _watched_processes(seen):
        token = _commands(run, walls, tmp_path)
        asyncio.run(_over_http(run, walls, token))
        asyncio.run(_over_stdio(run, walls))
        run("audit", "--limit", "1000", "--format", "json")
    run.secrets |= {
        "administrator's password": ADMIN_PASSWORD, "gateway's password": GATEWAY_PASSWORD, "API key": API_KEY,
    }  # fmt: skip
    assert len(run.secrets) >= 7
    run.said["log file"] = (root() / "secrets.log").read_text()
    run.said["processes"] = "\n".join(line for line in seen if PARAMETER not in line)
    for file in (walls.target.settings.data_dir / "audit").rglob("*"):
        if file.is_file():
            run.said[f"file {file.name}"] = file.read_text()
    assert run.leaks() == []
    # Values of parameters are the caller's own; only they may see them again.
    run.secrets = {"parameter": PARAMETER}
    assert run.leaks() == []
    # What was searched is not empty.
    assert all(f'"operation": "{name}"' in run.said["log file"] for name in ("query", "token create", "db migrate"))
