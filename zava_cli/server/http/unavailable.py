"""Who is told to come again later hears when, as a header too, and also where no tool can say so.

That is where too many requests are no tool's, the database is away before anybody is known, or the server ends.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zava_cli.infra.errors import MCPError, ServerUnavailableError
from zava_cli.server.errors import RETRY

STOPPING = "The server is stopping; nothing came of this request."
HEADER = "retry-after"


def failure(_: Request, error: Exception) -> Response:
    """The answer where no tool runs yet, which could say it in its own way: 503 for what passes, else 500."""
    if not isinstance(error, MCPError) or error.retry_after is None:
        return PlainTextResponse("Internal Server Error", status_code=500)
    told = {"code": error.error_code, "message": error.message, "retryable": True, "retry_after": error.retry_after}
    return JSONResponse({"error": told}, status_code=503, headers={HEADER: _whole(error.retry_after)})


class Answered:
    """ASGI middleware: an error that `failure` has answered is none of uvicorn's, which would log it as a crash.

    Who is still waiting when the server ends is told to come again, where uvicorn would say 500. A request's state says
    after how many seconds its caller may come again, and an answer says so unless it has begun as a stream by then.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            retry = scope.get("state", {}).get(RETRY)
            if retry is not None and message["type"] == "http.response.start":
                seconds, status = retry
                MutableHeaders(scope=message)[HEADER] = _whole(seconds)
                message["status"] = status or message["status"]
            await send(message)

        try:
            with suppress(MCPError):
                await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if has_begun:
                raise
            await failure(Request(scope), ServerUnavailableError(STOPPING))(scope, receive, send)


def _whole(seconds: float) -> str:
    return str(max(1, math.ceil(seconds)))
