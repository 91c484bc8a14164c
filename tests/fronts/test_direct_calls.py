"""Plain calls over HTTP: answered as the SDK would answer them, and what is not plain reaches the SDK untouched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from tests.http_serving import ACCEPT, MODERN
from zava_cli.data.target import Target
from zava_cli.infra.operations import Way
from zava_cli.server.app import READING, server_of
from zava_cli.server.bare import BareServer
from zava_cli.server.http.app import MCP_PATH, build_http_app
from zava_cli.server.http.direct import DirectCalls
from zava_cli.server.http.limits import BoundedBody
from zava_cli.server.http.rate import RateLimit
from zava_cli.server.state import ServerState, opened

HANDED_ON = 299
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
NOT_PLAIN = {"fastmcp": {}}
QUERY = {"name": "execute_sales_query", "arguments": {"postgresql_query": "select 1 as one"}}
CALLS = [
    QUERY,
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select name, 'é\u202e' from stores"}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "selec 1"}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select 1 / (1 - 1)"}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "delete from orders"}},
    {"name": "execute_sales_query", "arguments": {}},
    {"name": "execute_sales_query", "arguments": {"postgresql_query": "select 1", "extra": True}},
    {"name": "get_table_schemas"},
    {"name": "get_table_schemas", "arguments": {"table_names": ["orders"], "detail": "full"}},
    {"name": "get_table_schemas", "arguments": {"table_names": ["nothing"]}},
    {"name": "search_products", "arguments": {"query_description": "paint", "max_rows": "3"}},
    {"name": "search_products", "arguments": {"query_description": "paint", "max_rows": -1}},
    {"name": "find_similar_products", "arguments": {"sku": "no such thing"}},
    {"name": "get_store_performance", "arguments": {"store_id": "Seattle", "time_period": "2026-03"}},
    {"name": "get_store_performance", "arguments": {"store_id": "Seattle", "time_period": "some day"}},
    {"name": "no such tool", "arguments": {}},
]


class Sent:
    """One request, to be spoilt."""

    def __init__(self, **params: Any) -> None:
        self.message: Any = {
            "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {**params, "_meta": dict(META)},
        }  # fmt: skip
        self.headers = {
            "accept": ACCEPT, "content-type": "application/json", "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call", "mcp-name": params["name"],
        }  # fmt: skip
        self.more: list[tuple[str, str]] = []
        self.body: bytes | None = None

    async def to(self, client: httpx2.AsyncClient) -> httpx2.Response:
        """The answer to it."""
        content = json.dumps(self.message).encode() if self.body is None else self.body
        return await client.post(MCP_PATH, content=content, headers=[*self.headers.items(), *self.more])


def open_state(target: Target) -> ServerState:
    settings = target.settings.model_copy(update={"cache_seconds": 0.0})
    return ServerState(Target(settings), "seattle", Way.MCP_HTTP)


@asynccontextmanager
async def served(target: Target) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the whole application, which answers everybody as one manager."""
    application = build_http_app(open_state(target), auth=None)
    transport = httpx2.ASGITransport(application.asgi)
    async with application.lifespan(), httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@asynccontextmanager
async def in_front(target: Target, *, is_open: bool = True) -> AsyncIterator[tuple[httpx2.AsyncClient, list[bytes]]]:
    """A client of the direct way alone, and the bodies that were handed on by it."""
    state, handed_on = open_state(target), list[bytes]()

    async def behind(_: Scope, receive: Receive, send: Send) -> None:
        handed_on.append((await receive())["body"])
        await send({"type": "http.response.start", "status": HANDED_ON, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    direct = DirectCalls(
        behind, path=MCP_PATH, server=server_of(state), state=state, rate=RateLimit(state.settings), is_open=is_open
    )
    async with (
        opened(state, identify=True),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(BoundedBody(direct, 100_000)), base_url="http://localhost"
        ) as client,
    ):
        yield client, handed_on


@pytest.mark.parametrize("params", CALLS, ids=json.dumps)
async def test_the_answer_is_the_one_that_the_sdk_gives(target: Target, params: dict[str, Any]) -> None:
    plain, other = Sent(**params), Sent(**params)
    other.message["params"]["_meta"] |= NOT_PLAIN
    async with served(target) as client:
        answers = [await one.to(client) for one in (plain, other)]
    assert answers[0].json() == answers[1].json()
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].headers == answers[1].headers


def test_nothing_stands_in_the_way_of_other_calls_that_direct_ones_do_not_know(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[BareServer] = []

    def noted(*arguments: Any, **options: Any) -> BareServer:
        built.append(server_of(*arguments, **options))
        return built[0]

    monkeypatch.setattr("zava_cli.server.http.app.server_of", noted)
    build_http_app(open_state(target), auth=None)
    # Whoever adds one decides what it means for a direct call, and does it there.
    assert {type(one).__name__ for one in built[0].middleware} == {
        "ErrorMiddleware", "RateLimit", "CancelForTheDeparted", "WarmUp",
    }  # fmt: skip


async def test_every_tool_that_reads_is_called_without_the_detour(target: Target) -> None:
    needed = {"execute_sales_query": {"postgresql_query": "select 1"}, "search_products": {"query_description": "x"},
              "find_similar_products": {"sku": "x"}, "get_store_performance": {"store_id": "Seattle"}}  # fmt: skip
    async with in_front(target) as (client, handed_on):
        for tool in READING:
            answer = await Sent(name=tool.__name__, arguments=needed.get(tool.__name__, {})).to(client)
            assert answer.status_code == 200, tool.__name__
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
    sent["other version"].headers["mcp-protocol-version"] = "2025-06-18"
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
    sent["version"].message["params"]["_meta"] |= NOT_PLAIN
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
