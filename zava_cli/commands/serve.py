"""`zava serve`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from zava_cli.commands import diagnostics, runtime


def serve(
    admin: Annotated[
        bool, typer.Option("--admin", help="Offer the tools that write too: seed_database and embed_products.")
    ] = False,
) -> None:
    """Answer AI agents over MCP on standard input and output, as one manager.

    Example: zava serve --as seattle
    """
    # FastMCP reads settings of its own from any .env of the current folder, trusted or not.
    os.environ["FASTMCP_ENV_FILE"] = os.devnull
    from zava_cli.server.app import build_server
    from zava_cli.server.stdio import serve_stdio

    settings = runtime.settings()
    server = build_server(runtime.target(), identity=settings.identity, administrator=admin)
    if sys.stdin.isatty():
        diagnostics.note("Waiting for an MCP client on standard input; zava mcp-config connects one. Ctrl+C ends.")
    runtime.run(lambda: serve_stdio(server, settings.serve_grace))
