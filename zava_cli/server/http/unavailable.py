"""Requests that no tool can answer, because the database is away or the server ends, are told to come again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zava_cli.infra.errors import MCPError, ServerUnavailableError

STOPPING = "The server is stopping; nothing came of this request."


def failure(_: Request, error: Exception) -> Response:
    """The answer where no tool runs yet, which could say it in its own way: 503 for what passes, else 500."""
    if not isinstance(error, MCPError) or error.retry_after is None:
        return PlainTextResponse("Internal Server Error", status_code=500)
    told = {"code": error.error_code, "message": error.message, "retryable": True, "retry_after": error.retry_after}
    headers = {"retry-after": str(max(1, round(error.retry_after)))}
    return JSONResponse({"error": told}, status_code=503, headers=headers)


class Answered:
    """ASGI middleware: an error that `failure` has answered is none of uvicorn's, which would log it as a crash.

    Who is still waiting when the server ends is told to come again, where uvicorn would say 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            with suppress(MCPError):
                await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if has_begun:
                raise
            await failure(Request(scope), ServerUnavailableError(STOPPING))(scope, receive, send)
