"""What is known of the sessions in which tools were called of late, so that their next calls need not ask the SDK.

The SDK remains the one that opens, checks and ends sessions. What it let pass is believed for a minute, for the same
caller; so one call a minute also tells it that a session is in use.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from cachetools import LRUCache
from fastmcp import Context
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, MiddlewareContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, AuthorizationContext, authorization_context
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from mcp.shared.dispatcher import coerce_request_id
from mcp.shared.jsonrpc_dispatcher import cancelled_request_id_from_params
from mcp_types import JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, RequestId
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.types import Scope

from zava_cli.server.middleware import ToolMiddleware, program_of

CANCELLED = "notifications/cancelled"
BELIEVED_SECONDS = 60.0
MOST = 10_000
"""As many as the SDK keeps."""
MOST_ENDED = 100
"""Of those that ended before their first call was answered."""


@dataclass
class CalledSession:
    """One session: the version that it negotiated, the client's program, and its calls that are being answered."""

    version: str
    program: str | None
    owner: AuthorizationContext | None
    seen_at: float
    is_over: bool = False
    _running: dict[RequestId, anyio.CancelScope] = field(default_factory=dict[RequestId, anyio.CancelScope])

    def may_answer(self, number: RequestId) -> bool:
        """Whether a call of that id may be answered without the SDK."""
        is_believed = time.monotonic() < self.seen_at + BELIEVED_SECONDS
        return is_believed and not self.is_over and coerce_request_id(number) not in self._running

    @contextmanager
    def running(self, number: RequestId) -> Generator[None]:
        """Lets the block be cancelled by the id of its request."""
        key = coerce_request_id(number)
        with anyio.CancelScope() as work:
            self._running[key] = work
            try:
                yield
            finally:
                del self._running[key]

    def notice(self, message: JSONRPCMessage) -> None:
        """Cancels a call whose client wants no answer any more, and asks the SDK again when it shakes hands anew."""
        if isinstance(message, JSONRPCRequest) and message.method == "initialize":
            self.seen_at = -math.inf
        elif isinstance(message, JSONRPCNotification) and message.method == CANCELLED:
            number = cancelled_request_id_from_params(message.params)
            work = None if number is None else self._running.get(coerce_request_id(number))
            if work is not None:
                work.cancel()

    def end(self) -> None:
        """Cancels all calls of a session that its client gives up, and lets the SDK say what becomes of it."""
        self.is_over = True
        for work in self._running.values():
            work.cancel()


class CalledSessions(ToolMiddleware):
    """FastMCP middleware that notes each session in which the SDK let a call pass."""

    def __init__(self) -> None:
        self._sessions: LRUCache[str, CalledSession] = LRUCache(MOST)
        self._ended: LRUCache[str, bool] = LRUCache(MOST_ENDED)

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Handles one message."""
        result = await super().__call__(context, call_next)
        if context.method == "tools/call" and context.fastmcp_context is not None:
            self._note(context.fastmcp_context, get_http_request())
        return result

    def _note(self, context: Context, request: Request) -> None:
        name, version = request.headers.get(MCP_SESSION_ID_HEADER), context.session.protocol_version
        # Those of the newest protocol may bear any name: nobody looks at it there.
        if name is None or name in self._ended or version not in HANDSHAKE_PROTOCOL_VERSIONS:
            return
        now, program = time.monotonic(), program_of(context)
        if name not in self._sessions:
            self._sessions[name] = CalledSession(version, program, _owner(request.scope), now)
        session = self._sessions[name]
        # A client may shake hands again.
        session.version, session.program, session.seen_at = version, program, now

    def find(self, name: str | None, scope: Scope) -> CalledSession | None:
        """A session of whoever sends that request; None where the SDK is to say what there is."""
        session = None if name is None else self._sessions.get(name)
        return None if session is None or session.owner != _owner(scope) else session

    def end(self, name: str | None, scope: Scope) -> None:
        """Ends a session that whoever sends that request gives up, also before its first call is answered."""
        session = self.find(name, scope)
        if session is not None:
            session.end()
        elif name is not None and name not in self._sessions:
            self._ended[name] = True


def _owner(scope: Scope) -> AuthorizationContext | None:
    """Whom the SDK compares with the one who opened a session."""
    user = scope.get("user")
    return authorization_context(user) if isinstance(user, AuthenticatedUser) else None
