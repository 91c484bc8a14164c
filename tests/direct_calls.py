"""Requests by hand to the whole HTTP application, by the direct way and past it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.http_serving import ACCEPT, HANDSHAKE, MODERN
from tests.stdio_serving import INITIALIZE
from zava_cli.data.target import Target
from zava_cli.infra.operations import Way
from zava_cli.server.bare import BareServer
from zava_cli.server.http.app import MCP_PATH, build_http_app
from zava_cli.server.middleware import Run, ToolCall
from zava_cli.server.state import ServerState

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
QUERY = {"name": "execute_sales_query", "arguments": {"postgresql_query": "select 1 as one"}}
TO_THE_SDK = [("x-other", "1"), ("x-other", "2")]
"""Headers that nobody reads; the direct way leaves alone what has one of them twice."""


@dataclass(frozen=True)
class Spoken:
    """How a client speaks: the version in its headers, None for none, and whether there are sessions."""

    version: str | None
    sessions: bool = False

    def __str__(self) -> str:
        return f"{self.version}, {'sessions' if self.sessions else 'stateless'}"

    @property
    def is_modern(self) -> bool:
        """Whether each request stands alone."""
        return self.version == MODERN


SPOKEN = [
    Spoken(MODERN),
    *(Spoken(version, sessions) for version in (None, "2024-11-05", "2025-03-26", HANDSHAKE, "2025-11-25")
      for sessions in (False, True)),
]  # fmt: skip


class Sent:
    """One request, to be spoilt."""

    def __init__(self, spoken: Spoken = SPOKEN[0], **params: Any) -> None:
        self.headers = {"accept": ACCEPT, "content-type": "application/json"}
        if spoken.version is not None:
            self.headers["mcp-protocol-version"] = spoken.version
        if spoken.is_modern:
            params["_meta"] = params.get("_meta", {}) | META
            self.headers |= {"mcp-method": "tools/call", "mcp-name": params["name"]}
        self.message: Any = {"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params}
        self.more: list[tuple[str, str]] = []
        self.body: bytes | None = None

    async def to(self, client: httpx2.AsyncClient) -> httpx2.Response:
        """The answer to it."""
        content = json.dumps(self.message).encode() if self.body is None else self.body
        return await client.post(MCP_PATH, content=content, headers=[*self.headers.items(), *self.more])


@dataclass
class Served:
    """A client of the whole application, with a session where its version has any."""

    client: httpx2.AsyncClient
    direct: list[str]
    """The tools that were called by the direct way."""

    async def both(self, sent: Sent) -> list[httpx2.Response]:
        """The answer that comes first, and the one of the SDK."""
        answers = [await sent.to(self.client)]
        sent.more += TO_THE_SDK
        return [*answers, await sent.to(self.client)]


def open_state(target: Target, **settings: Any) -> ServerState:
    """The state of a server that answers everybody as one manager."""
    changed = target.settings.model_copy(update={"cache_seconds": 0.0, **settings})
    return ServerState(Target(changed), "seattle", Way.MCP_HTTP)


@asynccontextmanager
async def served(target: Target, spoken: Spoken, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """The application; of a session the SDK has answered one call already."""
    direct: list[str] = []
    surrounded = BareServer.surrounded

    async def noted(server: BareServer, call: ToolCall, run: Run) -> Any:
        direct.append(call.tool)
        return await surrounded(server, call, run)

    monkeypatch.setattr(BareServer, "surrounded", noted)
    application = build_http_app(open_state(target, http_sessions=spoken.sessions, http_rate=1e6), auth=None)
    transport = httpx2.ASGITransport(application.asgi)
    async with application.lifespan(), httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        if spoken.sessions:
            await open_session(client, spoken)
        yield Served(client, direct)


async def open_session(client: httpx2.AsyncClient, spoken: Spoken, program: str = "test") -> None:
    """Shakes hands, in a session where the client is in one, and calls once."""
    params = {**INITIALIZE["params"], "protocolVersion": spoken.version or "2025-03-26"}
    params["clientInfo"] = {"name": program, "version": "1"}
    first = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    answer = await client.post(MCP_PATH, json=first, headers={"accept": ACCEPT})
    client.headers["mcp-session-id"] = answer.headers["mcp-session-id"]
    assert (await Sent(spoken, **QUERY).to(client)).status_code == 200
