"""Requests whose head can be read in two ways are refused: a proxy in front may have read it in the other one."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

DECIDING = {
    name.lower().encode(): name
    for name in (
        "Authorization", "Content-Length", "Content-Type", "Host", "Mcp-Protocol-Version", "Mcp-Session-Id", "Origin",
        "Transfer-Encoding",
    )
}  # fmt: skip
"""Headers that decide who asks, for what and how much."""
# What a proxy that goes by the other one takes for a body would be a request of its own here, on the proxy's word.
TWO_LENGTHS = {b"content-length", b"transfer-encoding"}


class PlainHeads:
    """ASGI middleware: 400 for a request with two of a header that decides something, or without a host.

    The host is as RFC 9112, 3.2 demands it; the others are those that nginx refuses too, and MCP's own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        fault = _fault(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(f"The request {fault}.", status_code=400, headers={"connection": "close"})
        await refusal(scope, receive, send)


def _fault(scope: Scope) -> str | None:
    given = [name for name, _ in scope["headers"] if name in DECIDING]
    once = set(given)
    if len(once) < len(given):
        twice = next(name for name in given if given.count(name) > 1)
        return f"has more than one {DECIDING[twice]} header"
    if once >= TWO_LENGTHS:
        return "says twice how long it is"
    if b"host" not in once and scope["http_version"] == "1.1":
        return "has no Host header"
    return None
