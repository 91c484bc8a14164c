"""A FastMCP server that keeps nothing of a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmcp import FastMCP
from fastmcp.tools import FunctionTool, Tool


class BareServer(FastMCP[dict[str, Any]]):
    """Offers what it was given, to every session alike."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.offered: dict[str, FunctionTool] = {}

    def add_tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Takes a tool, and keeps it at hand by its name."""
        added = super().add_tool(tool)
        if isinstance(added, FunctionTool):
            self.offered[added.name] = added
        return added

    @property
    def _state_store(self) -> Any:
        # FastMCP asks it on every request for the tools that a session has hidden. Nothing here hides any, and
        # FastMCP's own store takes a sixth of the whole start to import.
        return _NO_STATE


class _NoState:
    """What FastMCP reads of a session's state."""

    async def get(self, *, key: str) -> None:
        """Nothing was ever put there."""


_NO_STATE = _NoState()
