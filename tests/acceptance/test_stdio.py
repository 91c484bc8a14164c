"""`zava serve` as a client starts it: a process with pipes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target

SERVE = ["-m", "zava_cli", "serve"]
PATIENCE = 30
SLOW = "select count(*) from generate_series(1, 1000000000) n where n % 7 = 3"
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
def serving(target: Target, *, folder: Path | None = None, **variables: str) -> Iterator[Served]:
    """A server that has not heard anything yet."""
    with subprocess.Popen(
        [sys.executable, *SERVE], env=environment(target, **variables), cwd=folder,
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
    async with asyncio.timeout(PATIENCE):
        while True:
            if await backends(target, condition) == wanted:
                return
            await asyncio.sleep(0.05)


BUSY = "state = 'active' AND query LIKE '%1000000000%'"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_lists_tools_asks_and_gets_errors_as_errors(target: Target, mode: Any) -> None:
    transport = StdioTransport(sys.executable, SERVE, env=environment(target), keep_alive=False)
    async with Client(transport, mode=mode) as client:
        assert "execute_sales_query" in {tool.name for tool in await client.list_tools()}
        good = await client.call_tool("execute_sales_query", {"postgresql_query": "select count(*) from stores"})
        bad = await client.call_tool(
            "execute_sales_query", {"postgresql_query": "drop table orders"}, raise_on_error=False
        )
    assert json.loads(good.content[0].text)["rows"] == [[1]]
    assert bad.is_error
    assert bad.content[0].text.startswith("QUERY_REFUSED: ")
    await until(target, 0)


async def test_requests_that_were_piped_in_are_all_answered_before_the_end(target: Target) -> None:
    with serving(target) as served:
        served.say(INITIALIZE, {"method": "notifications/initialized"}, *(question(n, "select 1") for n in (2, 3)))
        served.stdin.close()
        code, said, err = await served.end()
    assert (code, err) == (0, "")
    assert {message["id"] for message in said} == {1, 2, 3}
    assert not any("error" in message or message["result"].get("isError") for message in said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_an_idle_server_at_once_and_leaves_nothing_behind(
    target: Target, number: signal.Signals
) -> None:
    with serving(target, ZAVA_SERVE_GRACE="3600") as served:
        await greet(served)
        served.process.send_signal(number)
        assert await served.end() == (0, [], "")
    await until(target, 0)


async def test_a_request_in_progress_is_answered_after_the_signal(target: Target) -> None:
    with serving(target, ZAVA_SERVE_GRACE="3600") as served:
        await greet(served)
        async with admin_connection(target) as connection, connection.transaction():
            await connection.execute("LOCK TABLE retail.categories")
            served.say(question(2, "select count(*) >= 0 from categories"))
            await until(target, 1, "wait_event_type = 'Lock'")
            served.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
        code, said, err = await served.end()
    assert (code, err) == (0, "")
    assert [(message["id"], message["result"]["isError"]) for message in said] == [(2, False)]
    await until(target, 0)


async def test_a_request_longer_than_the_grace_period_is_cancelled_in_the_database(target: Target) -> None:
    with serving(target, ZAVA_SERVE_GRACE="0.2") as served:
        await greet(served)
        served.say(question(2, SLOW))
        await until(target, 1, BUSY)
        served.process.send_signal(signal.SIGTERM)
        code, _, err = await served.end()
    assert (code, err) == (0, "")
    await until(target, 0)


async def test_a_second_signal_cuts_the_grace_period_short(target: Target) -> None:
    with serving(target, ZAVA_SERVE_GRACE="3600") as served:
        await greet(served)
        served.say(question(2, SLOW))
        await until(target, 1, BUSY)
        served.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.5)
        assert served.process.poll() is None
        served.process.send_signal(signal.SIGINT)
        code, _, err = await served.end()
    assert (code, err) == (0, "")
    await until(target, 0)


async def test_a_client_that_dies_leaves_no_query_behind(target: Target) -> None:
    with serving(target, ZAVA_SERVE_GRACE="0.2") as served:
        await greet(served)
        served.say(question(2, SLOW))
        await until(target, 1, BUSY)
        served.hang_up()
        assert await served.code() == 0
    await until(target, 0)


async def test_a_client_that_reads_no_more_does_not_keep_the_server_from_ending(target: Target) -> None:
    with serving(target, ZAVA_SERVE_GRACE="0.2") as served:
        await greet(served)
        served.say(question(2, "select repeat('x', 900000)"))
        await until(target, 1, "state = 'idle' AND query LIKE '%UNLISTEN%'")
        served.process.send_signal(signal.SIGTERM)
        assert await served.code() == 0
    await until(target, 0)


async def test_a_cancelled_request_frees_its_backend_and_the_next_one_is_answered(target: Target) -> None:
    with serving(target) as served:
        await greet(served)
        served.say(question(2, SLOW))
        await until(target, 1, BUSY)
        served.say({"method": "notifications/cancelled", "params": {"requestId": 2}})
        await until(target, 0, BUSY)
        served.say(question(3, "select 1"))
        assert (await served.hear())["id"] == 3


@pytest.mark.parametrize(
    ("variables", "code", "part"),
    [
        ({"ZAVA_AS": "nobody"}, 1, "exactly one manager"),
        ({"ZAVA_AS": ""}, 2, "Say who you are"),
        ({"ZAVA_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, 3, "cannot be reached"),
    ],
)
async def test_a_server_that_cannot_answer_ends_at_the_start_and_says_why(
    target: Target, variables: dict[str, str], code: int, part: str
) -> None:
    with serving(target, **variables) as served:
        served.say(INITIALIZE)
        ended, said, err = await served.end()
    assert (ended, said) == (code, [])
    assert part in err
    assert "secret" not in err
    assert "Traceback" not in err


async def test_garbage_on_the_wire_does_not_end_the_conversation(target: Target) -> None:
    with serving(target) as served:
        served.stdin.write(b'\n{"jsonrpc": "2.0", \xff\n[]\nnot json\n{"id": 7, "method": "ping"}\n')
        served.stdin.flush()
        refused = [await served.hear() for _ in range(4)]
        assert [message["error"]["code"] for message in refused] == [-32700, -32600, -32700, -32600]
        assert [message["id"] for message in refused] == [None, None, None, 7]
        await greet(served)
        served.say(question(2, "select 1"))
        assert (await served.hear())["result"]["isError"] is False


async def test_a_dotenv_file_in_the_current_folder_configures_nothing(target: Target, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FASTMCP_PORT=not-a-number\nZAVA_AS=nobody\n")
    with serving(target, folder=tmp_path) as served:
        await greet(served)
        served.stdin.close()
        code, _, err = await served.end()
    assert code == 0
    assert "Traceback" not in err
