"""The one boundary of the MCP front: every error ends here as a tool result with a code, a message and a way out."""

from __future__ import annotations

from typing import Any

from fastmcp.exceptions import FastMCPError, NotFoundError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.middleware.rate_limiting import RateLimitError
from fastmcp.tools.base import ToolResult
from mcp_types import CallToolRequestParams
from pydantic import ValidationError as PydanticError

from zava_cli.infra.errors import DatabaseError, MCPError, RateLimitedError, ValidationError
from zava_cli.infra.operations import operation
from zava_cli.server.state import ServerState


class ErrorMiddleware(Middleware):
    """Logs every call as one operation; what fails is answered with isError, not with a protocol error."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Runs the tool."""
        try:
            with operation(f"tool {context.message.name}", identity=self._state.who()):
                try:
                    return await call_next(context)
                except RateLimitError:
                    raise RateLimitedError from None
                except (FastMCPError, NotFoundError) as exc:
                    raise _original(exc, context.message.name) from None
        except MCPError as error:
            return error_result(error)


def error_result(error: MCPError) -> ToolResult:
    """The answer for an error: a sentence for the model, the same in parts for programs."""
    parts: dict[str, Any] = {"code": error.error_code, "message": error.message, "hint": error.hint}
    if isinstance(error, DatabaseError):
        parts |= {"detail": error.detail, "sqlstate": error.sqlstate, "position": error.position}
    text = f"{error.error_code}: {error.message}"
    if parts.get("position"):
        text += f" (at character {parts['position']})"
    for label in ("detail", "hint"):
        if parts.get(label):
            text += f"\n{label.capitalize()}: {parts[label]}"
    return ToolResult(
        content=text,
        structured_content={"error": {name: value for name, value in parts.items() if value is not None}},
        is_error=True,
    )


def _original(exc: Exception, tool: str) -> Exception:
    """What FastMCP wrapped: an error of the family, a bad argument, or something unforeseen."""
    if isinstance(exc, NotFoundError):
        return ValidationError(
            "tool", tool, "there is no such tool for you", hint="tools/list names those that you have."
        )
    cause = exc.__cause__ or exc
    if isinstance(cause, PydanticError):
        first = cause.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "arguments"
        return ValidationError(field, None, first["msg"], hint="The tool's input schema says what it may be.")
    return cause if isinstance(cause, Exception) else exc
