"""MCP as a way in for `zava security prove`: a real server and a real client, asked one statement at a time."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from fastmcp import Client
from fastmcp.client.transports import ClientTransport, StdioTransport
from mcp_types import CallToolResult

from zava_cli.data.callers import Caller
from zava_cli.infra.settings import Settings
from zava_cli.models.prove import Answer
from zava_cli.services.prove.ways import PROGRAM, Ask, child_environment

PATIENCE = 30
TOOL = "execute_sales_query"


class McpStdio:
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
        async with asking(transport) as ask:
            yield ask


@asynccontextmanager
async def asking(transport: ClientTransport) -> AsyncGenerator[Ask]:
    """A connected client's query tool."""
    async with Client(transport) as client:

        async def ask(sql: str) -> Answer:
            return _answer(await client.call_tool_mcp(TOOL, {"postgresql_query": sql}, timeout=PATIENCE))

        yield ask


def _answer(result: CallToolResult) -> Answer:
    """The whole result as text, with what it says about itself."""
    said = result.model_dump_json()
    texts = [content.text for content in result.content if content.type == "text"]
    if result.is_error:
        error = cast("dict[str, dict[str, Any]]", result.structured_content or {}).get("error", {})
        # Once as it is, since JSON escapes what a detector looks for.
        return Answer("\n".join([*texts, said]), error.get("code", "UNKNOWN"), error.get("sqlstate"))
    body = json.loads(texts[0])
    return Answer("\n".join([*texts, said]), truncated=bool(body.get("truncated")))
