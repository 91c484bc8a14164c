"""The MCP server as an HTTP application: who may talk to it, how much they may take, and what is beside MCP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AuthProvider
from fastmcp.server.http import StarletteWithLifespan
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from zava_cli.data.target import Target
from zava_cli.infra.operations import Way
from zava_cli.infra.settings import Settings
from zava_cli.server.app import server_of
from zava_cli.server.authentication.authentication import authentication
from zava_cli.server.http.departures import CancelForTheDeparted, WatchedClients
from zava_cli.server.http.health import HealthRoutes
from zava_cli.server.http.limits import BoundedBody
from zava_cli.server.http.rate import rate_limit
from zava_cli.server.http.refusals import RecordedRefusals
from zava_cli.server.http.sessions import BoundedSessions
from zava_cli.server.http.unavailable import Answered, failure
from zava_cli.server.state import ServerState

MCP_PATH = "/mcp"


@dataclass(frozen=True)
class HttpApplication:
    """What answers requests, and the context that they need around them: pools, sessions."""

    asgi: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[Any]]


def application_of(settings: Settings, *, no_auth: bool) -> HttpApplication:
    """The application that `zava serve --http` runs; ConfigurationError when the settings do not fit together."""
    state = ServerState(Target(settings), settings.identity if no_auth else None, Way.MCP_HTTP)
    auth = None if no_auth else authentication(state.target, state.provider, settings.http_public_url)
    return build_http_app(state, auth=auth)


def build_http_app(state: ServerState, *, auth: AuthProvider | None) -> HttpApplication:
    """The application of one server.

    With `auth` every caller needs a token and asks as its manager; without, everybody asks as the manager that
    `state` was made for, which is for this machine alone.
    """
    settings = state.settings
    server = server_of(state, auth=auth, middleware=[rate_limit(settings), CancelForTheDeparted()])
    app = _transport(server, settings)
    app.router.routes.extend(HealthRoutes(state, is_open=auth is None).routes())
    app.add_exception_handler(Exception, failure)
    return HttpApplication(
        asgi=BoundedBody(WatchedClients(RecordedRefusals(Answered(app), state.audit.add)), settings.http_body_bytes),
        lifespan=lambda: app.router.lifespan_context(app),
    )


def _transport(server: FastMCP[Any], settings: Settings) -> StarletteWithLifespan:
    return server.http_app(
        path=MCP_PATH,
        json_response=settings.http_json,
        stateless_http=not settings.http_sessions,
        host_origin_protection="auto",
        allowed_hosts=settings.http_allowed_hosts or None,
        middleware=[Middleware(BoundedSessions)] if settings.http_sessions else [],
    )
