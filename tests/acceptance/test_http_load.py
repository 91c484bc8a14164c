"""`zava serve --http` with more callers than connections, and when it is stopped in the middle of that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.http_serving import ACCEPT, MODERN, Caller, http_server, message
from tests.stdio_serving import until
from zava_cli.data.target import Target

CLIENTS = 200
PATIENCE = 60


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """As many connections as there are requests."""
    async with httpx2.AsyncClient(timeout=PATIENCE, limits=httpx2.Limits(max_connections=None)) as client:
        yield client


async def ask(client: httpx2.AsyncClient, url: str, number: int, sql: str = "") -> int | None:
    """A number that comes back from the database, on a connection of its own; None when the server gives it up."""
    question = {"name": "execute_sales_query", "arguments": {"postgresql_query": f"select {number} as n {sql}"}}
    caller = Caller(client, url, {"accept": ACCEPT, "mcp-protocol-version": MODERN}, modern=True)
    answer = await caller.send("tools/call", **question)
    if answer.status_code >= 500:
        return None
    return json.loads(message(answer)["result"]["content"][0]["text"])["rows"][0][0]


async def test_two_hundred_clients_each_get_their_own_answer(seeded: Target, client: httpx2.AsyncClient) -> None:
    with http_server(seeded, "--no-auth", ZAVA_HTTP_RATE="100000", ZAVA_POOL_WAIT="60") as server:
        numbers = range(CLIENTS)
        assert await asyncio.gather(*(ask(client, server.url, number) for number in numbers)) == list(numbers)
        assert await asyncio.to_thread(server.stop) == 0
    await until(seeded, 0)


async def test_a_server_that_is_stopped_under_load_answers_or_hangs_up_and_leaves_nothing(
    seeded: Target, client: httpx2.AsyncClient
) -> None:
    slow = "from (select count(*) from generate_series(1, 1000000)) x"
    with http_server(seeded, "--no-auth", ZAVA_HTTP_RATE="100000", ZAVA_SERVE_GRACE="2") as server:
        clients = [asyncio.create_task(ask(client, server.url, number, slow)) for number in range(60)]
        await asyncio.wait(clients, return_when=asyncio.FIRST_COMPLETED)
        assert await asyncio.to_thread(server.stop) == 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()
        ended = await asyncio.gather(*clients, return_exceptions=True)
    assert any(isinstance(end, int) for end in ended)
    for number, end in enumerate(ended):
        assert end in (number, None) or isinstance(end, httpx2.TransportError), end
    await until(seeded, 0)
