"""A caller who leaves frees what works for them, in every mode of the transport.

The protocol knows two ways of leaving: a cancel notification, which the SDK handles, and a closed connection.
The SDK watches for the latter only while it streams; here every connection is watched, and the tool that works
for it is cancelled, which cancels its statement in the server.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp.server.dependencies import get_http_request

from zava_cli.infra.errors import CallerLeftError
from zava_cli.server.middleware import Run, Told, ToolCall, ToolMiddleware

KEY = "zava_departure"
"""Name in a request's state."""


class Departure:
    """Whether the client of one connection is still there, and the tasks that work for it."""

    def __init__(self) -> None:
        self._has_left = False
        self._working: set[asyncio.Task[Any]] = set()

    def leave(self) -> None:
        """The client has gone."""
        self._has_left = True
        for task in self._working:
            task.cancel()

    async def unless_left(self, run: Run) -> Told:
        """What `run` returns; CallerLeftError, which nobody hears, when the client has left."""
        if self._has_left:
            raise CallerLeftError
        task = asyncio.current_task()
        assert task is not None
        already = task.cancelling()
        self._working.add(task)
        try:
            return await run()
        except asyncio.CancelledError:
            # Whoever else has cancelled the task waits for that error.
            if self._has_left and task.uncancel() <= already:
                raise CallerLeftError from None
            raise
        finally:
            self._working.discard(task)


class CancelForTheDeparted(ToolMiddleware):
    """FastMCP middleware: ends a tool whose caller has closed the connection."""

    async def around(self, call: ToolCall, run: Run) -> Told:
        """Runs the tool; errors as for Departure.unless_left."""
        departure: Departure | None = get_http_request().scope.get("state", {}).get(KEY)
        return await (run() if departure is None else departure.unless_left(run))
