"""A caller who leaves frees what works for them, in every mode of the transport.

The protocol knows two ways of leaving: a cancel notification, which the SDK handles, and a closed connection.
The SDK watches for the latter only while it streams; here every request is watched, and the tool that works
for it is cancelled, which cancels its statement in the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
from fastmcp.server.dependencies import get_http_request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zava_cli.infra.errors import CallerLeftError
from zava_cli.server.middleware import Run, Told, ToolCall, ToolMiddleware

KEY = "zava.departure"


class Departure:
    """Whether the client of one request is still there."""

    def __init__(self) -> None:
        self._gone = asyncio.Event()
        self._callbacks: list[Callable[[], Any]] = []

    def call(self, callback: Callable[[], Any]) -> None:
        """Calls back once when the client leaves; at once when it has left."""
        self._callbacks.append(callback)
        if self._gone.is_set():
            callback()

    def leave(self) -> None:
        """The client has gone."""
        self._gone.set()
        for callback in self._callbacks:
            callback()

    async def wait(self) -> None:
        """Until it has."""
        await self._gone.wait()


class WatchedClients:
    """ASGI middleware, inside of BoundedBody: watches each connection while its request is worked on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        departure = scope[KEY] = Departure()
        first: list[Message] = [await receive()]
        watch = asyncio.create_task(_watch(receive, departure))

        async def receive_once() -> Message:
            if first:
                return first.pop()
            await departure.wait()
            return {"type": "http.disconnect"}

        try:
            await self._app(scope, receive_once, send)
        finally:
            watch.cancel()


async def _watch(receive: Receive, departure: Departure) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    departure.leave()


class CancelForTheDeparted(ToolMiddleware):
    """FastMCP middleware: ends a tool whose caller has closed the connection."""

    async def around(self, call: ToolCall, run: Run) -> Told:
        """Runs the tool; CallerLeftError, which nobody hears, when the client has left."""
        departure: Departure | None = get_http_request().scope.get(KEY)
        if departure is None:
            return await run()
        with anyio.CancelScope() as work:
            departure.call(work.cancel)
            return await run()
        raise CallerLeftError
