"""PostgreSQL is restarted or dies under clients of both transports: each answer is right or worth another try."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.command_line import CommandLine
from tests.http_serving import ACCEPT, MODERN, Caller, http_server, message
from tests.own_server import kill_all
from tests.own_shop import own_shop
from tests.small_data import ORDERS
from tests.stdio_serving import Served, greet, question, serving
from zava_cli.data.embedded import EmbeddedServer
from zava_cli.data.target import Target

WORTH_ANOTHER_TRY = {"DATABASE_UNAVAILABLE", "DATABASE_BUSY", "SHARE_BUSY"}
CLIENTS = 16
RECOVERY = 2.0
"""Seconds after the server's return by which everybody is answered again."""
COUNT = "select count(*) from orders"


@pytest.fixture(scope="module")
def shop() -> Iterator[Target]:
    """A server to be stopped and killed, with the small known database."""
    with own_shop() as target:
        yield target


@dataclass
class Answers:
    """What clients were told: when they asked, and the count, or None for an error that says to try again."""

    told: list[tuple[float, int, int | None]] = field(default_factory=list[tuple[float, int, int | None]])

    async def keep_asking(self, expected: int, ask: Callable[[], Awaitable[int | None]], end: asyncio.Event) -> None:
        """Asks again and again."""
        while not end.is_set():
            asked = time.monotonic()
            self.told.append((asked, expected, await ask()))
            await asyncio.sleep(0.01)

    def since(self, moment: float) -> list[int | None]:
        """By how much answers to questions from then on were wrong; None for errors."""
        return [None if count is None else count - expected for asked, expected, count in self.told if asked > moment]


def count_in(result: dict[str, Any]) -> int | None:
    """The count in a tool's result; fails for an error that is not worth another try."""
    if result.get("isError"):
        error = result["structuredContent"]["error"]
        assert error["code"] in WORTH_ANOTHER_TRY, error
        assert error["retryable"] is True
        return None
    return int(json.loads(result["content"][0]["text"])["rows"][0][0])


@asynccontextmanager
async def asking_over_http(url: str, tokens: dict[str, str]) -> AsyncIterator[list[tuple[int, Any]]]:
    """Sixteen clients, with each of the tokens in turn."""
    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=None)) as client:

        def client_of(token: str) -> Callable[[], Awaitable[int | None]]:
            headers = {"accept": ACCEPT, "mcp-protocol-version": MODERN, "authorization": f"Bearer {token}"}
            caller = Caller(client, url, headers, modern=True)

            async def ask() -> int | None:
                answer = await caller.send(
                    "tools/call", name="execute_sales_query", arguments={"postgresql_query": COUNT}
                )
                if answer.status_code == 503:
                    assert answer.headers["retry-after"]
                    assert answer.json()["error"]["retryable"] is True
                    return None
                assert answer.status_code == 200, answer.text
                return count_in(message(answer)["result"])

            return ask

        cities = [city for _ in range(CLIENTS) for city in tokens][:CLIENTS]
        yield [(ORDERS[city], client_of(tokens[city])) for city in cities]


def asking_over_stdio(served: Served) -> Callable[[], Awaitable[int | None]]:
    """The client of a server of its own."""

    async def ask() -> int | None:
        served.say(question(7, COUNT))
        return count_in((await served.hear())["result"])

    return ask


async def stop_and_start(server: EmbeddedServer) -> None:
    """As an administrator restarts it."""
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(1)
    await asyncio.to_thread(server.start)


async def lose_power(server: EmbeddedServer) -> None:
    """As a machine goes down and comes up."""
    await asyncio.to_thread(kill_all, server)
    await asyncio.to_thread(server.start)


@pytest.mark.parametrize("restart", [stop_and_start, lose_power])
async def test_a_restart_under_load_costs_errors_worth_another_try_and_no_wrong_answer(
    shop: Target, restart: Callable[[EmbeddedServer], Awaitable[None]]
) -> None:
    assert shop.embedded is not None
    tokens = {
        city: CommandLine(shop, who=city.lower())("token", "create").out.split()[0] for city in ("Seattle", "Tacoma")
    }
    answers, over = Answers(), asyncio.Event()
    with http_server(shop, ZAVA_HTTP_RATE="100000") as http, serving(shop) as stdio:
        await greet(stdio)
        async with asking_over_http(http.url, tokens) as clients:
            everybody = [*clients, (ORDERS["Seattle"], asking_over_stdio(stdio))]
            tasks = [asyncio.create_task(answers.keep_asking(count, ask, over)) for count, ask in everybody]
            await asyncio.sleep(1)
            await restart(shop.embedded)
            returned = time.monotonic()
            await asyncio.sleep(RECOVERY + 1)
            over.set()
            await asyncio.gather(*tasks)
    assert set(answers.since(0)) <= {0, None}
    assert set(answers.since(returned + RECOVERY)) == {0}


async def test_a_server_leaves_alone_what_an_administrator_has_stopped(shop: Target) -> None:
    assert shop.embedded is not None
    shop.embedded.start()
    with serving(shop) as stdio:
        await greet(stdio)
        ask = asking_over_stdio(stdio)
        assert await ask() == ORDERS["Seattle"]
        assert CommandLine(shop)("db", "stop").out == "Stopped.\n"
        assert await ask() is None
        assert not shop.embedded.is_running()
        assert CommandLine(shop)("db", "start").out == "Started.\n"
        assert await ask() == ORDERS["Seattle"]


async def test_a_server_revives_a_database_that_died(shop: Target) -> None:
    assert shop.embedded is not None
    shop.embedded.start()
    with serving(shop) as stdio:
        await greet(stdio)
        ask = asking_over_stdio(stdio)
        assert await ask() == ORDERS["Seattle"]
        await asyncio.to_thread(kill_all, shop.embedded)
        assert await ask() == ORDERS["Seattle"]
