"""`zava serve` as a client starts it: a process with pipes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.stdio_serving import BUSY, INITIALIZE, SERVE, environment, greet, question, serving, until, working
from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target


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
    async with working(target, ZAVA_SERVE_GRACE="0.2") as served:
        served.process.send_signal(signal.SIGTERM)
        code, _, err = await served.end()
    assert (code, err) == (0, "")


async def test_a_second_signal_cuts_the_grace_period_short(target: Target) -> None:
    async with working(target, ZAVA_SERVE_GRACE="3600") as served:
        served.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.5)
        assert served.process.poll() is None
        served.process.send_signal(signal.SIGINT)
        code, _, err = await served.end()
    assert (code, err) == (0, "")


async def test_a_client_that_dies_leaves_no_query_behind(target: Target) -> None:
    async with working(target, ZAVA_SERVE_GRACE="0.2") as served:
        served.hang_up()
        assert await served.code() == 0


async def test_a_client_that_reads_no_more_does_not_keep_the_server_from_ending(target: Target) -> None:
    with serving(target, ZAVA_SERVE_GRACE="0.2") as served:
        await greet(served)
        served.say(question(2, "select repeat('x', 900000)"))
        await until(target, 1, "state = 'idle' AND query LIKE '%UNLISTEN%'")
        served.process.send_signal(signal.SIGTERM)
        assert await served.code() == 0
    await until(target, 0)


async def test_a_cancelled_request_frees_its_backend_and_the_next_one_is_answered(target: Target) -> None:
    async with working(target) as served:
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
