"""`zava stats` and the log of slow queries: what a server says of how its queries perform, and to whom."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.acceptance.test_http_callers import a_token
from tests.acceptance.test_metrics import TOKEN
from tests.certificates import self_signed
from tests.command_line import CommandLine
from tests.http_serving import HttpServer, calling, http_server
from tests.http_stub import Answering, answering
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.infra.settings import Settings
from zava_cli.services.stats import belongs_to, fetch_summary

ZAVA = CommandLine()
ELSEWHERE = "127.0.0.2"
"""It leads here, and yet is none of the names that this machine has for itself."""
ASKS = {"ZAVA_METRICS_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def server(seeded: Target) -> Iterator[HttpServer]:
    """A server with a token for its administrator."""
    with http_server(seeded, "--no-auth", **ASKS) as server:
        yield server


async def ask(server: HttpServer, *statements: str, token: str | None = None) -> None:
    """Has them run."""
    async with calling(server.url, token=token) as caller:
        for statement in statements:
            await caller.ask(statement)


@pytest.mark.parametrize("suffix", ["", "/", "/mcp", "/stats"])
async def test_operations_are_shown_whichever_address_of_the_server_is_given(server: HttpServer, suffix: str) -> None:
    await ask(server, "select 1", "delete from orders")
    done = ZAVA("stats", "--url", server.root + suffix, "--format", "json", **ASKS)
    assert done.code == 0, done.err
    [query] = [row for row in json.loads(done.out) if row["operation"] == "query"]
    assert query["count"] >= 1 and query["failed"] >= 1
    assert 0 < query["min_ms"] <= query["p50_ms"] <= query["p95_ms"] <= query["p99_ms"] <= query["max_ms"]
    assert "times in milliseconds" in done.err


async def test_a_terminal_of_80_columns_has_room_for_titles_and_statements(server: HttpServer) -> None:
    await ask(server, "select name from stores limit 1")
    for more, title, value in (
        ((), "operation  count  failed  slow  rows", "query"),
        (("--queries",), "p95", "select name from stores limit"),
    ):
        done = ZAVA.on_terminal("stats", *more, "--url", server.root, **ASKS, COLUMNS="80", NO_COLOR="1")
        assert done.code == 0, done.err
        assert title in done.out and value in done.out
        assert "…" not in done.out.split("\n")[0]


async def test_queries_are_shown_without_their_values_in_every_format(server: HttpServer) -> None:
    await ask(server, "select name from stores where name = 'Zava secret'")
    for chosen in ("table", "csv", "json", "vertical"):
        done = ZAVA("stats", "--queries", "--url", server.root, "--format", chosen, **ASKS)
        assert done.code == 0, done.err
        assert "select name from stores where name = ?" in done.out
        assert "secret" not in done.out


def test_the_settings_say_where_a_server_of_this_machine_is(server: HttpServer) -> None:
    done = ZAVA("stats", ZAVA_HTTP_PORT=str(server.port), **ASKS)
    assert (done.code, done.out[:10]) == (0, "operation,")


def test_a_manager_reads_it_neither_with_a_token_nor_with_none(server: HttpServer, seeded: Target) -> None:
    for variables in ({}, {"ZAVA_METRICS_TOKEN": "another-one-of-16"}):
        done = ZAVA("stats", "--url", server.root, **variables)
        assert (done.code, done.out) == (1, "")
        assert "wants its administrator's token" in done.err
    own = ZAVA("stats", "--url", server.root, ZAVA_METRICS_TOKEN=a_token(seeded, "seattle"))
    assert own.code == 2
    assert "manager's token" in own.err and "zava_" not in own.err


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[str, list[str | None], dict[str, str]]]:
    """A server at another address than this machine's: where, what it was sent, and what makes zava trust it."""
    chain, private = self_signed(tmp_path, ELSEWHERE)
    sent: list[str | None] = []

    class Handler(Answering):
        def respond(self) -> None:
            sent.append(self.headers["authorization"])
            self.answer(401)

    with answering(Handler, ELSEWHERE) as other:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, private)
        other.socket = context.wrap_socket(other.socket, server_side=True)
        yield f"https://{ELSEWHERE}:{other.server_port}", sent, {"SSL_CERT_FILE": str(chain)}


def test_the_token_of_the_settings_goes_to_no_host_that_they_do_not_name(
    elsewhere: tuple[str, list[str | None], dict[str, str]],
) -> None:
    url, sent, trusting = elsewhere
    done = ZAVA("stats", "--url", url, **trusting, **ASKS)
    assert done.code == 1
    assert "wants its administrator's token" in done.err and "--token-stdin" in done.err
    assert sent == [None]
    ZAVA("stats", "--url", url, ZAVA_HTTP_PUBLIC_URL=f"{url}/", **trusting, **ASKS)
    assert sent[1:] == [f"Bearer {TOKEN}"]


def test_a_token_that_is_given_goes_where_one_says(elsewhere: tuple[str, list[str | None], dict[str, str]]) -> None:
    url, sent, trusting = elsewhere
    done = ZAVA("stats", "--url", url, "--token-stdin", stdin="the-token-of-another\n", **trusting, **ASKS)
    assert done.code == 1
    assert sent == ["Bearer the-token-of-another"]
    assert "the-token-of-another" not in done.err


def test_what_can_be_no_administrators_token_is_sent_nowhere(server: HttpServer, seeded: Target) -> None:
    for given in ("", "short", "with spaces in the middle", "ü" * 20, a_token(seeded, "seattle")):
        done = ZAVA("stats", "--url", server.root, "--token-stdin", stdin=given)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("Error: token: this is ")
        assert not given or given not in done.err


