"""What one client may take: bytes and time for a request's head, time for its body, and time to read its answer."""

from __future__ import annotations

import asyncio
from typing import Any

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from zava_cli.server.http.departures import DEPARTURE, Departure
from zava_cli.server.http.wholes import WholeAnswers

HEAD_BYTES = 32_768
HEAD_SECONDS = 10.0
BODY_SECONDS = 20.0
STALL_SECONDS = 30.0
NO_BODY = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 31\r\n\r\n"
    b"The request's body did not come"
)


class HeadTooLargeError(Exception):
    """A request's line and headers are larger than HEAD_BYTES."""


class TunnelRefusedError(Exception):
    """A request wants the rest of its connection to lead elsewhere."""


class _Parser(HttpRequestParser):
    """Reads a request that offers to change the protocol like any other one, since the offer is never taken up.

    httptools counts on the change: it reads no body there, and what a proxy sent as one would be a request of its own.
    """

    def __init__(self, protocol: BoundedProtocol) -> None:
        super().__init__(protocol)
        self._protocol = protocol
        # What follows a request that closes the connection is no further request.
        self.set_dangerous_leniencies(lenient_data_after_close=False)

    def feed_data(self, data: Any) -> None:
        """Reads on."""
        left = memoryview(data)
        while left:
            try:
                super().feed_data(left)
                return
            except HttpParserUpgrade as offer:
                # Up to there it is read: the end of the head.
                left = left[offer.args[0] :]
                super().feed_data(self._protocol.head_without_offer())


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections whose request line and headers are too large, or whose client does not send on or does not read.

    Tells whoever works for a client when that has left.

    uvicorn itself times only what lies between an answer and the next request, takes heads of any size, and takes
    the fields behind a chunked body, which proxies do not look at, for headers.
    """

    _head: asyncio.TimerHandle | None = None
    _body: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _beside_body = 0
    """Bytes of the current request that are no part of its body."""
    _size = 0
    """Bytes of its line and headers. The count above forgets a head that comes in one packet with all of its body, and
    this one sees none of a header that does not end."""
    _has_head = False

    def connection_made(self, transport: Any) -> None:
        """Starts the clock of the first request."""
        super().connection_made(transport)
        self.transport = WholeAnswers(transport, self.loop)  # pyright: ignore[reportAttributeAccessIssue]
        self._departure = Departure()
        # What each request's state begins with.
        self.app_state = {**self.app_state, DEPARTURE: self._departure}
        self.parser = _Parser(self)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Reads on, unless what came does not lead anywhere."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")
        elif self._body is None and self._has_head:
            self._expect_body()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._has_head, self._size = False, 0

    def on_url(self, url: bytes) -> None:
        """Takes a piece of it."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header, and leaves what is behind the body."""
        self._grow(len(name) + len(value))
        if not self._has_head:
            # RFC 9110, 5.5: white space around a value is no part of it; the parser leaves what is behind one.
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """The request is handled from here on, unless its head is to be read once more."""
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise TunnelRefusedError
            return
        self._has_head = True
        super().on_headers_complete()

    def head_without_offer(self) -> bytes:
        """The head of the current request without its offer to change the protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_body(self, body: bytes) -> None:
        """Takes a piece of the body, which has a bound of its own."""
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes now belongs to the next request."""
        if self.parser.should_upgrade():
            return
        self._beside_body, self._has_head = 0, False
        if self._body is not None:
            self._body.cancel()
            self._body = None
        super().on_message_complete()
        if not self.pipeline:
            # Whoever does not read on never hears that a client has left.
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Starts the clock of the next one."""
        super().on_response_complete()
        self._expect_head()
        if self._body is not None:
            # Its body was not read until now.
            self._expect_body()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops all clocks, and what works for the client."""
        for clock in (self._head, self._body, self._stall):
            if clock is not None:
                clock.cancel()
        self._departure.leave()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._stall is not None:
            self._stall.cancel()
        super().resume_writing()

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > HEAD_BYTES:
            raise HeadTooLargeError

    def _expect_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _expect_body(self) -> None:
        if self._body is not None:
            self._body.cancel()
        self._body = self.loop.call_later(BODY_SECONDS, self._miss_body)

    def _miss_body(self) -> None:
        self._body = None
        if self.pipeline:
            # It is not read while the request before it is worked on.
            self._expect_body()
        elif not self.cycle.response_started and not self.transport.is_closing():
            self.transport.write(NO_BODY)
            self.transport.close()

    def _give_up(self) -> None:
        # A request in progress has a head; its body and its answer have clocks of their own.
        is_waiting = self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if is_waiting and not self.transport.is_closing():
            self.transport.close()
