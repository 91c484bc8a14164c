"""Lines over file descriptors, waited for in the event loop, so that waiting can end at any moment."""

from __future__ import annotations

import os
import select
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from itertools import count

import anyio
import anyio.lowlevel

STDIN, STDOUT, STDERR = 0, 1, 2
CHUNK = 65_536
PARTS_IN_A_TURN = 16
"""Parts of a line that are written before others get their turn."""
LONGEST_LINE = 8_000_000
"""Bytes; the longest query that can be allowed fits, also when every character of it is escaped."""


@contextmanager
def standard_streams() -> Generator[tuple[int, int]]:
    """Descriptors of standard input and output for the block's use alone.

    Meanwhile a stray print goes to stderr and child processes read nothing, so neither disturbs the protocol.
    """
    source, sink = os.dup(STDIN), os.dup(STDOUT)
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, STDIN)
        os.close(nothing)
        os.dup2(STDERR, STDOUT)
        yield source, sink
    finally:
        os.dup2(source, STDIN)
        os.dup2(sink, STDOUT)
        os.close(source)
        os.close(sink)


class LineReader:
    """Lines of a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._rest: list[bytes] = []
        self._size = 0
        self._waiting = anyio.CancelScope()
        self._ended = False

    def stop(self) -> None:
        """Ends the input now; lines that have not been taken are dropped."""
        self._ended = True
        self._lines.clear()
        self._waiting.cancel()

    async def next_line(self) -> str | None:
        """The next line that is not empty; None at the end, and an empty one for a line that was too long to keep."""
        while not self._lines and not self._ended:
            with anyio.CancelScope() as self._waiting:
                await _when_ready(anyio.wait_readable, self._descriptor)
                self._take(os.read(self._descriptor, CHUNK))
        return self._lines.pop(0).decode(errors="replace") if self._lines else None

    def _take(self, chunk: bytes) -> None:
        if chunk and b"\n" not in chunk:
            self._keep(chunk)
            return
        first, *others = chunk.split(b"\n")
        self._keep(first)
        self._complete()
        for line in others[:-1]:
            self._keep(line)
            self._complete()
        if others:
            self._keep(others[-1])
        self._ended = not chunk

    def _keep(self, piece: bytes) -> None:
        # Joined once, when the line is complete: a long one comes in many pieces.
        self._size += len(piece)
        if self._size <= LONGEST_LINE:
            self._rest.append(piece)
        else:
            self._rest.clear()

    def _complete(self) -> None:
        line = b"".join(self._rest)
        if line.strip() or self._size > LONGEST_LINE:
            self._lines.append(line)
        self._rest.clear()
        self._size = 0


class LineWriter:
    """Writes whole lines, one at a time, to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._turn = anyio.Lock()
        self._writing = anyio.CancelScope()

    def abandon(self) -> None:
        """Gives the line up that is being written; the reader on the other side does not take it."""
        self._writing.cancel()

    async def write_line(self, text: str, *, shield: bool = True) -> None:
        """Writes it to the end, even if the caller is cancelled meanwhile: half a line would spoil all that follow.

        Without `shield` a cancelled caller leaves the rest of it out. Raises OSError when nobody reads any more.
        """
        data = memoryview(text.encode() + b"\n")
        async with self._turn:
            with anyio.CancelScope(shield=shield) as self._writing:
                for part in count():
                    if part % PARTS_IN_A_TURN == 0 or not self._room.poll(0):
                        await _when_ready(anyio.wait_writable, self._descriptor)
                    # As much as a pipe takes without blocking once it is ready.
                    data = data[os.write(self._descriptor, data[: select.PIPE_BUF]) :]
                    if not data:
                        break


async def _when_ready(wait: Callable[[int], Awaitable[None]], descriptor: int) -> None:
    try:
        await wait(descriptor)
    except PermissionError:
        # A regular file cannot be waited for, and need not be.
        await anyio.lowlevel.checkpoint()
