"""`zava serve`."""

from __future__ import annotations

import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.shell import setting_callback
from zava_cli.infra.errors import ConfigurationError, ValidationError

if TYPE_CHECKING:
    from zava_cli.infra.settings import Settings

HTTP = "Over HTTP"
BY_TOKEN = "for callers with tokens (zava token create)"
UNENCRYPTED = (
    "Note: tokens and answers are not encrypted on their way here. Set ZAVA_HTTP_TLS_CERTIFICATE and "
    "ZAVA_HTTP_TLS_KEY, or ZAVA_HTTP_PUBLIC_URL where a proxy encrypts."
)


def serve(
    admin: Annotated[
        bool,
        typer.Option("--admin", help="Offer seed_database and embed_products too, which write; not over HTTP."),
    ] = False,
    http: Annotated[
        bool, typer.Option("--http", help="Listen on HTTP for callers with tokens.", rich_help_panel=HTTP)
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on.", show_default=False, rich_help_panel=HTTP,
                     callback=setting_callback("http_host")),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; 0: any.", show_default=False, rich_help_panel=HTTP,
                     callback=setting_callback("http_port")),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that answer; more than one keep no sessions.", show_default=False,
                     rich_help_panel=HTTP, callback=setting_callback("http_workers")),
    ] = None,
    no_auth: Annotated[
        bool,
        typer.Option("--no-auth", help="Ask no token: whoever reaches this port is --as WHO. Loopback only.",
                     rich_help_panel=HTTP),
    ] = False,
) -> None:  # fmt: skip
    """Answer AI agents over MCP: on standard input and output as one manager, or on HTTP as each token's manager.

    Example: zava serve --as seattle

    Example: zava serve --http --port 8000
    """
    if http:
        _serve_http(admin=admin, no_auth=no_auth)
        return
    given = {"no-auth": no_auth or None, "workers": workers, "host": host, "port": port}
    stray = next((name for name, value in given.items() if value is not None), None)
    if stray is not None:
        raise ValidationError(stray, None, "it goes with --http", hint=f"Add --http, or leave --{stray} out.")
    _serve_stdio(admin=admin)


def _serve_stdio(*, admin: bool) -> None:
    from zava_cli.server.app import build_server
    from zava_cli.server.loop import new_loop
    from zava_cli.server.stdio import serve_stdio

    settings = runtime.settings()
    server = build_server(runtime.target(), identity=settings.identity, administrator=admin)
    if sys.stdin.isatty():
        diagnostics.note("Waiting for an MCP client on standard input; zava mcp-config connects one. Ctrl+C ends.")
    runtime.run(lambda: serve_stdio(server, settings.serve_grace), make_loop=new_loop)


def _serve_http(*, admin: bool, no_auth: bool) -> None:
    from zava_cli.server.http.administration import LOOPBACK
    from zava_cli.server.http.app import application_of
    from zava_cli.server.http.serving import is_loopback, listen, serve_http
    from zava_cli.server.loop import new_loop

    settings = runtime.settings()
    _check(settings, admin=admin, no_auth=no_auth, is_local=is_loopback(settings.http_host))
    if settings.http_workers > 1:
        _serve_with_workers(settings, no_auth=no_auth)
        return
    bound = listen(settings.http_host, settings.http_port)
    port = settings.metrics_port
    administration = None if port is None else listen(LOOPBACK, port)
    application = application_of(settings, no_auth=no_auth)
    runtime.run(
        lambda: serve_http(
            application, settings, bound, partial(_say_where, settings, bound, administration, no_auth=no_auth),
            administration=administration,
        ),
        make_loop=new_loop,
    )  # fmt: skip


def _check(settings: Settings, *, admin: bool, no_auth: bool, is_local: bool) -> None:
    if admin:
        raise ValidationError(
            "admin", None, "the tools that write are not offered over HTTP", hint="Use them over standard input."
        )
    if no_auth and not is_local:
        raise ValidationError(
            "no-auth", None, f"others can reach {settings.http_host}", hint="Leave --no-auth out, or --host."
        )
    if no_auth and settings.identity is None and settings.manager_key_file is None:
        raise ValidationError("as", None, "without tokens somebody has to ask", hint="Add --as NAME.")
    if not no_auth and settings.manager_key_file is not None:
        raise ConfigurationError(
            "Tokens stand for many managers, and a manager's key file signs for one.",
            hint="Unset ZAVA_MANAGER_KEY_FILE where the master key is, or add --no-auth to answer as that manager.",
        )
    if settings.http_workers > 1 and settings.http_sessions and "http_sessions" in settings.model_fields_set:
        raise ConfigurationError(
            "http_sessions: several workers keep no sessions, since a client's next request may reach another one.",
            hint="Leave ZAVA_HTTP_SESSIONS out, or use --workers 1.",
        )
    if settings.http_workers > 1 and not hasattr(socket, "SO_REUSEPORT"):
        raise ConfigurationError("This system cannot share a port among processes.", hint="Use --workers 1.")
    if (settings.http_tls_certificate is None) != (settings.http_tls_key is None):
        raise ConfigurationError(
            "http_tls_certificate and http_tls_key belong together.", hint="Set both, or neither for plain HTTP."
        )


def _serve_with_workers(settings: Settings, *, no_auth: bool) -> None:
    from contextlib import ExitStack

    from zava_cli.infra.shared_folder import shared_by_processes
    from zava_cli.server.http.administration import LOOPBACK
    from zava_cli.server.http.app import application_of
    from zava_cli.server.http.serving import bind
    from zava_cli.server.http.workers import WorkerPlan, supervise

    stateless = settings.model_copy(update={"http_sessions": False})
    build = partial(application_of, stateless, no_auth=no_auth)
    with ExitStack() as stack:
        # Hold the ports, also while no worker lives; without listening they are given no connections.
        bound = stack.enter_context(bind(settings.http_host, settings.http_port, shared=True))
        administration = None
        if settings.metrics_port is not None:
            administration = stack.enter_context(bind(LOOPBACK, settings.metrics_port, shared=True))
        plan = WorkerPlan(
            stateless, build, bound.getsockname()[:2], administration and administration.getsockname()[:2]
        )

        say_where = partial(_say_where, settings, bound, administration, no_auth=no_auth)

        async def serve() -> None:
            # What is wrong for all of them is an error of this process.
            async with build().lifespan():
                pass
            with shared_by_processes():
                supervise(plan, settings.http_workers, say_where)

        runtime.run(serve)


def _say_where(
    settings: Settings, bound: socket.socket, administration: socket.socket | None, *, no_auth: bool
) -> None:
    from zava_cli.server.http.serving import is_loopback

    scheme = "http" if settings.http_tls_certificate is None else "https"
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    several = f" with {settings.http_workers} processes" if settings.http_workers > 1 else ""
    who = f"as {settings.identity or 'the manager of the key file'}, without tokens" if no_auth else BY_TOKEN
    diagnostics.note(f"Listening on {scheme}://{shown}:{port}/mcp{several} {who}. Ctrl+C ends.")
    if not is_loopback(host) and scheme == "http" and not (settings.http_public_url or "").startswith("https:"):
        diagnostics.note(UNENCRYPTED)
    if administration is not None:
        host, port = administration.getsockname()[:2]
        diagnostics.note(f"Metrics on http://{host}:{port}/metrics, for this machine alone.")
