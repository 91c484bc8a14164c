"""Raw MCP clients, the same for every server: they cost little beside what they measure.

httptools reads HTTP; what is left is to write a request and to wait for its answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

import httptools

HANDSHAKE = "2025-06-18"
"""The protocol that begins with a handshake; the newest of its kind that all servers here speak."""
MODERN = "2026-07-28"
"""The protocol in which each request stands alone."""
VERSION_HEADER = "mcp-protocol-version"
INITIALIZE = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": INITIALIZE["clientInfo"],
    "io.modelcontextprotocol/clientCapabilities": {},
}
FIRST_ID = 1
PATIENCE = 60.0


def request(number: int, method: str, params: Mapping[str, Any]) -> bytes:
    """One JSON-RPC request."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


@dataclass(frozen=True)
class Answer:
    """What came back for one request: the message, and its size on the wire, without HTTP's head."""

    message: dict[str, Any]
    bytes: int
    status: int = 200
    retry_after: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the tool or the protocol refused."""
        return self.status >= 400 or "error" in self.message or self.message["result"].get("isError") is True

    @property
    def text(self) -> str:
        """The first text of a tool's answer, or the whole of another one."""
        content = self.message.get("result", {}).get("content")
        return content[0]["text"] if content else json.dumps(self.message)


class Pipe:
    """A client on two pipes, one request at a time."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._number = FIRST_ID

    def ask(self, method: str, params: Mapping[str, Any]) -> Answer:
        """Waits for the answer; what the server says meanwhile is passed over."""
        self._number += 1
        self._stdin.write(request(self._number, method, params) + b"\n")
        self._stdin.flush()
        while line := self._stdout.readline():
            message = json.loads(line)
            if message.get("id") == self._number and "method" not in message:
                return Answer(message, len(line))
        raise RuntimeError("the server hung up")

    def greet(self) -> None:
        """The handshake."""
        self.ask("initialize", INITIALIZE)
        self._stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        self._stdin.flush()


class _Connection(asyncio.Protocol):
    """One request at a time over a connection that stays open."""

    transport: asyncio.Transport
    answered: asyncio.Future[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own transports are no subclasses of it.
        self.transport = cast("asyncio.Transport", transport)

    def send(self, data: bytes) -> asyncio.Future[bytes]:
        """Sends a request; the body of its answer. ConnectionError once the server has hung up."""
        if self.transport.is_closing():
            raise ConnectionError("the server hung up")
        self.answered = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self.headers: dict[str, str] = {}
        self.transport.write(data)
        return self.answered

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if not self.answered.done():
            self.answered.set_result(bytes(self._body))

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "answered") and not self.answered.done():
            self.answered.set_exception(ConnectionError("the server hung up"))


class HttpClient:
    """A client that keeps one connection, and a session where the server gives it one.

    `protocol` is what it speaks: the modern one, or the other one once the server knows no better.
    """

    def __init__(self, connection: _Connection, path: str, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._path = path
        self._headers = dict(headers)
        self._number = FIRST_ID
        self._head()

    @property
    def protocol(self) -> str:
        """The version that its requests name."""
        return self._headers[VERSION_HEADER]

    def _head(self) -> None:
        lines = [f"POST {self._path} HTTP/1.1", *(f"{name}: {value}" for name, value in self._headers.items())]
        self._start = "\r\n".join(lines).encode() + b"\r\n"

    async def send(self, body: bytes, more: str = "") -> Answer:
        """Sends a message, with `more` lines of headers; an answer without one has an empty message."""
        head = b"%b%bcontent-length: %d\r\n\r\n" % (self._start, more.encode(), len(body))
        said = await self._connection.send(head + body)
        headers = self._connection.headers
        message = _message(said, headers.get("content-type", "")) if said else {}
        return Answer(message, len(said), self._connection.status, headers.get("retry-after"))

    async def ask(self, method: str, params: Mapping[str, Any]) -> Answer:
        """Sends a request."""
        self._number += 1
        if self.protocol == HANDSHAKE:
            return await self.send(request(self._number, method, params))
        more = f"mcp-method: {method}\r\n" + (f"mcp-name: {params['name']}\r\n" if "name" in params else "")
        return await self.send(request(self._number, method, {**params, "_meta": META}), more)

    async def get(self, path: str) -> int:
        """The status of a page."""
        await self._connection.send(f"GET {path} HTTP/1.1\r\nhost: {self._headers['host']}\r\n\r\n".encode())
        return self._connection.status

    async def greet(self) -> None:
        """Finds out what the server speaks; the handshake if need be, again after a moment where that is asked for."""
        if self.protocol == MODERN:
            answer = await self.ask("server/discover", {})
            if not answer.is_error and MODERN in answer.message["result"]["supportedVersions"]:
                return
            self._headers[VERSION_HEADER] = HANDSHAKE
            self._head()
        async with asyncio.timeout(PATIENCE):
            while (answer := await self.ask("initialize", INITIALIZE)).retry_after is not None:  # noqa: ASYNC110
                await asyncio.sleep(float(answer.retry_after))
        if answer.is_error:
            raise RuntimeError(f"refused: {answer}")
        if session := self._connection.headers.get("mcp-session-id"):
            self._headers["mcp-session-id"] = session
            self._head()
        await self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def hang_up(self) -> None:
        """Closes the connection at once."""
        self._connection.transport.abort()


@asynccontextmanager
async def http_client(port: int, headers: Mapping[str, str], path: str = "/mcp") -> AsyncIterator[HttpClient]:
    """A client that has not said anything yet; `headers` may name the older protocol."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
    own = {
        "host": f"127.0.0.1:{port}", "content-type": "application/json",
        "accept": "application/json, text/event-stream", VERSION_HEADER: MODERN,
    }  # fmt: skip
    client = HttpClient(connection, path, own | dict(headers))
    try:
        yield client
    finally:
        client.hang_up()


def _message(body: bytes, content_type: str) -> dict[str, Any]:
    """The answer in a body, which an event stream holds among other messages."""
    if not content_type.startswith("text/event-stream"):
        return json.loads(body) if content_type.startswith("application/json") else {"error": body.decode()}
    messages = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    return next(message for message in messages if "id" in message and "method" not in message)
