"""`zava serve --http` speaks each protocol version as far as README says, in every mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.http_serving import ACCEPT, MODERN, MODES, PATIENCE, Caller, HttpServer, calling, http_server, message
from zava_cli.data.target import Target

WITH_HANDSHAKE = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
# The first two did not name their version in a header yet.
NAMED_SINCE = "2025-06-18"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture(scope="module", params=MODES)
def server(seeded: Target, request: pytest.FixtureRequest) -> Iterator[HttpServer]:
    """A server for anybody on this machine."""
    with http_server(seeded, "--no-auth", **MODES[request.param]) as server:
        yield server


async def used(caller: Caller) -> list[str]:
    """Names of the tools that it is offered; fails unless one of them answers."""
    result = await caller.ask("select 1")
    assert json.loads(result["content"][0]["text"])["rows"] == [[1]]
    return [tool["name"] for tool in (await caller.request("tools/list"))["result"]["tools"]]


@pytest.mark.parametrize("version", WITH_HANDSHAKE)
async def test_a_version_with_a_handshake_is_agreed_to_and_used(server: HttpServer, version: str) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        caller = Caller(client, server.url, {"accept": ACCEPT})
        who = {"name": "test", "version": "1"}
        answer = await caller.send("initialize", protocolVersion=version, capabilities={}, clientInfo=who)
        assert message(answer)["result"]["protocolVersion"] == version
        if session := answer.headers.get("mcp-session-id"):
            caller.headers["mcp-session-id"] = session
        if version >= NAMED_SINCE:
            caller.headers["mcp-protocol-version"] = version
        assert await caller.notify("notifications/initialized") == 202
        assert "execute_sales_query" in await used(caller)


async def test_the_version_without_a_handshake_needs_none(server: HttpServer) -> None:
    async with calling(server.url, modern=True) as caller:
        assert "execute_sales_query" in await used(caller)


@pytest.mark.parametrize("version", [*WITH_HANDSHAKE, MODERN])
@pytest.mark.parametrize("body", [[PING, PING], [], None, {"jsonrpc": "1.0"}])
async def test_no_version_takes_batches_or_nonsense_and_says_so(server: HttpServer, version: str, body: Any) -> None:
    headers = {"accept": ACCEPT, "content-type": "application/json", "mcp-protocol-version": version}
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.post(server.url, content=json.dumps(body), headers=headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == -32600
    assert "not one JSON-RPC message; batches are not taken" in error["message"] and "pydantic" not in answer.text


async def test_the_transport_that_streams_replaced_is_not_there(server: HttpServer) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        assert (await client.get(server.root + "/sse", headers={"accept": "text/event-stream"})).status_code == 404
