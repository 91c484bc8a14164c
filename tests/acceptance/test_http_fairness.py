"""One caller of `zava serve --http` who takes all there is: the others are answered as if nobody else asked."""

from __future__ import annotations

import asyncio
import json

import httpx2

from tests.acceptance.test_http_callers import a_token, stores_of
from tests.acceptance.test_stdio import INITIALIZE
from tests.command_line import CommandLine
from tests.http_serving import ACCEPT, HANDSHAKE, HttpServer, calling, http_server
from zava_cli.data.target import Target
from zava_cli.server.http.sessions import AT_ONCE

SLOW = "select count(*) from (select generate_series({number}, 1000000000000)) n"


async def slow_query(server: HttpServer, token: str, number: int) -> str:
    """What a manager hears whose statement never ends by itself; equal ones would share one answer."""
    async with calling(server.url, token=token, modern=True) as caller:
        return (await caller.ask(SLOW.format(number=number)))["content"][0]["text"]


async def test_a_manager_whose_queries_never_end_leaves_connections_to_the_others(target: Target) -> None:
    seattle, bellevue = a_token(target, "seattle"), a_token(target, "bellevue")
    with http_server(target, ZAVA_POOL_WAIT="1", ZAVA_STATEMENT_TIMEOUT="10") as server:
        busy = [asyncio.create_task(slow_query(server, seattle, number)) for number in range(30)]
        await asyncio.sleep(1.5)
        assert await stores_of(server, bellevue) == ["Zava Retail Bellevue"]
        answers = await asyncio.gather(*busy)
    assert sum(text.startswith("SHARE_BUSY: Your own") for text in answers) >= 20
    assert sum(text.startswith("QUERY_TIMEOUT") for text in answers) >= 3


async def open_session(client: httpx2.AsyncClient, server: HttpServer, token: str) -> httpx2.Response:
    """The answer to a new client's first message."""
    headers = {"accept": ACCEPT, "mcp-protocol-version": HANDSHAKE, "authorization": f"Bearer {token}"}
    return await client.post(server.url, json={"jsonrpc": "2.0", **INITIALIZE}, headers=headers)


async def test_a_manager_who_opens_session_after_session_leaves_room_for_the_others(target: Target) -> None:
    seattle, bellevue = a_token(target, "seattle"), a_token(target, "bellevue")
    with http_server(target) as server:
        async with httpx2.AsyncClient() as client:
            answers = [await open_session(client, server, seattle) for _ in range(AT_ONCE + 20)]
            assert (await open_session(client, server, bellevue)).status_code == 200
        # Requests of versions without sessions are no sessions.
        async with calling(server.url, token=seattle, modern=True) as caller:
            result = await caller.ask("select 1")
    opened = [answer for answer in answers if "mcp-session-id" in answer.headers]
    assert AT_ONCE <= len(opened) < AT_ONCE + 20
    assert {answer.status_code for answer in answers if answer not in opened} == {429}
    assert json.loads(result["content"][0]["text"])["rows"] == [[1]] if not result["isError"] else "RATE" in str(result)


async def test_asking_for_health_again_and_again_looks_once(target: Target) -> None:
    with http_server(target) as server:
        headers = {"authorization": f"Bearer {a_token(target, 'seattle', '--scope', 'reports')}"}
        async with httpx2.AsyncClient(timeout=30) as client:
            urls = [f"{server.root}/health"] * 30
            answers = await asyncio.gather(*(client.get(url, headers=headers) for url in urls))
        assert server.stop() == 0
    assert {answer.status_code for answer in answers} == {200}
    done = CommandLine(target)("audit", "--operation", "health", "--way", "mcp-http", "--format", "json")
    assert 1 <= len(json.loads(done.out)) < 10
