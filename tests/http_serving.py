"""Runs `zava serve --http` as a process, and speaks to it as clients of every protocol version do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.stdio_serving import INITIALIZE, PATIENCE, environment
from zava_cli.data.target import Target

MODERN = "2026-07-28"
HANDSHAKE = "2025-06-18"
ACCEPT = "application/json, text/event-stream"
MODES = {
    "sessions, streams": {"ZAVA_HTTP_SESSIONS": "true", "ZAVA_HTTP_JSON": "false"},
    "sessions, JSON": {"ZAVA_HTTP_SESSIONS": "true", "ZAVA_HTTP_JSON": "true"},
    "stateless, streams": {"ZAVA_HTTP_SESSIONS": "false", "ZAVA_HTTP_JSON": "false"},
    "stateless, JSON": {"ZAVA_HTTP_SESSIONS": "false", "ZAVA_HTTP_JSON": "true"},
}


@dataclass
class HttpServer:
    """A running server; `url` is that of its MCP endpoint."""

    process: subprocess.Popen[str]
    url: str
    said: list[str] = field(default_factory=list[str])

    @property
    def root(self) -> str:
        """Without the endpoint's path."""
        return self.url.removesuffix("/mcp")

    @property
    def port(self) -> int:
        """Where it listens on this machine."""
        return int(self.root.rpartition(":")[2])

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


@contextmanager
def http_server(target: Target, *arguments: str, **variables: str) -> Iterator[HttpServer]:
    """A server that listens on a port of its own."""
    command = [sys.executable, "-m", "zava_cli", "serve", "--http", "--port", "0", *arguments]
    with subprocess.Popen(
        command, env=environment(target, **variables), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            said: list[str] = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"Listening on (\S+/mcp)", line):
                    yield HttpServer(process, found[1], said)
                    return
            raise AssertionError(f"the server did not start: {''.join(said)}")
        finally:
            process.kill()


@dataclass
class Caller:
    """One client by plain HTTP: what it sends with every request, and the number of its next one."""

    client: httpx2.AsyncClient
    url: str
    headers: dict[str, str]
    modern: bool = False
    number: int = 1

    async def request(self, method: str, **params: Any) -> dict[str, Any]:
        """The JSON-RPC answer to a request."""
        return message(await self.send(method, **params))

    async def send(self, method: str, **params: Any) -> httpx2.Response:
        """The HTTP answer to a request."""
        self.number += 1
        headers = dict(self.headers)
        if self.modern:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            headers |= {"mcp-method": method} | ({"mcp-name": params["name"]} if "name" in params else {})
        body = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        return await self.client.post(self.url, json=body, headers=headers)

    async def notify(self, method: str, **params: Any) -> int:
        """Sends a notification; the status of the answer."""
        body = {"jsonrpc": "2.0", "method": method, "params": params}
        return (await self.client.post(self.url, json=body, headers=self.headers)).status_code

    async def ask(self, sql: str) -> dict[str, Any]:
        """The result of a query."""
        answer = await self.request("tools/call", name="execute_sales_query", arguments={"postgresql_query": sql})
        if "result" not in answer:
            raise KeyError(answer)
        return answer["result"]


@asynccontextmanager
async def calling(url: str, *, modern: bool = False, token: str | None = None) -> AsyncIterator[Caller]:
    """A client that has shaken hands where its protocol version wants that."""
    headers = {"accept": ACCEPT, "mcp-protocol-version": MODERN if modern else HANDSHAKE}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        caller = Caller(client, url, headers, modern)
        if not modern:
            answer = await client.post(url, json={"jsonrpc": "2.0", **INITIALIZE}, headers=headers)
            if session := answer.headers.get("mcp-session-id"):
                headers["mcp-session-id"] = session
            await caller.notify("notifications/initialized")
        yield caller


def message(response: httpx2.Response) -> dict[str, Any]:
    """The JSON-RPC message that an HTTP answer holds, in either of its forms."""
    if response.headers["content-type"].startswith("text/event-stream"):
        return json.loads(next(line[6:] for line in response.text.splitlines() if line.startswith("data: ")))
    return response.json()
