"""What `zava serve --http` takes from one client, and from whom."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.certificates import self_signed
from tests.command_line import CommandLine
from tests.http_serving import ACCEPT, HttpServer, calling, http_server
from tests.stdio_serving import INITIALIZE, PATIENCE
from zava_cli.data.target import Target

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture(scope="module")
def server(seeded: Target) -> Iterator[HttpServer]:
    """A server for anybody on this machine."""
    with http_server(seeded, "--no-auth", ZAVA_HTTP_BODY_BYTES="20000") as server:
        yield server


async def test_health_is_open_and_says_little(server: HttpServer) -> None:
    async with httpx2.AsyncClient() as client:
        for path, body in (("/health/live", {"status": "alive"}), ("/health/ready", {"status": "ready"})):
            answer = await client.get(server.root + path)
            assert (answer.status_code, answer.json()) == (200, body)


async def test_details_of_health_name_every_component(server: HttpServer) -> None:
    async with httpx2.AsyncClient(timeout=30) as client:
        answer = await client.get(server.root + "/health")
    assert answer.status_code == 200
    assert {"database", "login", "row security", "signed context"} <= {
        c["component"] for c in answer.json()["components"]
    }


async def test_a_server_without_its_database_is_alive_and_not_ready(seeded: Target) -> None:
    nowhere = "postgresql://zava_gateway@127.0.0.1:1/zava"
    with http_server(seeded, ZAVA_DATABASE_URL=nowhere) as server:
        async with httpx2.AsyncClient() as client:
            assert (await client.get(server.root + "/health/live")).status_code == 200
            answer = await client.get(server.root + "/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "attacker.example"}, 421),
        ({"host": "attacker.example:8000"}, 421),
        ({"host": "127.0.0.1:1, attacker.example"}, 421),
        ({"host": "localhost:1.attacker.example"}, 421),
        ({"host": "[::1].attacker.example"}, 421),
        ({"origin": "https://attacker.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"origin": "http://localhost:3000"}, 200),
    ],
)
async def test_a_page_elsewhere_cannot_reach_it(server: HttpServer, headers: dict[str, str], status: int) -> None:
    async with httpx2.AsyncClient() as client:
        # What was let pass once is not looked at again.
        for _ in range(2):
            assert (await client.get(server.root + "/health/live", headers=headers)).status_code == status


async def test_a_body_that_is_too_large_is_refused_with_or_without_its_length(server: HttpServer) -> None:
    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(30):
            yield b"x" * 1_000

    headers = {"accept": ACCEPT, "content-type": "application/json"}
    async with httpx2.AsyncClient() as client:
        for content in (b"x" * 30_000, pieces()):
            answer = await client.post(server.url, content=content, headers=headers)
            assert answer.status_code == 413


@pytest.mark.parametrize(
    "said",
    [
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 70_000,
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 10_000 + b"\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"\r\n" * 35_000,
    ],
)
async def test_a_head_that_is_too_large_is_refused(server: HttpServer, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answer = b" 400 "
    # A connection that is closed on what is still under way may lose the answer.
    with suppress(ConnectionError):
        for start in range(0, len(said), 20_000):
            writer.write(said[start : start + 20_000])
            await asyncio.sleep(0.01)
        answer = await asyncio.wait_for(reader.readline(), 5)
    assert b" 400 " in answer
    writer.close()


async def test_a_field_behind_the_body_is_no_header(server: HttpServer) -> None:
    head = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
    refused = b"origin: https://attacker.example\r\n"
    for before, behind, status in ((refused, b"", b" 403 "), (b"", refused, b" 200 ")):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head + before + b"\r\n2\r\n{}\r\n0\r\n" + behind + b"\r\n")
        assert status in await asyncio.wait_for(reader.readline(), 5)
        writer.close()


async def test_what_follows_the_last_request_of_a_connection_is_not_answered(server: HttpServer) -> None:
    get = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(get + b"connection: close\r\n\r\n" + get + b"\r\n")
    assert (await asyncio.wait_for(reader.read(), 20)).count(b'"alive"') <= 1
    writer.close()


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("pause", [0.0, 0.1])
async def test_an_offer_to_change_the_protocol_is_passed_over(server: HttpServer, framing: str, pause: float) -> None:
    body = json.dumps({"jsonrpc": "2.0", **INITIALIZE}).encode()
    said = f"content-length: {len(body)}" if framing == "length" else "transfer-encoding: chunked"
    head = (
        f"POST /mcp HTTP/1.1\r\nhost: localhost\r\naccept: {ACCEPT}\r\ncontent-type: application/json\r\n"
        f"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP\r\n{said}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for _ in range(2):
        writer.write(head.encode())
        # A client may send the body by itself, as soon as it has one.
        await asyncio.sleep(pause)
        writer.write(body if framing == "length" else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = re.search(rb"content-length: (\d+)", answer)
        assert length and b'"serverInfo"' in await asyncio.wait_for(reader.readexactly(int(length[1])), 5)
    writer.close()


@pytest.mark.parametrize("offer", [b"GET", b"CONNECT"])
async def test_what_a_proxy_takes_for_a_body_is_no_request(server: HttpServer, offer: bytes) -> None:
    hidden = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
    place = b"localhost:80" if offer == b"CONNECT" else b"/health/live"
    head = b"%b %b HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: anything\r\n" % (offer, place)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head + b"content-length: %d\r\n\r\n" % len(hidden))
    # CONNECT is refused by its head, and what follows then resets the connection.
    said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20) if offer == b"CONNECT" else b""
    writer.write(hidden)
    with suppress(ConnectionResetError):
        said += await asyncio.wait_for(reader.read(), 20)
    assert said.count(b"HTTP/1.1 ") == 1
    writer.close()


@pytest.mark.parametrize("said", [b"", b"POST /mcp HTT", b"POST /mcp HTTP/1.1\r\nhost: localhost\r\n"])
async def test_a_client_that_connects_and_falls_silent_is_let_go(server: HttpServer, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(said)
    await writer.drain()
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def test_a_client_whose_body_does_not_come_is_let_go(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST /mcp HTTP/1.1\r\nhost: localhost\r\naccept: {ACCEPT}\r\ncontent-length: 100\r\n\r\n"
    writer.write(head.encode() + b"{")
    await writer.drain()
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
    writer.close()


async def test_a_short_answer_comes_in_one_piece(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(1000), 20)).endswith(b'{"status":"alive"}')
    writer.close()


async def test_the_head_of_a_stream_comes_before_there_is_anything_to_say(server: HttpServer) -> None:
    async with calling(server.url) as caller, caller.client.stream("GET", server.url, headers=caller.headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")


async def test_a_request_hidden_in_the_body_of_another_is_not_answered(server: HttpServer) -> None:
    hidden = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
    body = b"0\r\n\r\n" + hidden
    head = f"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\ntransfer-encoding: chunked\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode() + body)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    writer.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"1", b'"a"', b"\xff\xfe", b"[" * 19_000, b'{"jsonrpc":"2.0"}', b'{"id":1}',
     json.dumps([PING, PING]).encode(), b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}',
     b'{"jsonrpc":"2.0","id":' + b"9" * 9_000 + b',"method":"ping"}'],
)  # fmt: skip
async def test_after_a_malformed_body_the_next_request_is_answered(server: HttpServer, body: bytes) -> None:
    async with calling(server.url) as caller:
        headers = {**caller.headers, "content-type": "application/json"}
        answer = await caller.client.post(server.url, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text
        assert (await caller.request("ping"))["result"] == {}


async def test_two_hundred_clients_on_ten_connections_are_all_answered(server: HttpServer) -> None:
    async def one() -> bool:
        async with calling(server.url, modern=True) as caller:
            # Whoever is last waits for all the others, on a busy machine.
            caller.client.timeout = 10 * PATIENCE
            answer = await caller.ask("select count(*) from orders")
            return not answer["isError"] or "RATE_LIMITED" in answer["content"][0]["text"]

    assert all(await asyncio.gather(*(one() for _ in range(200))))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"), "127.0.0.1")


async def test_a_certificate_makes_it_https(seeded: Target, certificate: tuple[Path, Path]) -> None:
    chain, private = map(str, certificate)
    with http_server(seeded, ZAVA_HTTP_TLS_CERTIFICATE=chain, ZAVA_HTTP_TLS_KEY=private) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=chain)
        async with httpx2.AsyncClient(verify=trusting) as client:
            assert (await client.get(server.root + "/health/live")).status_code == 200
        async with httpx2.AsyncClient() as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(server.root + "/health/live")


@pytest.mark.parametrize(
    ("arguments", "who", "part"),
    [
        (["--http", "--no-auth", "--host", "0.0.0.0"], "seattle", "others can reach 0.0.0.0"),
        (["--http", "--no-auth", "--host", "::"], "seattle", "others can reach ::"),
        (["--http", "--no-auth"], None, "somebody has to ask"),
        (["--http", "--admin"], "seattle", "not offered over HTTP"),
        (["--no-auth"], "seattle", "no-auth: it goes with --http"),
        (["--host", "127.0.0.1"], "seattle", "host: it goes with --http"),
        (["--port", "0"], "seattle", "port: it goes with --http"),
        (["--workers", "2"], "seattle", "workers: it goes with --http"),
        (["--http", "--host", "no.such.host.invalid"], "seattle", "is no address of this machine"),
        (["--http", "--host", "203.0.113.9"], "seattle", "Hint: Use an address of this machine"),
    ],
)
def test_what_would_open_a_door_is_refused(seeded: Target, arguments: list[str], who: str | None, part: str) -> None:
    done = CommandLine(seeded, who)("serve", *arguments, "--port", "0")
    assert done.code == 2
    assert part in done.err
    assert "Hint: " in done.err


def test_a_port_that_is_taken_is_named(seeded: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CommandLine(seeded, "seattle")("serve", "--http", "--no-auth", "--port", port)
    assert done.code == 2
    assert f"port {port}" in done.err


def test_a_wrong_identity_ends_the_start(seeded: Target) -> None:
    done = CommandLine(seeded, "nobody at all")("serve", "--http", "--no-auth", "--port", "0")
    assert done.code == 1
    assert "does not stand for exactly one manager" in done.err


def test_the_server_listens_on_ipv6_too(seeded: Target) -> None:
    if not socket.has_ipv6:
        pytest.skip("needs IPv6")
    with http_server(seeded, "--no-auth", "--host", "::1") as server:
        assert server.url.startswith("http://[::1]:")
