"""The MCP server: its tools, its instructions, and what it owns while it runs."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AuthProvider

from zava_cli import __version__
from zava_cli.data.target import Target
from zava_cli.infra.operations import Way
from zava_cli.server.bare import BareServer
from zava_cli.server.errors import ErrorMiddleware
from zava_cli.server.instructions import INSTRUCTIONS
from zava_cli.server.middleware import ToolMiddleware
from zava_cli.server.state import ServerState, opened
from zava_cli.server.tools.clock import get_current_utc_date
from zava_cli.server.tools.health import check_health
from zava_cli.server.tools.query import execute_sales_query
from zava_cli.server.tools.schema import get_table_schemas
from zava_cli.server.tools.search import find_similar_products, search_products
from zava_cli.server.tools.store import get_store_performance
from zava_cli.server.warm_up import WarmUp

READING = [
    get_table_schemas, execute_sales_query, search_products, find_similar_products, get_store_performance,
    get_current_utc_date, check_health,
]  # fmt: skip


def build_server(target: Target, *, identity: str | None, administrator: bool = False) -> FastMCP[dict[str, Any]]:
    """A server that answers as `identity`; `administrator` adds the tools that write. Errors as for server_of."""
    if administrator:
        # Fails here, not in the middle of a conversation.
        _ = target.admin_dsn
    return server_of(ServerState(target, identity, Way.MCP_STDIO), administrator=administrator)


def server_of(
    state: ServerState,
    *,
    administrator: bool = False,
    auth: AuthProvider | None = None,
    middleware: Sequence[ToolMiddleware] = (),
) -> BareServer:
    """A server that answers for `state`; `administrator` adds the tools that write.

    Entering its lifespan connects and looks the identity up, where the server has one: AuthorizationError,
    ValidationError, DatabaseUnavailableError. An administrator starts without, since a new database has no
    managers yet; with `auth` each caller has an identity of their own.
    """
    _silence_libraries()

    warm_up = WarmUp(state)

    @asynccontextmanager
    async def lifespan(_: FastMCP[dict[str, Any]]) -> AsyncGenerator[dict[str, Any]]:
        async with opened(state, identify=not administrator and auth is None) as shared, warm_up:
            yield shared

    server = BareServer(
        "zava",
        INSTRUCTIONS,
        version=__version__,
        lifespan=lifespan,
        auth=auth,
        middleware=[ErrorMiddleware(state), *middleware, warm_up],
        mask_error_details=True,
        # No schema here refers to another.
        dereference_schemas=False,
    )
    for tool in [*READING, *(_writing() if administrator else [])]:
        server.add_tool(tool)
    return server


def _writing() -> list[Any]:
    # They generate data with numpy, which a server for readers need not wait for.
    from zava_cli.server.tools.admin import embed_products, seed_database

    return [seed_database, embed_products]


def _silence_libraries() -> None:
    """Keeps tracebacks of handled errors, with whatever values they hold, off stderr; zava's own log has its own."""
    for name in ("fastmcp", "mcp", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
