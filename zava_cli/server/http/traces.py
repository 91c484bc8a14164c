"""Continues the trace of whoever calls over HTTP."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from zava_cli.infra.tracing import continuing

HEADERS = {b"traceparent"}


class ContinuedTraces:
    """Puts a request into the trace that its headers name; a caller over MCP may name one in `_meta` instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        headers = scope.get("headers", ())
        carrier = {name.decode(): value.decode("latin-1") for name, value in headers if name in HEADERS}
        with continuing(carrier):
            await self._app(scope, receive, send)
