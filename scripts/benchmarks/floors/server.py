"""The floor of an MCP server: FastMCP and asyncpg in thirty lines, every query of everybody, no safety at all.

`server.py` speaks on its pipes, `server.py PORT` on HTTP. DATABASE_URL says where; FASTMCP_* variables apply.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastmcp import Context, FastMCP


@asynccontextmanager
async def pool(server: FastMCP[Any]) -> AsyncIterator[dict[str, Any]]:
    """As many connections as zava has."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10) as connections:
        yield {"pool": connections}


mcp = FastMCP("floor", lifespan=pool)


@mcp.tool(output_schema=None)
async def execute_sql(sql: str, context: Context) -> str:
    """Run one SQL statement."""
    rows = await context.lifespan_context["pool"].fetch(sql)
    return json.dumps([dict(row) for row in rows], separators=(",", ":"), default=str)


if len(sys.argv) > 1:
    mcp.run("http", port=int(sys.argv[1]), show_banner=False, log_level="error")
else:
    mcp.run("stdio", show_banner=False, log_level="error")
