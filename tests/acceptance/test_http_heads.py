"""A request whose head a proxy may have read in another way than `zava serve --http` is refused by the latter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http_serving import HttpServer, http_server
from zava_cli.data.target import Target

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
HEAD = {
    "host": "localhost", "authorization": "Bearer x", "content-type": "application/json", "mcp-session-id": "x",
    "mcp-protocol-version": "2026-07-28", "origin": "http://localhost", "accept": "application/json",
    "content-length": str(len(PING)),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(seeded: Target) -> Iterator[HttpServer]:
    """A server for anybody on this machine, whose administrator's port is another one."""
    with http_server(seeded, "--no-auth", ZAVA_METRICS_PORT="0") as server:
        assert server.process.stderr is not None
        server.said.append(server.process.stderr.readline())
        yield server


async def answer_to(port: int, line: str, *headers: str, body: bytes = b"") -> str:
    """What the server says to such a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([line, *headers, "", ""]).encode() + body)
    writer.write_eof()
    try:
        return (await asyncio.wait_for(reader.read(), 20)).decode()
    finally:
        writer.close()


@pytest.mark.parametrize("path", ["/mcp", "/health/live"])
@pytest.mark.parametrize("name", [name for name in HEAD if name != "accept"])
async def test_two_of_a_header_that_decides_something_are_refused(server: HttpServer, name: str, path: str) -> None:
    once = [f"{known}: {value}" for known, value in HEAD.items()]
    answer = await answer_to(server.port, f"POST {path} HTTP/1.1", *once, f"{name.title()}: {HEAD[name]}", body=PING)
    assert answer.startswith("HTTP/1.1 400 ")
    assert f"more than one {name.title()} header" in answer or "Invalid HTTP request" in answer
    assert answer.count("HTTP/1.1") == 1


async def test_two_of_a_header_that_is_a_list_are_taken(server: HttpServer) -> None:
    once = ["host: localhost", "connection: close", "accept: text/html"]
    answer = await answer_to(server.port, "GET /health/live HTTP/1.1", *once, "accept: application/json")
    assert answer.startswith("HTTP/1.1 200 ")


async def test_a_request_without_a_host_is_refused(server: HttpServer) -> None:
    answer = await answer_to(server.port, "GET /health/live HTTP/1.1", "accept: */*")
    assert answer.startswith("HTTP/1.1 400 ") and "no Host header" in answer


async def test_the_administrators_port_takes_no_two_hosts_either(server: HttpServer) -> None:
    port = int(server.said[-1].partition("127.0.0.1:")[2].partition("/")[0])
    answer = await answer_to(port, "GET /metrics HTTP/1.1", "host: localhost", "host: attacker.example")
    assert answer.startswith("HTTP/1.1 400 ")


async def test_a_flood_of_nonsense_does_not_fill_the_log(seeded: Target, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with http_server(seeded, "--no-auth", ZAVA_LOG_FILE=str(log)) as server:
        for _ in range(100):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"nonsense\r\n\r\n")
            assert b" 400 " in await asyncio.wait_for(reader.readline(), 20)
            writer.close()
    assert 1 <= log.read_text().count("Invalid HTTP request") < 50
