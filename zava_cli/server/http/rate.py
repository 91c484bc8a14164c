"""How often one identity may ask, over all processes of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.server.dependencies import get_access_token
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.middleware.rate_limiting import RateLimitError, RateLimitingMiddleware

from zava_cli.infra.settings import Settings
from zava_cli.infra.shared_folder import shared_folder
from zava_cli.server.state import MANAGER_CLAIM

if TYPE_CHECKING:
    from zava_cli.infra.shared_rate import SharedRate

BURST_SECONDS = 4


def rate_limit(settings: Settings) -> Middleware:
    """A bucket per identity: `http_rate` requests a second, and four seconds' worth of them at once."""
    rate, burst = settings.http_rate, max(1, int(settings.http_rate * BURST_SECONDS))
    folder = shared_folder()
    if folder is None:
        return RateLimitingMiddleware(max_requests_per_second=rate, burst_capacity=burst, get_client_id=_who)
    # Only where there are several workers, and so never on Windows, which has no such locks.
    from zava_cli.infra.shared_rate import SharedRate

    return _SharedRateLimiting(SharedRate(folder, rate, burst))


class _SharedRateLimiting(Middleware):
    """The same for workers, which draw from one bucket: clients may be connected to any of them."""

    def __init__(self, rate: SharedRate) -> None:
        self._rate = rate

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Passes a request on; RateLimitError when there have been too many."""
        if not self._rate.may_ask(_who(context)):
            raise RateLimitError
        return await call_next(context)


def _who(_: MiddlewareContext[Any]) -> str:
    token = get_access_token()
    return "everybody" if token is None else str(token.claims[MANAGER_CLAIM])
