"""Serves MCP on standard input and output, and stops in order.

The SDK's own transport reads in a thread that nothing can interrupt: after a signal it waits for the client's
next line, and when input ends it drops the requests that it has taken. Here they get a grace period.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

import anyio
from fastmcp import FastMCP
from fastmcp.server.context import reset_transport, set_transport
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError as PydanticError
from pydantic_core import from_json

from zava_cli.infra import garbage
from zava_cli.server.wire import LONGEST_LINE, LineReader, LineWriter, standard_streams


async def serve_stdio(server: FastMCP[Any], grace: float) -> None:
    """Serves one client until it closes the pipe or SIGINT or SIGTERM comes.

    Requests in progress then get `grace` seconds to finish; a second signal cancels them at once. Raises what
    entering the server's lifespan raises.
    """
    low_level = server._mcp_server  # pyright: ignore[reportPrivateUsage]
    token = set_transport("stdio")
    try:
        # Entered before the descriptors are taken, so that an error of the start is no more than that.
        async with server._lifespan_manager():  # pyright: ignore[reportPrivateUsage]
            garbage.settle()
            with standard_streams() as (source, sink):
                connection = Connection(LineReader(source), LineWriter(sink), grace)
                async with _stopped_by_signals(connection):
                    await low_level.run(
                        Requests(connection), Answers(connection), low_level.create_initialization_options()
                    )
    finally:
        reset_transport(token)


@asynccontextmanager
async def _stopped_by_signals(connection: Connection) -> AsyncGenerator[None]:
    async def listen() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                connection.stop()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        yield
        tasks.cancel_scope.cancel()


class Connection:
    """One client: its lines in both directions, and the requests that it still waits for."""

    def __init__(self, reader: LineReader, writer: LineWriter, grace: float) -> None:
        self._reader = reader
        self._writer = writer
        self._grace = grace
        self._unanswered: set[RequestId] = set()
        self._answered = anyio.Event()
        self._last_chance = anyio.CancelScope()
        self._refusing = anyio.CancelScope()
        self._stopping = False

    def stop(self) -> None:
        """Takes no more requests; a second call gives those up that are in progress."""
        if self._stopping:
            self._last_chance.cancel()
            self._refusing.cancel()
        self._stopping = True
        self._refusing.deadline = anyio.current_time() + self._grace
        self._reader.stop()

    async def next_message(self) -> SessionMessage | PydanticError:
        """The next message, or what is wrong with it; EndOfStream after the last one was answered."""
        line = await self._reader.next_line()
        if line is None:
            await self._finish()
            raise anyio.EndOfStream
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except PydanticError as exc:
            await self._refuse(line)
            return exc
        if isinstance(message, JSONRPCRequest):
            self._unanswered.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            request = (message.params or {}).get("requestId")
            if isinstance(request, int | str):
                self._settle(request)
        return SessionMessage(message)

    async def send(self, item: SessionMessage) -> None:
        """Writes a message; BrokenResourceError when the client has gone."""
        try:
            await self._writer.write_line(item.message.model_dump_json(by_alias=True, exclude_unset=True))
        except OSError:
            self._unanswered.clear()
            self._answered.set()
            self._reader.stop()
            raise anyio.BrokenResourceError from None
        if isinstance(item.message, JSONRPCResponse | JSONRPCError):
            self._settle(item.message.id)

    async def _refuse(self, line: str) -> None:
        """Says what is wrong with a line: whoever sent it as a request would wait for ever."""
        with anyio.CancelScope() as self._refusing, suppress(OSError):
            await self._writer.write_line(_refusal(line), shield=False)

    def _settle(self, request: RequestId | None) -> None:
        self._unanswered.discard(request)  # pyright: ignore[reportArgumentType]
        self._answered.set()

    async def _finish(self) -> None:
        self._stopping = True
        with anyio.move_on_after(self._grace) as self._last_chance:
            while self._unanswered:
                self._answered = anyio.Event()
                await self._answered.wait()
        self._writer.abandon()


def _refusal(line: str) -> str:
    identifier: RequestId | None = None
    error = ErrorData(code=PARSE_ERROR, message="This line is no JSON.")
    if not line:
        error = ErrorData(code=INVALID_REQUEST, message=f"A message may have {LONGEST_LINE} bytes.")
    with suppress(ValueError):
        content: Any = from_json(line)
        error = ErrorData(code=INVALID_REQUEST, message="This is no JSON-RPC 2.0 message; batches are not taken.")
        given = content.get("id") if isinstance(content, dict) else None  # pyright: ignore
        identifier = given if isinstance(given, int | str) and not isinstance(given, bool) else None
    return JSONRPCError(jsonrpc="2.0", id=identifier, error=error).model_dump_json(exclude_unset=True)


class _Stream:
    """What the SDK wants of both of its streams."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def aclose(self) -> None:
        """The descriptors are closed by whoever opened them."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


class Requests(_Stream):
    """The client's messages."""

    async def receive(self) -> SessionMessage | Exception:
        """The next one; EndOfStream at the end."""
        return await self._connection.next_message()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None


class Answers(_Stream):
    """The messages to the client."""

    async def send(self, item: SessionMessage, /) -> None:
        """Writes one."""
        await self._connection.send(item)