@pytest.mark.parametrize(
    ("url", "is_meant"),
    [
        ("http://127.0.0.1:1234", True),
        ("http://localhost", True),
        ("https://[::1]:8443/stats", True),
        ("https://zava.example", True),
        ("https://ZAVA.example:443/mcp", True),
        ("https://zava.example:8443", False),
        ("http://zava.example", False),
        ("https://zava.example.attacker.example", False),
        ("https://10.0.0.7:8000", True),
        ("https://10.0.0.7", False),
        ("https://attacker.example/zava.example", False),
    ],
)
def test_the_token_is_meant_for_this_machine_and_the_addresses_that_the_settings_name(url: str, is_meant: bool) -> None:
    settings = Settings.model_validate(
        {"http_host": "10.0.0.7", "http_tls_certificate": "chain.pem", "http_public_url": "https://zava.example/"}
    )
    assert belongs_to(settings, url) is is_meant


def test_no_proxy_reads_the_token_that_is_meant_for_this_machine(server: HttpServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        place = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        done = ZAVA("stats", "--url", server.root, HTTP_PROXY=place, http_proxy=place, NO_PROXY="", no_proxy="", **ASKS)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert done.code == 0, done.err


def test_nobody_there_is_said_with_the_place(server: HttpServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = ZAVA("stats", "--url", f"http://127.0.0.1:{port}", **ASKS)
    assert done.code == 3
    assert f"No server answers at 127.0.0.1:{port}" in done.err


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"{}"), (404, b""), (302, b""), (500, b"{}"), (200, b"\xff\0")]
)
def test_what_is_no_zava_server_is_said_to_be_none(status: int, body: bytes) -> None:
    class Handler(Answering):
        def respond(self) -> None:
            self.answer(status, body, {"location": "http://127.0.0.1:1/"})

    with answering(Handler) as other, pytest.raises(ValidationError, match="offers no statistics of zava"):
        fetch_summary(f"http://127.0.0.1:{other.server_port}", SecretStr(TOKEN))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("localhost:8000", "no web address"),
        ("ftp://localhost", "no web address"),
        ("http://", "no web address"),
        ("http://me:secret@localhost", "no web address"),
        ("[", "no web address"),
        ("http://zava.example:8000", "could be read on the way"),
    ],
)
def test_the_token_goes_to_no_address_that_is_none_or_unsafe(url: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as raised:
        fetch_summary(url, SecretStr(TOKEN))
    assert "secret" not in raised.value.message


def test_an_interrupt_ends_the_waiting_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = ZAVA.start("stats", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}", **ASKS)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (130, "Interrupted.\n")


def lines(log: Path, wanted: int) -> list[dict[str, Any]]:
    """What the log says of slow queries, once there are so many."""
    for _ in range(300):
        told = [json.loads(line) for line in log.read_text().splitlines() if '"slow ' in line]
        if len(told) >= wanted:
            return told
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def plan_settings(log: Path, **more: str) -> dict[str, str]:
    """Every query is slow there."""
    return {"ZAVA_SLOW_QUERY_SECONDS": "0.00001", "ZAVA_LOG_FILE": str(log), "ZAVA_SLOW_QUERY_PLAN": "true", **more}


async def test_a_slow_statement_is_told_of_once_with_its_plan_and_no_value(target: Target, tmp_path: Path) -> None:
    log = tmp_path / "zava.log"
    with http_server(target, "--no-auth", **plan_settings(log, ZAVA_AUDIT_SQL="hash")) as server:
        await ask(server, "select count(*) from orders where status <> 'secret-1'")
        lines(log, 1)
        await ask(server, "select count(*) from orders where status <> 'secret-2' /* secret-3 */", "delete from orders")
        assert server.stop() == 0
    assert "secret" not in log.read_text()
    [statement] = lines(log, 1)
    assert statement["query"] == "select count(*) from orders where status <> ?"
    assert statement["operation"] == "query" and len(statement["fingerprint"]) == 16
    assert any("on orders" in line for line in statement["plan"])


async def test_a_statement_that_only_waited_leaves_its_line_to_the_one_that_ran_too_long(
    target: Target, tmp_path: Path
) -> None:
    log = tmp_path / "zava.log"
    settings = {"ZAVA_POOL_MAX": "2", "ZAVA_POOL_WAIT": "1.2", "ZAVA_STATEMENT_TIMEOUT": "6", "ZAVA_LOG_FILE": str(log)}
    with http_server(target, "--no-auth", **settings) as server:
        # One has the only connection, and the others wait for it in vain.
        statements = [f"select count(*) from (select generate_series({n}, 1000000000000)) n" for n in range(3)]
        await asyncio.gather(*(ask(server, statement) for statement in statements))
        assert server.stop() == 0
    assert [line["outcome"] for line in lines(log, 1)] == ["timeout"]


async def test_plans_are_those_of_the_caller(target: Target, tmp_path: Path) -> None:
    log = tmp_path / "zava.log"
    statement = "select count(*) from orders where status = 'completed'"
    tokens = [a_token(target, who) for who in ("seattle", "head office")]
    plans: list[str] = []
    for token in tokens:
        log.unlink(missing_ok=True)
        with http_server(target, **plan_settings(log)) as server:
            await ask(server, statement, token=token)
            [told] = lines(log, 1)
            plans.append("\n".join(told["plan"]))
    of_store, of_all = plans
    assert "Filter: (status = 'completed'" in of_store
    # Estimates come from every store's rows.
    assert "cost" not in of_store and "rows" not in of_store
    assert "InitPlan" in of_store
    assert "cost" in of_all and "rows" in of_all
