"""A FastMCP server that keeps nothing of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fastmcp import FastMCP
from fastmcp.tools import FunctionTool, Tool

from zava_cli.server.middleware import Run, Told, ToolCall, ToolMiddleware


class BareServer(FastMCP[dict[str, Any]]):
    """Offers what it was given, to every session alike."""

    def __init__(self, *arguments: Any, middleware: Sequence[ToolMiddleware], **options: Any) -> None:
        super().__init__(*arguments, middleware=middleware, **options)
        self.by_name: dict[str, FunctionTool] = {}
        self._around = middleware

    def add_tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Takes a tool, and keeps it at hand by its name."""
        added = super().add_tool(tool)
        if isinstance(added, FunctionTool):
            self.by_name[added.name] = added
        return added

    async def surrounded(self, call: ToolCall, run: Run) -> Told:
        """The result of a call that came past FastMCP: `run`, with the same middleware around it as any other."""
        for one in reversed(self._around):
            run = partial(one.around, call, run)
        return await run()

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
