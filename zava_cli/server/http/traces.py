"""Continues the trace of whoever calls over HTTP."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from zava_cli.infra.tracing import continuing

HEADERS = {b"traceparent"}


class ContinuedTraces:
    """ASGI middleware, inside of authentication: puts a request into the trace that its headers name.

    Unless the server `is_open` to everybody, a caller without credentials is not believed: they could have their
    refusals sampled, or appear in somebody else's trace. A caller over MCP may name a trace in `_meta` instead.
    """

    def __init__(self, app: ASGIApp, *, is_open: bool) -> None:
        self._app = app
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        user = scope.get("user")
        if not self._is_open and (user is None or not user.is_authenticated):
            await self._app(scope, receive, send)
            return
        headers = scope.get("headers", ())
        carrier = {name.decode(): value.decode("latin-1") for name, value in headers if name in HEADERS}
        with continuing(carrier):
            await self._app(scope, receive, send)
