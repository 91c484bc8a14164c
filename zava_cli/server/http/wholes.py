"""The head of an answer leaves together with what follows it: one system call and one packet instead of two."""

from __future__ import annotations

import asyncio
from typing import Any


class WholeAnswers:
    """A connection's transport, as far as uvicorn uses it for answers.

    A head waits until the body is written, but no longer than for this turn of the loop: a stream may have nothing to
    say yet. A piece of a body that begins like one waits too, which does no harm.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Writes now, or in a moment."""
        if self._head is not None:
            data, self._head = self._head + data, None
        elif data.startswith(b"HTTP/"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        # uvloop raises where the client was lost meanwhile.
        if not self.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Closes the connection behind what was written."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        head, self._head = self._head, None
        if head is not None and not self.is_closing():
            self._transport.write(head)
