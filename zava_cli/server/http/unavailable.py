"""Requests whose caller cannot even be looked up, because the database is away, are told to come again."""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from zava_cli.infra.errors import MCPError


def failure(_: Request, error: Exception) -> Response:
    """The answer where no tool runs yet, which could say it in its own way: 503 for what passes, else 500."""
    if not isinstance(error, MCPError) or error.retry_after is None:
        return PlainTextResponse("Internal Server Error", status_code=500)
    told = {"code": error.error_code, "message": error.message, "retryable": True, "retry_after": error.retry_after}
    headers = {"retry-after": str(max(1, round(error.retry_after)))}
    return JSONResponse({"error": told}, status_code=503, headers=headers)


class Answered:
    """ASGI middleware: an error that `failure` has answered is none of uvicorn's, which would log it as a crash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        with suppress(MCPError):
            await self._app(scope, receive, send)
