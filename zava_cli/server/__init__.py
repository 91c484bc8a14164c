"""Front 2: MCP for AI agents."""

from __future__ import annotations

import os

from zava_cli.infra import garbage

# Here too, since a worker process begins with this package.
garbage.begin()
# As it is imported FastMCP reads settings of its own from any .env of the current folder, trusted or not.
os.environ["FASTMCP_ENV_FILE"] = os.devnull
