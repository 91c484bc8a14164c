"""How often one identity may ask, over all processes of a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmcp.server.dependencies import get_access_token
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.middleware.rate_limiting import RateLimitError

from zava_cli.infra.rate import OwnRate, Rate
from zava_cli.infra.settings import Settings
from zava_cli.infra.shared_folder import shared_folder
from zava_cli.server.state import MANAGER_CLAIM

BURST_SECONDS = 4


class RateLimit(Middleware):
    """A bucket per identity: `http_rate` requests a second, and four seconds' worth of them at once."""

    def __init__(self, settings: Settings) -> None:
        self._ask = _asked(Rate(settings.http_rate, max(1, int(settings.http_rate * BURST_SECONDS))))

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Passes a message on; RateLimitError when there have been too many requests."""
        if context.type == "request" and not self.may_ask():
            raise RateLimitError
        return await call_next(context)

    def may_ask(self) -> bool:
        """Counts a request of the current caller; whether it was not one too many."""
        return self._ask(_who())


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
