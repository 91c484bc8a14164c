"""Who was turned away leaves a record too: requests that are answered 401, as many of them as the log can bear."""

from __future__ import annotations

from contextlib import suppress

from fastmcp.server.middleware.rate_limiting import TokenBucketRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zava_cli.infra.errors import AuthorizationError
from zava_cli.infra.operations import OperationRecord, RecordSink, Way, operation
from zava_cli.infra.token_text import prefix_of
from zava_cli.server.authentication.proxy import VOUCHED

OPERATION = "authenticate"
UNAUTHORIZED = 401
MOST_AT_ONCE = 100
MOST_PER_SECOND = 5
"""Anybody who reaches the port can be turned away: that must not fill the log."""


class RecordedRefusals:
    """ASGI middleware, around the one that authenticates."""

    def __init__(self, app: ASGIApp, sink: RecordSink) -> None:
        self._app = app
        self._sink = sink
        self._bucket = TokenBucketRateLimiter(MOST_AT_ONCE, MOST_PER_SECOND)
        self._left_out = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == UNAUTHORIZED:
                await self._note(scope)
            await send(message)

        await self._app(scope, receive, watched)

    async def _note(self, scope: Scope) -> None:
        if not await self._bucket.consume():
            self._left_out += 1
            return
        who, what = _credentials(scope)
        if self._left_out:
            what += f"; {self._left_out} before it are not recorded"
            self._left_out = 0
        client = scope.get("client")
        record = OperationRecord(OPERATION, Way.MCP_HTTP, who, client and client[0], refused=what)
        with suppress(AuthorizationError), operation(record, self._sink):
            raise AuthorizationError(what)


def _credentials(scope: Scope) -> tuple[str | None, str]:
    """Whom the caller said to be, as far as that is no secret, and what did not do."""
    if VOUCHED in scope:
        return scope[VOUCHED], "no manager of that name"
    kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None, "no token"
    prefix = prefix_of(token)
    return (f"token {prefix}" if prefix else None), "token that opens nothing"
