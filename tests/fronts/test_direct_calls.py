"""Plain calls over HTTP: answered as the SDK would answer them, and what is not plain reaches the SDK untouched."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastmcp.server.http import RequestContextMiddleware
from fastmcp.tools.base import ToolResult
from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from tests.direct_calls import QUERY, SPOKEN, Sent, Spoken, open_state, served
from tests.http_serving import HANDSHAKE, MODERN
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.server.app import READING, server_of
from zava_cli.server.http.app import MCP_PATH
from zava_cli.server.http.direct import DirectCalls
from zava_cli.server.middleware import Run, ToolCall, ToolMiddleware
from zava_cli.server.state import opened

HANDED_ON = 299
STATELESS = [Spoken(MODERN), Spoken(HANDSHAKE)]
CALLS = [
    QUERY,
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select name, 'é\u202e' from stores"}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "selec 1"}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select 1 / (1 - 1)"}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "delete from orders"}},
    {"name": "get_table_schemas"},
    {"name": "get_table_schemas", "arguments": None},
    {"name": "get_table_schemas", "arguments": {"table_names": ["orders"], "detail": "full"}},
    {"name": "get_table_schemas", "arguments": {"table_names": ["nothing"]}},
    {"name": "search_products", "arguments": {"query_description": "paint", "max_rows": "3"}},
    {"name": "find_similar_products", "arguments": {"sku": "no such thing"}},
    {"name": "get_store_performance", "arguments": {"store_id": "Seattle", "time_period": "2026-03"}},
    {"name": "get_store_performance", "arguments": {"store_id": "Seattle", "time_period": "some day"}},
    QUERY | {"_meta": {"progressToken": 7, "x/y": [1]}},
]
WRONG = [
    {"name": "execute_sales_query", "arguments": {}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select 1", "extra": True}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select 1", "state": None}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select '\ud800'"}},
    {"name": "search_products", "arguments": {"query_description": "paint", "max_rows": -1}},
    {"name": "no such tool", "arguments": {}},
]
BODIES = {
    "name twice": b'"id":1,"method":"tools/call","params":{"name":"x","name":"get_table_schemas",%s}',
    "params twice": b'"id":1,"method":"tools/call","params":{"name":"x"},"params":{"name":"get_table_schemas",%s}',
    "method twice": b'"id":1,"method":"x","method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "id twice": b'"id":1,"id":2,"method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "id in capitals": b'"ID":1,"id":2,"method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "id and result": b'"id":1,"result":{},"method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "id, result and error": b'"id":1,"result":{},"error":{"code":1,"message":""},"method":"tools/call",'
    b'"params":{"name":"get_table_schemas",%s}',
    "long id": b'"id":' + b"9" * 4000 + b',"method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "longer id": b'"id":' + b"9" * 5000 + b',"method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "fraction as id": b'"id":1.0,"method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "truth as id": b'"id":true,"method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "half a pair": b'"id":"\\ud800","method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "a pair": b'"id":"\\ud83d\\ude00","method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "zero": b'"id":"\\u0000","method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "no UTF-8": b'"id":"\xe9","method":"tools/call","params":{"name":"get_table_schemas",%s}',
    "no number": b'"id":1,"method":"tools/call","params":{"name":"get_table_schemas","arguments":{"x":NaN},%s}',
    "large number": b'"id":1,"method":"tools/call","params":{"name":"search_products",'
    b'"arguments":{"query_description":"x","max_rows":1e400},%s}',
    "deep": b'"id":1,"method":"tools/call","params":{"name":"get_table_schemas","arguments":{"x":'
    + b"[" * 900 + b"]" * 900 + b"},%s}",
    "deeper": b'"id":1,"method":"tools/call","params":{"name":"get_table_schemas","arguments":{"x":'
    + b"[" * 90_000 + b"]" * 90_000 + b"},%s}",
    "deep in what nobody reads": b'"id":1,"x":' + b"[" * 300 + b"]" * 300
    + b',"method":"tools/call","params":{"name":"get_table_schemas",%s}',
}  # fmt: skip
"""What may be read in more than one way, but for the braces and `_meta`."""
TYPES = [
    "application/json; charset=utf-16", "application/json;charset=latin-1", "application/jsonx", "Application/JSON",
    "text/plain, application/json", "application/json, text/plain", "application/x-www-form-urlencoded", "",
]  # fmt: skip


@asynccontextmanager
async def in_front(
    target: Target, *middleware: ToolMiddleware, is_open: bool = True
) -> AsyncIterator[tuple[httpx2.AsyncClient, list[bytes]]]:
    """A client of the direct way alone, without sessions, and the bodies that were handed on by it."""
    state, handed_on = open_state(target), list[bytes]()

    async def behind(_: Scope, receive: Receive, send: Send) -> None:
        handed_on.append((await receive())["body"])
        await send({"type": "http.response.start", "status": HANDED_ON, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = server_of(state, middleware=middleware)
    direct = Middleware(DirectCalls, path=MCP_PATH, server=server, state=state, sessions=None, is_open=is_open)
    app = Starlette(routes=[Mount("/", behind)], middleware=[Middleware(RequestContextMiddleware), direct])
    transport = httpx2.ASGITransport(RequestBodyLimitMiddleware(app, 100_000))
    client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")
    async with opened(state, identify=True), client:
        yield client, handed_on


def told(answer: httpx2.Response) -> tuple[int, Any, Any]:
    """What a client gets."""
    is_json = answer.headers.get("content-type") == "application/json" and answer.content
    return answer.status_code, answer.headers, answer.json() if is_json else answer.content


@pytest.mark.parametrize("spoken", SPOKEN, ids=str)
async def test_the_answer_is_the_one_that_the_sdk_gives(
    target: Target, spoken: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(target, spoken, monkeypatch) as to:
        for params in CALLS:
            first, other = await to.both(Sent(spoken, **params))
            assert told(first) == told(other), params
            assert first.status_code == 200
            assert to.direct.pop() == params["name"]
            assert not to.direct


@pytest.mark.parametrize("spoken", [*STATELESS, Spoken(HANDSHAKE, sessions=True)], ids=str)
async def test_what_is_wrong_is_refused_as_the_sdk_refuses_it(
    target: Target, spoken: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(target, spoken, monkeypatch) as to:
        for params in WRONG:
            first, other = await to.both(Sent(spoken, **params))
            assert told(first) == told(other), params


@pytest.mark.parametrize("spoken", [*STATELESS, Spoken(HANDSHAKE, sessions=True)], ids=str)
async def test_no_body_is_read_in_another_way(target: Target, spoken: Spoken, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(target, spoken, monkeypatch) as to:
        for name, body in BODIES.items():
            for mark in (b"", BOM_UTF8):
                for end in (b"}", b"} x"):
                    sent = Sent(spoken, name="get_table_schemas")
                    meta = b'"_meta":' + json.dumps(sent.message["params"].get("_meta", {})).encode()
                    sent.body = mark + b'{"jsonrpc":"2.0",' + body.replace(b"%s", meta) + end
                    first, other = await to.both(sent)
                    assert told(first) == told(other), (name, mark, end)
        for content_type in TYPES:
            sent = Sent(spoken, **QUERY)
            sent.headers["content-type"] = content_type
            first, other = await to.both(sent)
            assert told(first) == told(other), content_type
        sent = Sent(spoken, **QUERY)
        for coding in ("utf-16", "utf-32", "latin-1"):
            sent.body = json.dumps(sent.message | {"id": "é"}, ensure_ascii=False).encode(coding)
            first, other = await to.both(sent)
            assert told(first) == told(other), coding


@pytest.mark.parametrize("spoken", STATELESS, ids=str)
async def test_every_tool_that_reads_is_called_without_the_detour(target: Target, spoken: Spoken) -> None:
    needed = {"execute_sales_query": {"postgresql_query": "select 1"}, "search_products": {"query_description": "x"},
              "find_similar_products": {"sku": "x"}, "get_store_performance": {"store_id": "Seattle"}}  # fmt: skip
    async with in_front(target) as (client, handed_on):
        for tool in READING:
            answer = await Sent(spoken, name=tool.__name__, arguments=needed.get(tool.__name__, {})).to(client)
            assert answer.status_code == 200, tool.__name__
    assert not handed_on


async def test_what_surrounds_the_calls_of_tools_surrounds_direct_ones_too(target: Target) -> None:
    class Refusing(ToolMiddleware):
        async def around(self, call: ToolCall, run: Run) -> ToolResult:
            raise ValidationError("tool", call.tool, f"{call.program} may not")

    async with in_front(target, Refusing()) as (client, handed_on):
        answer = await Sent(**QUERY).to(client)
    assert "test 1 may not" in answer.json()["result"]["content"][0]["text"]
    assert not handed_on


async def test_a_body_may_come_in_pieces(target: Target) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in json.dumps(sent.message).encode():
            yield bytes([byte])

    sent = Sent(**QUERY)
    async with in_front(target) as (client, handed_on):
        assert (await client.post(MCP_PATH, content=pieces(), headers=sent.headers)).status_code == 200
    assert not handed_on


def not_plain() -> dict[str, Sent]:
    """Requests of which each is unusual or wrong in one way."""
    sent = {
        name: Sent(**QUERY)
        for name in (
            "other version", "no accept", "no type", "no method", "other method", "other name", "twice", "parameter",
            "no json", "batch", "notification", "no meta", "no capabilities", "odd info", "odd id", "more", "version",
        )
    }  # fmt: skip
    sent["other version"].headers["mcp-protocol-version"] = "2025-06-19"
    sent["no accept"].headers["accept"] = "text/html"
    sent["no type"].headers["content-type"] = "text/plain"
    del sent["no method"].headers["mcp-method"]
    sent["other method"].message["method"] = sent["other method"].headers["mcp-method"] = "tools/list"
    sent["other name"].headers["mcp-name"] = "check_health"
    sent["twice"].more = [("mcp-name", "check_health")]
    sent["parameter"].headers["mcp-param-region"] = "west"
    sent["no json"].body = b"{"
    sent["batch"].message = [sent["batch"].message]
    del sent["notification"].message["id"]
    del sent["no meta"].message["params"]["_meta"]
    del sent["no capabilities"].message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    sent["odd info"].message["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = {"name": 1}
    sent["odd id"].message["id"] = [1]
    sent["more"].message["params"]["requestState"] = "x"
    sent["version"].message["params"]["_meta"]["fastmcp"] = {}
    sent["task"] = Sent(Spoken("2025-11-25"), **QUERY, task={})
    return sent | {
        "unknown tool": Sent(name="seed_database", arguments={}),
        "wrong argument": Sent(name="search_products", arguments={"query_description": "x", "max_rows": -1}),
        "arguments": Sent(name="check_health", arguments=[1]),
    }


@pytest.mark.parametrize("name", not_plain())
async def test_what_is_not_plain_is_handed_on_as_it_came(target: Target, name: str) -> None:
    sent = not_plain()[name]
    async with in_front(target) as (client, handed_on):
        assert (await sent.to(client)).status_code == HANDED_ON
    assert handed_on == [sent.body if sent.body is not None else json.dumps(sent.message).encode()]


async def test_whoever_has_no_credentials_is_left_to_the_one_that_refuses(target: Target) -> None:
    async with in_front(target, is_open=False) as (client, handed_on):
        assert (await Sent(**QUERY).to(client)).status_code == HANDED_ON
    assert len(handed_on) == 1
