"""The floor of an MCP server: FastMCP and asyncpg in forty lines, every query of everybody, no safety at all.

`server.py` speaks on its pipes, `server.py PORT` on HTTP. DATABASE_URL says where; FASTMCP_* variables apply. With
STORE_ID it has what manuals show first: a read-only transaction, and row security by a setting.
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

STORE_ID = os.environ.get("STORE_ID")


@asynccontextmanager
async def pool(server: FastMCP[Any]) -> AsyncIterator[dict[str, Any]]:
    """As many connections as zava has."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10) as connections:
        yield {"pool": connections}


mcp = FastMCP("floor", lifespan=pool)


async def within_a_store(connection: Any, sql: str, store_id: str) -> list[Any]:
    """What the policies let one store see."""
    async with connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('app.store_id', $1, true)", store_id)
        return await connection.fetch(sql)


@mcp.tool(output_schema=None)
async def execute_sql(sql: str, context: Context) -> str:
    """Run one SQL statement."""
    async with context.lifespan_context["pool"].acquire() as connection:
        rows = await (connection.fetch(sql) if STORE_ID is None else within_a_store(connection, sql, STORE_ID))
    return json.dumps([dict(row) for row in rows], separators=(",", ":"), default=str)


if len(sys.argv) > 1:
    # As zava answers by default; an event stream would cost more.
    mcp.run("http", port=int(sys.argv[1]), json_response=True, show_banner=False, log_level="error")
else:
    mcp.run("stdio", show_banner=False, log_level="error")
