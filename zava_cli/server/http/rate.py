"""How often one identity may ask."""

from __future__ import annotations

from typing import Any

from fastmcp.server.dependencies import get_access_token
from fastmcp.server.middleware import MiddlewareContext
from fastmcp.server.middleware.rate_limiting import RateLimitingMiddleware

from zava_cli.infra.settings import Settings
from zava_cli.server.state import MANAGER_CLAIM


def rate_limit(settings: Settings) -> RateLimitingMiddleware:
    """A bucket per identity: `http_rate` requests a second, and four seconds' worth of them at once."""
    return RateLimitingMiddleware(
        max_requests_per_second=settings.http_rate,
        burst_capacity=max(1, int(settings.http_rate * 4)),
        get_client_id=_who,
    )


def _who(_: MiddlewareContext[Any]) -> str:
    token = get_access_token()
    return "everybody" if token is None else str(token.claims[MANAGER_CLAIM])
