"""A request's body has a time in which it must come, which runs for no other request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from zava_cli.server.http import limits

CLOCK = 1.0
HOST = b" HTTP/1.1\r\nhost: localhost\r\n"
WORK = b"GET /work" + HOST + b"\r\n"
BODY = b"POST /read" + HOST + b"content-length: 2\r\n\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope, receive)
    if request.url.path == "/work":
        await request.body()
        await asyncio.sleep(1.5 * CLOCK)
    answer = PlainTextResponse(request.url.path.encode() + b" " + await request.body())
    await answer(scope, receive, send)


@asynccontextmanager
async def connection(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that works for longer than a body may take."""
    monkeypatch.setattr(limits, "BODY_SECONDS", CLOCK)
    config = uvicorn.Config(_app, http=limits.BoundedProtocol, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.Server(config).server_state
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: limits.BoundedProtocol(config, state, {}), "127.0.0.1")
    async with server, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()


async def test_it_does_not_run_out_on_a_request_that_is_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(monkeypatch) as (reader, writer):
        writer.write(BODY.replace(b"/read", b"/work"))
        await asyncio.sleep(0.1)
        writer.write(b"{}")
        assert (await reader.readuntil(b"/work {}")).startswith(b"HTTP/1.1 200 ")


async def test_it_does_not_run_out_on_the_request_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(monkeypatch) as (reader, writer):
        writer.write(WORK + BODY)
        assert (await reader.readuntil(b"/work ")).startswith(b"HTTP/1.1 200 ")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_it_begins_anew_when_the_request_before_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(monkeypatch) as (reader, writer):
        writer.write(WORK + BODY)
        await reader.readuntil(b"/work ")
        await asyncio.sleep(0.7 * CLOCK)
        writer.write(b"{}")
        assert (await reader.readuntil(b"/read {}")).startswith(b"HTTP/1.1 200 ")
