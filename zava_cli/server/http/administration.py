"""What the administrator alone may read of a server: its metrics and how its queries perform.

Both tell of every manager's statements, so no manager's token opens them: they want a token of their own, or are
on a port that only this machine reaches.
"""

from __future__ import annotations

import hmac

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zava_cli.infra.settings import Settings
from zava_cli.server.observation import Observation

LOOPBACK = "127.0.0.1"


class AdministratorRoutes:
    """`/metrics` and `/stats` of one server."""

    def __init__(self, observation: Observation, settings: Settings) -> None:
        self._observation = observation
        self._token = settings.metrics_token

    def routes(self) -> list[Route]:
        """What the application serves for the administrator."""
        return [
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/stats", self.stats, methods=["GET"]),
        ]

    async def metrics(self, request: Request) -> Response:
        """Counters and histograms as Prometheus reads them."""
        if not self._may_read(request):
            return _unauthorized()
        body, content_type = self._observation.exposition(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    async def stats(self, request: Request) -> Response:
        """The performance summary."""
        if not self._may_read(request):
            return _unauthorized()
        return JSONResponse(self._observation.get_performance_summary().model_dump(mode="json"))

    def _may_read(self, request: Request) -> bool:
        if self._token is None:
            return True
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        is_it = hmac.compare_digest(given.encode(), self._token.get_secret_value().encode())
        return is_it and kind.lower() == "bearer"


def administrator_app(observation: Observation, settings: Settings) -> Starlette:
    """The same on its own, for a port of this machine alone: no page elsewhere can have a browser read it."""
    local = Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])
    return Starlette(routes=AdministratorRoutes(observation, settings).routes(), middleware=[local])


def _unauthorized() -> Response:
    return JSONResponse(
        {"error": "the administrator's token is needed"}, status_code=401, headers={"WWW-Authenticate": "Bearer"}
    )
