"""What surrounds the calls of tools."""

from __future__ import annotations

from typing import Any

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext


class ToolMiddleware(Middleware):
    """FastMCP middleware with `on_call_tool` alone.

    FastMCP's own way to that method is five functions for each message and each middleware.
    """

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Handles one message."""
        if context.method == "tools/call":
            return await self.on_call_tool(context, call_next)
        return await call_next(context)
