"""How often one identity may ask, over all processes of a server."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastmcp.server.dependencies import get_access_token
from fastmcp.server.middleware import CallNext, MiddlewareContext
from mcp import MCPError as ProtocolError

from zava_cli.infra.errors import RateLimitedError
from zava_cli.infra.rate import OwnRate, Rate
from zava_cli.infra.settings import Settings
from zava_cli.infra.shared_folder import shared_folder
from zava_cli.server.errors import note_retry
from zava_cli.server.middleware import Run, Told, ToolCall, ToolMiddleware
from zava_cli.server.state import MANAGER_CLAIM

BURST_SECONDS = 4
SERVER_ERROR = -32000
"""JSON-RPC 2.0, 5.1: the first of the codes that a server may define."""


class RateLimit(ToolMiddleware):
    """A bucket per identity: `http_rate` requests a second, and four seconds' worth of them at once."""

    def __init__(self, settings: Settings) -> None:
        self._ask = _asked(Rate(settings.http_rate, max(1, int(settings.http_rate * BURST_SECONDS))))
        self._wait = math.ceil(1 / settings.http_rate)

    async def around(self, call: ToolCall, run: Run) -> Told:
        """Runs the tool; RateLimitedError, which the model reads, when there have been too many requests."""
        if self._ask(_who()):
            return await run()
        raise RateLimitedError(self._wait)

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Handles one message; the protocol's error for too many requests of any other kind."""
        if context.method == "tools/call" or context.type != "request" or self._ask(_who()):
            return await super().__call__(context, call_next)
        note_retry(self._wait, 429)
        error = RateLimitedError(self._wait)
        data = {"code": error.error_code, "retryable": True, "retry_after": error.retry_after}
        raise ProtocolError(SERVER_ERROR, f"{error.message} Try again in {self._wait} s.", data)


def _asked(rate: Rate) -> Callable[[str], bool]:
    """Whether a name may ask; workers draw from one bucket, since clients may be connected to any of them."""
    folder = shared_folder()
    if folder is None:
        return OwnRate(rate).may_ask
    # Only where there are several workers, and so never on Windows, which has no such locks.
    from zava_cli.infra.shared_rate import SharedRate

    return SharedRate(folder, rate).may_ask


def _who() -> str:
    token = get_access_token()
    return "everybody" if token is None else str(token.claims[MANAGER_CLAIM])
