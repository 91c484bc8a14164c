"""Runs the HTTP application under uvicorn, and stops in order."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext

import uvicorn
from starlette.requests import ClientDisconnect

from zava_cli.infra import garbage
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.log import logger
from zava_cli.infra.rate import OwnRate, Rate
from zava_cli.infra.settings import Settings
from zava_cli.server.http.app import HttpApplication
from zava_cli.server.http.heads import PlainHeads
from zava_cli.server.http.limits import BoundedProtocol

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 5
SAID_AT_ONCE = 10
SAID_A_SECOND = 0.1
"""Lines of one kind in the log."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address; ConfigurationError when it is none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise ConfigurationError(
            f"http_host: {host} is no address of this machine: {exc.strerror}",
            hint="Use 127.0.0.1 for this machine alone, or the address that others reach it at.",
        ) from None
    return all(ipaddress.ip_address(info[4][0]).is_loopback for info in found)


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; ConfigurationError when the address is taken or not ours."""
    bound = bind(host, port, shared=shared)
    bound.listen(BACKLOG)
    return bound


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound socket; `shared` lets further processes of the same user bind the address too. Errors as for listen."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # With the protocol named, the event loop sends each part of an answer at once; otherwise the second one would
    # wait 40 ms for the client to confirm the first.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError as exc:
        bound.close()
        raise ConfigurationError(
            f"Cannot listen on {host} port {port}: {os.strerror(exc.errno or errno.EINVAL)}.",
            hint="Use an address of this machine, 127.0.0.1 for itself alone."
            if exc.errno == errno.EADDRNOTAVAIL
            else "Choose another one with --port; 0 takes any that is free.",
        ) from None
    return bound


async def serve_http(
    application: HttpApplication,
    settings: Settings,
    bound: socket.socket,
    on_start: Callable[[], None],
    *,
    administration: socket.socket | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM; requests in progress then get `serve_grace` seconds.

    Calls `on_start` once clients are answered. Raises what the start of the lifespan raises. The administrator is
    served on `administration`.
    """
    server = _Server(_config(application, settings))
    server.on_start = on_start
    async with application.lifespan(), _administered(application, settings, administration):
        garbage.settle()
        await server.serve(sockets=[bound])


@asynccontextmanager
async def _administered(
    application: HttpApplication, settings: Settings, bound: socket.socket | None
) -> AsyncGenerator[None]:
    if bound is None or application.administrator is None:
        yield
        return
    # What does not leave this machine needs no certificate, and the server's is not made out to its loopback.
    plain = settings.model_copy(update={"http_tls_certificate": None, "http_tls_key": None})
    async with served_beside(HttpApplication(application.administrator, nullcontext), plain, bound):
        yield


@asynccontextmanager
async def served_beside(application: HttpApplication, settings: Settings, bound: socket.socket) -> AsyncGenerator[None]:
    """Serves while the block runs, beside it; signals stay with whoever takes them already."""
    server = _Beside(_config(application, settings))
    async with application.lifespan():
        task = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            # The socket listens already: who comes before the server is up waits a moment.
            yield
        finally:
            server.should_exit = True
            await task


def _config(application: HttpApplication, settings: Settings) -> uvicorn.Config:
    logging.getLogger("uvicorn").handlers = [_IntoOurLog()]
    return uvicorn.Config(
        PlainHeads(application.asgi),
        http=BoundedProtocol,
        # Otherwise a request that was sent ahead begins in the context of the one before it, with its caller.
        reset_contextvars=True,
        ws="none",
        # Entered by us instead, so that an error of the start is no more than that.
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # The peer's address decides who is a trusted proxy: no header may change it.
        proxy_headers=False,
        limit_concurrency=settings.http_connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, int(settings.serve_grace)),
        ssl_certfile=settings.http_tls_certificate,
        ssl_keyfile=settings.http_tls_key,
    )


class _IntoOurLog(logging.Handler):
    """What uvicorn has to say goes where zava's log goes; its own way is a traceback on stderr for each request.

    It says the same of every bad request, and anybody may send those: of what was just said, only a few are written.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rate = OwnRate(Rate(SAID_A_SECOND, SAID_AT_ONCE))
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line, but for requests that the end of the server or their client cut short."""
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, (asyncio.CancelledError, ClientDisconnect)):
            return
        said, error = record.getMessage(), None if cause is None else type(cause).__name__
        if not self._rate.may_ask(f"{said} {error}"):
            self._left_out += 1
            return
        left_out = {"left_out": self._left_out} if self._left_out else {}
        self._left_out = 0
        logger().log(record.levelno, "http", said=said, error=error, exc_info=cause, **left_out)


class _Beside(uvicorn.Server):
    """Ends when it is told to."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Takes none."""
        yield


class _Server(uvicorn.Server):
    """Ends by itself after a signal, where uvicorn would raise it again and so die of it."""

    on_start: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells when clients are answered."""
        await super().startup(sockets)
        if self.started:
            self.on_start()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Takes both signals for the block."""
        loop = asyncio.get_running_loop()
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.handle_exit, number, None)
        except (RuntimeError, ValueError):
            # Not the main thread: whoever started the server stops it.
            yield
            return
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
