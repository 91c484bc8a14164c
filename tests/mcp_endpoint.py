"""A real MCP endpoint over HTTP that answers who it takes the caller for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token

from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings
from zava_cli.server.authentication.authentication import authentication
from zava_cli.server.http.app import HttpApplication
from zava_cli.server.http.serving import listen, served_beside
from zava_cli.server.state import MANAGER_CLAIM

HOST = "127.0.0.1"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
HEADERS = {"accept": "application/json, text/event-stream"}


@dataclass
class Endpoint:
    """Where it is."""

    url: str
    client: httpx2.AsyncClient

    async def ask(self, token: str | None = None, headers: list[tuple[str, str]] | None = None) -> httpx2.Response:
        """One call with that token and those further headers."""
        given = [*HEADERS.items(), *(headers or [])]
        if token is not None:
            given.append(("authorization", f"Bearer {token}"))
        return await self.client.post(f"{self.url}/mcp", json=CALL, headers=given)

    async def who(self, token: str | None = None, headers: list[tuple[str, str]] | None = None) -> dict[str, Any]:
        """Who the endpoint takes the caller for."""
        answer = await self.ask(token, headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]["structuredContent"]


@asynccontextmanager
async def endpoint(target: Target, **settings: Any) -> AsyncIterator[Endpoint]:
    """The endpoint on a port of its own, served as the product's, with those settings on top of the target's."""
    merged = Settings.model_validate({**target.settings.model_dump(exclude_unset=True), **settings})
    provider = PostgreSQLProvider(Target(merged), serving=True)
    server = FastMCP("who", auth=authentication(Target(merged), provider, "https://zava.example"))

    @server.tool
    async def whoami() -> dict[str, Any]:
        """Who is asking."""
        token = get_access_token()
        assert token is not None
        caller = await provider.identify(token.claims[MANAGER_CLAIM])
        return {
            "name": caller.identity.name, "scopes": token.scopes, "client": token.client_id, "kept": token.token,
        }  # fmt: skip

    try:
        app = server.http_app(stateless_http=True, json_response=True)
        application = HttpApplication(app, lambda: app.router.lifespan_context(app))
        bound = listen(HOST, 0)
        async with _in_a_task(served_beside(application, merged, bound)), httpx2.AsyncClient(timeout=30) as client:
            yield Endpoint(f"http://{HOST}:{bound.getsockname()[1]}", client)
    finally:
        await provider.close()


@asynccontextmanager
async def _in_a_task(context: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """Enters and leaves it in one task, which pytest does not do with what a fixture opens."""
    over = asyncio.Event()

    async def keep_open() -> None:
        async with context:
            await over.wait()

    task = asyncio.create_task(keep_open())
    try:
        yield
    finally:
        over.set()
        await task
