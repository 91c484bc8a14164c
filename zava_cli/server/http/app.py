"""The MCP server as an HTTP application: who may talk to it, how much they may take, and what is beside MCP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from fastmcp.server.auth import AuthProvider
from fastmcp.server.http import StarletteWithLifespan
from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from zava_cli.data.target import Target
from zava_cli.infra.operations import Way
from zava_cli.infra.settings import Settings
from zava_cli.infra.tracing import is_on
from zava_cli.server.app import server_of
from zava_cli.server.authentication.authentication import authentication
from zava_cli.server.bare import BareServer
from zava_cli.server.http.administration import AdministratorRoutes, administrator_app
from zava_cli.server.http.called_sessions import CalledSessions
from zava_cli.server.http.departures import CancelForTheDeparted
from zava_cli.server.http.direct import DirectCalls
from zava_cli.server.http.explained import ExplainedRefusals
from zava_cli.server.http.health import HealthRoutes
from zava_cli.server.http.hosts import KnownHosts
from zava_cli.server.http.rate import RateLimit
from zava_cli.server.http.refusals import RecordedRefusals
from zava_cli.server.http.sessions import BoundedSessions
from zava_cli.server.http.traces import ContinuedTraces
from zava_cli.server.http.unavailable import Answered, failure
from zava_cli.server.state import ServerState

MCP_PATH = "/mcp"


@dataclass(frozen=True)
class HttpApplication:
    """What answers requests, and the context that they need around them: pools, sessions.

    `administrator` answers on a port of its own, where there is one.
    """

    asgi: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[Any]]
    administrator: ASGIApp | None = None


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
    has_direct_sessions = settings.http_sessions and settings.http_json and not is_on()
    sessions = CalledSessions() if has_direct_sessions else None
    around = [RateLimit(settings), CancelForTheDeparted(), *([sessions] if sessions else [])]
    server = server_of(state, auth=auth, middleware=around)
    app = _transport(server, state, sessions, is_open=auth is None)
    app.router.routes.extend(HealthRoutes(state, is_open=auth is None).routes())
    has_own_port = settings.metrics_port is not None
    if settings.metrics_token is not None and not has_own_port:
        app.router.routes.extend(AdministratorRoutes(state.observation, settings).routes())
    app.add_exception_handler(Exception, failure)
    has_issuer = settings.oidc_issuer is not None and settings.http_public_url is not None
    guarded = KnownHosts(app, settings.http_allowed_hosts)
    explained = ExplainedRefusals(Answered(guarded), path=MCP_PATH, has_issuer=has_issuer)
    recorded = RecordedRefusals(explained, state.observation.add)
    return HttpApplication(
        asgi=RequestBodyLimitMiddleware(recorded, settings.http_body_bytes),
        lifespan=lambda: app.router.lifespan_context(app),
        administrator=administrator_app(state.observation, settings) if has_own_port else None,
    )


def _transport(
    server: BareServer, state: ServerState, sessions: CalledSessions | None, *, is_open: bool
) -> StarletteWithLifespan:
    settings = state.settings
    inside = [Middleware(BoundedSessions)] if settings.http_sessions else []
    if is_on():
        # FastMCP's spans tell of each step in between.
        inside.append(Middleware(ContinuedTraces, is_open=is_open))
    elif settings.http_json:
        inside.append(
            Middleware(DirectCalls, path=MCP_PATH, server=server, state=state, sessions=sessions, is_open=is_open)
        )
    return server.http_app(
        path=MCP_PATH,
        json_response=settings.http_json,
        stateless_http=not settings.http_sessions,
        # KnownHosts does that.
        host_origin_protection=False,
        middleware=inside,
    )
