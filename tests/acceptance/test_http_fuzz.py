"""`zava serve --http` under garbage: no answer is a server's error, and the next well-formed request is answered."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.test_stdio_fuzz import MEGABYTE, MOST_GROWTH, garbage
from tests.http_serving import ACCEPT, HANDSHAKE, MODERN, HttpServer, calling, http_server
from zava_cli.data.target import Target

PATIENCE = 30


@pytest.fixture(scope="module")
def server(seeded: Target) -> Iterator[HttpServer]:
    """One server for all garbage."""
    with http_server(seeded, "--no-auth", ZAVA_HTTP_RATE="100000") as server:
        yield server
        assert server.stop() == 0
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """Sends the garbage; a request without an answer fails its test."""
    with httpx2.Client(timeout=PATIENCE) as client:
        yield client


headers = st.fixed_dictionaries(
    {
        "accept": st.sampled_from([ACCEPT, "*/*", "text/html", ""]),
        "content-type": st.sampled_from(["application/json", "text/plain", "application/json; charset=utf-16"]),
    },
    optional={
        "mcp-protocol-version": st.sampled_from([HANDSHAKE, MODERN, "1", "x" * 200]),
        "mcp-session-id": st.sampled_from(["", "x", "0" * 32]),
        "mcp-method": st.sampled_from(["ping", "tools/call", ""]),
        "mcp-name": st.text("abc_", max_size=10),
    },
)


@given(body=garbage, headers=headers, method=st.sampled_from(["POST", "POST", "POST", "DELETE", "PUT"]))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_garbage_is_answered_with_an_error_of_the_server(
    server: HttpServer, client: httpx2.Client, body: bytes, headers: dict[str, str], method: str
) -> None:
    assert client.request(method, server.url, content=body, headers=headers).status_code < 500


async def test_after_much_garbage_memory_is_bounded_and_a_request_is_answered(
    server: HttpServer, client: httpx2.Client
) -> None:
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    for body in (
        b"[" * 900_000,
        b'{"a":' * 150_000,
        b"9" * 900_000,
        b'"' + b"\\ud800" * 100_000 + b'"',
        b"x" * 5 * MEGABYTE,
    ):
        for _ in range(4):
            answer = client.post(
                server.url, content=body, headers={"accept": ACCEPT, "content-type": "application/json"}
            )
            assert 400 <= answer.status_code < 500
    assert process.memory_info().rss - before < MOST_GROWTH
    for modern in (False, True):
        async with calling(server.url, modern=modern) as caller:
            assert not (await caller.ask("select 1"))["isError"]
