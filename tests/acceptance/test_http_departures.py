"""A caller who leaves `zava serve --http` frees the backend, in every mode and protocol version."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.direct_calls import Sent
from tests.http_serving import MODES, HttpServer, calling, http_server
from tests.stdio_serving import SLOW, backends
from zava_cli.data.target import Target

WORKING = "state = 'active' AND query LIKE '%generate_series%'"
AT_WORK_SECONDS = 60
FREED_SECONDS = 15
"""Far less than the query takes, far more than a machine with much else to do needs to end it."""


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest, seeded: Target) -> Iterator[HttpServer]:
    """A server in that mode."""
    with http_server(seeded, "--no-auth", **MODES[request.param]) as server:
        yield server


async def _until(target: Target, count: int, seconds: float) -> float:
    """Waits until so many backends work on the slow query; how long that took."""
    started = time.monotonic()
    while await backends(target, WORKING) != count:
        waited = time.monotonic() - started
        assert waited < seconds, f"still {await backends(target, WORKING)} at work"
        await asyncio.sleep(0.02)
    return time.monotonic() - started


@pytest.mark.parametrize("modern", [False, True], ids=["handshake", "2026-07-28"])
async def test_a_closed_connection_frees_the_backend(target: Target, server: HttpServer, modern: bool) -> None:
    async with calling(server.url, modern=modern) as caller:
        question = asyncio.create_task(caller.ask(SLOW))
        await _until(target, 1, AT_WORK_SECONDS)
        question.cancel()
        with suppress(asyncio.CancelledError):
            await question
        await _until(target, 0, FREED_SECONDS)
        assert '"rows":[[1]]' in (await caller.ask("select 1"))["content"][0]["text"]


async def test_whoever_leaves_behind_a_large_request_frees_the_backend_too(target: Target, server: HttpServer) -> None:
    sent = Sent(name="execute_sales_query", arguments={"postgresql_query": SLOW}, _meta={"x/y": "x" * 200_000})
    body = json.dumps(sent.message).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.headers.items())
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"POST /mcp HTTP/1.1\r\nhost: localhost\r\n{head}content-length: {len(body)}\r\n\r\n".encode())
    await writer.drain()
    # The server waits for the body by then, and reads it in large pieces.
    await asyncio.sleep(0.2)
    writer.write(body)
    await _until(target, 1, AT_WORK_SECONDS)
    writer.close()
    await _until(target, 0, FREED_SECONDS)


async def test_a_cancel_notification_frees_the_backend(target: Target) -> None:
    with http_server(target, "--no-auth") as server:
        async with calling(server.url) as caller:
            question = asyncio.create_task(caller.ask(SLOW))
            await _until(target, 1, AT_WORK_SECONDS)
            assert await caller.notify("notifications/cancelled", requestId=caller.number) == 202
            await _until(target, 0, FREED_SECONDS)
            question.cancel()
            with suppress(asyncio.CancelledError, KeyError):
                await question
            assert '"rows":[[1]]' in (await caller.ask("select 1"))["content"][0]["text"]


async def test_a_server_that_is_told_to_stop_leaves_no_backend_behind(target: Target) -> None:
    with http_server(target, "--no-auth", ZAVA_SERVE_GRACE="1") as server:
        async with calling(server.url) as caller:
            # Three texts, since callers of the same one share its answer.
            questions = [asyncio.create_task(caller.ask(f"{SLOW} and n > {number}")) for number in range(3)]
            await _until(target, 3, AT_WORK_SECONDS)
            assert await asyncio.to_thread(server.stop) == 0
            await asyncio.gather(*questions, return_exceptions=True)
    await _until(target, 0, FREED_SECONDS)


@pytest.mark.parametrize("modern", [False, True], ids=["handshake", "2026-07-28"])
async def test_who_is_still_waiting_when_the_server_ends_is_told_to_come_again(target: Target, modern: bool) -> None:
    with http_server(target, "--no-auth", ZAVA_SERVE_GRACE="1") as server:
        async with calling(server.url, modern=modern) as caller:
            arguments = {"postgresql_query": SLOW}
            question = asyncio.create_task(caller.send("tools/call", name="execute_sales_query", arguments=arguments))
            await _until(target, 1, AT_WORK_SECONDS)
            server.process.terminate()
            answer = await question
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert answer.json()["error"]["code"] == "SERVER_UNAVAILABLE"
