"""Runs `zava serve` as a client starts it, a process with pipes, and looks at what it does in the database."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target

SERVE = ["-m", "zava_cli", "serve"]
PATIENCE = 30
UNTIL_SECONDS = 20
"""Less than a statement may take: its deadline frees a backend too."""
SLOW = "select count(*) from generate_series(1, 1000000000) n where n % 7 = 3"
BUSY = "state = 'active' AND query LIKE '%1000000000%'"
"""Backends that work on it."""
INITIALIZE = {
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def environment(target: Target, **variables: str) -> dict[str, str]:
    """What the process starts with."""
    own = {"ZAVA_PROFILE": target.settings.profile, "ZAVA_DATA_DIR": str(target.settings.data_dir)}
    return {**os.environ, **own, "ZAVA_AS": "seattle", **variables}


def question(number: int, sql: str) -> dict[str, Any]:
    """A request that calls the query tool."""
    arguments = {"postgresql_query": sql}
    return {"id": number, "method": "tools/call", "params": {"name": "execute_sales_query", "arguments": arguments}}


@dataclass
class Served:
    """A running server; its pipes are plain ones, so that a test can also leave them unread."""

    process: subprocess.Popen[bytes]

    @property
    def stdin(self) -> IO[bytes]:
        """What the server reads."""
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """What the server writes."""
        assert self.process.stdout is not None
        return self.process.stdout

    def say(self, *messages: dict[str, Any]) -> None:
        """Sends messages."""
        self.stdin.write(b"".join(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n" for message in messages))
        self.stdin.flush()

    async def hear(self) -> dict[str, Any]:
        """Waits for the next message."""
        return json.loads(await asyncio.to_thread(self.stdout.readline))

    def hang_up(self) -> None:
        """Closes both pipes, as the death of a client does."""
        self.stdin.close()
        self.stdout.close()

    async def code(self) -> int:
        """Waits for the exit code, reading nothing."""
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    async def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """Waits for the end: exit code, messages that had not been read, and what stderr said."""
        code = await self.code()
        assert self.process.stderr is not None
        return code, [json.loads(line) for line in self.stdout], self.process.stderr.read().decode()


@contextmanager
def serving(target: Target, *arguments: str, folder: Path | None = None, **variables: str) -> Iterator[Served]:
    """A server that has not heard anything yet; it does not call slow what a busy machine makes slow."""
    variables = {"ZAVA_SLOW_QUERY_SECONDS": "60"} | variables
    with subprocess.Popen(
        [sys.executable, *SERVE, *arguments], env=environment(target, **variables), cwd=folder,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield Served(process)
        finally:
            process.kill()


async def greet(served: Served) -> None:
    """The handshake."""
    served.say(INITIALIZE)
    assert (await served.hear())["result"]["serverInfo"]["name"] == "zava"
    served.say({"method": "notifications/initialized"})


@asynccontextmanager
async def working(target: Target, **variables: str) -> AsyncIterator[Served]:
    """A server at work on a slow request, number 2; however it ends, it must leave nobody in the database."""
    with serving(target, **variables) as served:
        await greet(served)
        served.say(question(2, SLOW))
        await until(target, 1, BUSY)
        yield served
    await until(target, 0)


async def backends(target: Target, condition: str = "true") -> int:
    """Connections of the gateway to this database."""
    async with admin_connection(target) as connection:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1"
            f" AND {condition}",
            target.roles.gateway,
        )


async def until(target: Target, wanted: int, condition: str = "true") -> None:
    """Waits for so many connections; fails when it takes too long."""
    async with asyncio.timeout(UNTIL_SECONDS):
        while await backends(target, condition) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
