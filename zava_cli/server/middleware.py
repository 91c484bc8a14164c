"""What surrounds the calls of tools, whichever way they come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from fastmcp import Context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

Told = ToolResult | str
"""What a tool answers: a text, or the shape that FastMCP gives to it and that errors have."""
Run = Callable[[], Awaitable[Told]]
"""The rest of a call: further middleware, and the tool in the end."""


class ToolCall(NamedTuple):
    """Which tool, and name and version of the program that asks for it, where it says so."""

    tool: str
    program: str | None


class ToolMiddleware(Middleware):
    """FastMCP middleware that says in one place what it does to a call, for those that come past FastMCP as well.

    FastMCP's own way to its method for tools is five functions for each message and each middleware.
    """

    async def around(self, call: ToolCall, run: Run) -> Told:
        """The result of a call, of which `run` is the rest."""
        return await run()

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Handles one message."""
        if context.method != "tools/call":
            return await call_next(context)
        call = ToolCall(context.message.name, program_of(context.fastmcp_context))
        return await self.around(call, partial(call_next, context))


def program_of(context: Context | None) -> str | None:
    """Name and version of the client's program, where it says so."""
    # Raised where a context is asked outside of a session.
    with suppress(RuntimeError):
        params = context.session.client_params if context else None
        return f"{params.client_info.name} {params.client_info.version}" if params else None
    return None
