"""A caller who leaves frees what works for them, in every mode of the transport.

The protocol knows two ways of leaving: a cancel notification, which the SDK handles, and a closed connection.
The SDK watches for the latter only while it streams; here every connection is watched, and the tool that works
for it is cancelled, which cancels its statement in the server.
"""

from __future__ import annotations

import anyio
from fastmcp.server.dependencies import get_http_request

from zava_cli.infra.errors import CallerLeftError
from zava_cli.server.middleware import Run, Told, ToolCall, ToolMiddleware

DEPARTURE = "zava_departure"
"""Name in a request's state."""


class Departure:
    """Whether the client of one connection is still there, and what works for it."""

    def __init__(self) -> None:
        self._has_left = False
        self._working: set[anyio.CancelScope] = set()

    def leave(self) -> None:
        """The client has gone."""
        self._has_left = True
        for work in self._working:
            work.cancel()

    async def unless_left(self, run: Run) -> Told:
        """What `run` returns; CallerLeftError, which nobody hears, when the client has left."""
        if self._has_left:
            raise CallerLeftError
        # A scope repeats its cancellation, where a task's is told once: asyncio.wait_for of Python 3.11 may swallow it.
        with anyio.CancelScope() as work:
            self._working.add(work)
            try:
                return await run()
            finally:
                self._working.discard(work)
        raise CallerLeftError


class CancelForTheDeparted(ToolMiddleware):
    """FastMCP middleware: ends a tool whose caller has closed the connection."""

    async def around(self, call: ToolCall, run: Run) -> Told:
        """Runs the tool; errors as for Departure.unless_left."""
        departure: Departure | None = get_http_request().scope.get("state", {}).get(DEPARTURE)
        return await (run() if departure is None else departure.unless_left(run))
