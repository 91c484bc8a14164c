"""How many sessions one identity may open: the transport keeps a bounded number for everybody together."""

from __future__ import annotations

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from zava_cli.infra.rate import OwnRate, Rate
from zava_cli.server.state import MANAGER_CLAIM

AT_ONCE = 500
A_SECOND = 0.25
"""Of the 10,000 that the transport keeps for half an hour after their last request, nobody gets a tenth."""


class BoundedSessions:
    """ASGI middleware, inside of authentication: 429 for an identity that opens session after session."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._rate = OwnRate(Rate(A_SECOND, AT_ONCE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        who = _who(scope)
        if who is None or not _may_open(Headers(scope=scope)) or self._rate.may_ask(who):
            await self._app(scope, receive, send)
            return
        retry = {"retry-after": str(int(1 / A_SECOND))}
        await JSONResponse({"error": "too many sessions"}, status_code=429, headers=retry)(scope, receive, send)


def _who(scope: Scope) -> str | None:
    """The manager of an authenticated request."""
    token = getattr(scope.get("user"), "access_token", None) if scope["type"] == "http" else None
    return None if token is None else str(token.claims[MANAGER_CLAIM])


def _may_open(headers: Headers) -> bool:
    """Whether the transport would open a session: by the versions that have any, and unless there is one."""
    version = headers.get("mcp-protocol-version")
    return (version is None or version in HANDSHAKE_PROTOCOL_VERSIONS) and "mcp-session-id" not in headers
