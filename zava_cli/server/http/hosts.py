"""Which hosts and origins requests may name, against DNS rebinding: FastMCP's guard, which is not asked twice."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cachetools import LRUCache
from fastmcp.server.http import HostOriginGuardMiddleware
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

NAMED = {b"host", b"origin"}
MOST = 100
HOST = re.compile(r"(\[[^][\s,/@]*\]|[^][\s,/@:]*)(:[0-9]*)?")
"""A name or an address, and a port. FastMCP's guard passes over whatever follows a colon or an address in brackets."""


class KnownHosts:
    """ASGI middleware: refuses what is no host and what HostOriginGuardMiddleware refuses; remembers what passed.

    It decides by its settings, the address that the connection was made to, the scheme and two headers.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._guard = HostOriginGuardMiddleware(self._pass, allowed_hosts=allowed or None, mode="auto")
        self._passed: LRUCache[object, bool] = LRUCache(MOST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        is_known = scope["type"] == "http" and self._passed.get(_asked(scope), False)
        if not is_known and scope["type"] == "http" and not HOST.fullmatch(Headers(scope=scope).get("host", "")):
            await PlainTextResponse("Misdirected Request", status_code=421)(scope, receive, send)
            return
        await (self._app if is_known else self._guard)(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._passed[_asked(scope)] = True
        await self._app(scope, receive, send)


def _asked(scope: Scope) -> object:
    named = tuple(header for header in scope["headers"] if header[0] in NAMED)
    return named, scope.get("scheme"), scope.get("server")
