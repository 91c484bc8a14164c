"""MCP as a way in for `zava security prove`: real servers and real clients, asked one statement at a time."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self, cast

import httpx2
from fastmcp import Client
from fastmcp.client.transports import ClientTransport, StdioTransport, StreamableHttpTransport
from fastmcp.server.auth import AccessToken, TokenVerifier
from mcp import MCPError as ProtocolError
from mcp_types import CallToolResult

from zava_cli.data.callers import Caller
from zava_cli.data.target import Target
from zava_cli.infra import operations
from zava_cli.infra.errors import DatabaseUnavailableError
from zava_cli.infra.settings import Settings
from zava_cli.models.prove import Answer
from zava_cli.models.scopes import Scope
from zava_cli.server.http.app import MCP_PATH, build_http_app
from zava_cli.server.http.serving import listen, served_beside
from zava_cli.server.state import MANAGER_CLAIM, ServerState
from zava_cli.services.prove.ways import PROGRAM, SECONDS, Ask, Way, child_environment

PATIENCE = 30
TOOL = "execute_sales_query"
LOOPBACK = "127.0.0.1"
UNAUTHORIZED = 401


class McpStdio(Way):
    """`zava serve` as an MCP client starts it."""

    name = "mcp-stdio"
    sample = 3
    caps_bytes = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @asynccontextmanager
    async def open(self, manager: Caller) -> AsyncGenerator[Ask]:
        """Starts a server for a manager."""
        program, *arguments = PROGRAM
        transport = StdioTransport(
            program, [*arguments, "serve"], env=child_environment(self._settings, manager), keep_alive=False,
            log_file=Path(os.devnull),
        )  # fmt: skip
        async with _asking(transport) as ask:
            yield ask


class ProofTokens(TokenVerifier):
    """Tokens that live as long as the proof: nothing is written to the database."""

    def __init__(self) -> None:
        super().__init__()
        self._managers: dict[str, str] = {}

    def issue(self, manager: Caller) -> str:
        """A new token for a manager."""
        token = secrets.token_urlsafe(32)
        self._managers[token] = str(manager.identity.manager_id)
        return token

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who holds the token."""
        manager = self._managers.get(token)
        if manager is None:
            return None
        scopes = [scope.value for scope in Scope]
        return AccessToken(token=token, client_id=manager, scopes=scopes, claims={MANAGER_CLAIM: manager})


class McpHttp(Way):
    """`zava serve --http` on loopback, in this process; one server for all managers, each with a token."""

    name = "mcp-http"
    sample = 3
    caps_bytes = True

    def __init__(self, target: Target) -> None:
        # As fast as the attacks come: how often one may ask is no part of the proof.
        changed = {"http_rate": 1e6, "statement_timeout": SECONDS, "http_tls_certificate": None, "http_tls_key": None}
        self._settings = target.settings.model_copy(update=changed)
        self._tokens = ProofTokens()
        self._bound = listen(LOOPBACK, 0)
        self._url = f"http://{LOOPBACK}:{self._bound.getsockname()[1]}{MCP_PATH}"
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        state = ServerState(Target(self._settings), None, operations.Way.MCP_HTTP)
        application = build_http_app(state, auth=self._tokens)
        await self._running.enter_async_context(served_beside(application, self._settings, self._bound))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._running.aclose()

    @asynccontextmanager
    async def open(self, manager: Caller) -> AsyncGenerator[Ask]:
        """Connects with a token of the manager's."""
        async with _asking(StreamableHttpTransport(self._url, auth=self._tokens.issue(manager))) as ask:
            yield ask

    async def strangers(self) -> dict[str, bool]:
        """Requests without a token that is good."""
        tried = {
            "without a token": {},
            "with a token of nobody": {"Authorization": f"Bearer {secrets.token_urlsafe(32)}"},
            "with half a token": {"Authorization": f"Bearer {secrets.token_urlsafe(4)}"},
            "with a name and password": {"Authorization": "Basic emF2YTp6YXZh"},
            "with the name of head office in a header": {"x-rls-user-id": "00000000-0000-0000-0000-000000000000"},
        }
        question = {
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": TOOL, "arguments": {"postgresql_query": "select name from stores"}},
        }  # fmt: skip
        async with httpx2.AsyncClient(headers={"Accept": "application/json, text/event-stream"}) as client:
            return {
                name: (await client.post(self._url, json=question, headers=headers)).status_code == UNAUTHORIZED
                for name, headers in tried.items()
            }


@asynccontextmanager
async def _asking(transport: ClientTransport) -> AsyncGenerator[Ask]:
    """A connected client's query tool; DatabaseUnavailableError when the server does not answer."""
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(Client(transport))
        except (ProtocolError, RuntimeError, OSError) as exc:
            raise DatabaseUnavailableError("The MCP server did not start.", hint="Try `zava serve`.") from exc

        async def ask(sql: str) -> Answer:
            try:
                return _answer(await client.call_tool_mcp(TOOL, {"postgresql_query": sql}, timeout=PATIENCE))
            except ProtocolError as exc:
                return Answer(str(exc), DatabaseUnavailableError.error_code)

        yield ask


def _answer(result: CallToolResult) -> Answer:
    """The whole result as text, with what it says about itself."""
    texts = [content.text for content in result.content if content.type == "text"]
    # Once as it is, since JSON escapes what a detector looks for.
    said = "\n".join([*texts, result.model_dump_json()])
    if result.is_error:
        error = cast("dict[str, dict[str, Any]]", result.structured_content or {}).get("error", {})
        return Answer(said, error.get("code", "UNKNOWN"), error.get("sqlstate"))
    return Answer(said, truncated=bool(json.loads(texts[0]).get("truncated")))
