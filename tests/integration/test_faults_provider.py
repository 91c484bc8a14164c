"""An embedding provider that accepts a request and never answers."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from fastmcp import Client

from tests.command_line import CommandLine
from tests.conftest import clone, drop
from tests.embedding_server import EmbeddingServer, embedding_server
from zava_cli.data.admin import admin_connection
from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.models.embed import EmbedRequest
from zava_cli.server.app import build_server
from zava_cli.services.embed import embed_products

PATIENCE = 30
VECTORS = "SELECT md5(string_agg(v::text, ',' ORDER BY v::text)) FROM retail.product_description_embeddings v"


@pytest.fixture
def provider_server() -> Iterator[EmbeddingServer]:
    """A provider that has answered so far."""
    with embedding_server() as running:
        yield running


@pytest.fixture
async def shop(provider_server: EmbeddingServer) -> AsyncIterator[Target]:
    """A database that was embedded by the provider before that fell silent."""
    copy = await clone()
    changes = {
        "embedding_provider": "openai", "embedding_model": "test-model", "embedding_timeout": 5.0,
        "embedding_base_url": provider_server.base_url,
    }  # fmt: skip
    target = Target(copy.settings.model_copy(update=changes))
    report = await embed_products(target, EmbedRequest())
    async with embedding_store(target) as store:
        await store.activate(report.model)
    provider_server.behaviour = "slow"
    yield target
    await drop(copy)


def environment(target: Target, timeout: float) -> dict[str, str]:
    """The settings of that provider for a process."""
    settings = target.settings
    return {
        "ZAVA_EMBEDDING_PROVIDER": "openai", "ZAVA_EMBEDDING_MODEL": "test-model",
        "ZAVA_EMBEDDING_BASE_URL": str(settings.embedding_base_url), "ZAVA_EMBEDDING_TIMEOUT": str(timeout),
    }  # fmt: skip


async def until_asked(provider_server: EmbeddingServer, asked: int) -> None:
    """Waits until the provider has got more requests than so many."""
    async with asyncio.timeout(PATIENCE):
        while len(provider_server.requests) == asked:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def fetch(target: Target, sql: str) -> object:
    """One value, past all walls."""
    async with admin_connection(target) as connection:
        return await connection.fetchval(sql)


async def test_embed_gives_up_with_every_vector_as_it_was_and_search_finds_by_words(shop: Target) -> None:
    before = await fetch(shop, VECTORS)
    zava, silent = CommandLine(shop, "seattle"), environment(shop, 0.3)
    failed = await asyncio.to_thread(zava, "embed", "--all", **silent)
    assert (failed.code, failed.out) == (1, "")
    assert "did not embed within 0.3 seconds" in failed.err
    assert await fetch(shop, VECTORS) == before
    found = await asyncio.to_thread(zava, "search", "claw hammer", **silent)
    assert found.code == 0
    assert "Hammer" in found.out
    assert "Searched by keyword only" in found.err


@pytest.mark.parametrize(("mode", "attempts"), [("hybrid", 1), ("semantic", 4)])
async def test_who_searches_in_a_terminal_waits_for_one_attempt_unless_only_meaning_will_do(
    shop: Target, provider_server: EmbeddingServer, mode: str, attempts: int
) -> None:
    provider_server.behaviour = "server_error"
    asked = len(provider_server.requests)
    zava = CommandLine(shop, "seattle")
    found = await asyncio.to_thread(zava, "search", "claw hammer", "--mode", mode, **environment(shop, 60))
    assert "failed to embed (HTTP 500)" in found.err
    assert ("Hammer" in found.out) is (mode == "hybrid")
    assert len(provider_server.requests) - asked == attempts


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_waiting_embed_and_lets_go_of_its_lock(
    shop: Target, provider_server: EmbeddingServer, number: signal.Signals
) -> None:
    before, asked = await fetch(shop, VECTORS), len(provider_server.requests)
    process = CommandLine(shop, "seattle").start("embed", "--all", **environment(shop, 600))
    await until_asked(provider_server, asked)
    process.send_signal(number)
    out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert (process.returncode, out) == (128 + number, ""), err
    assert err in ("Terminated.\n", "Interrupted.\n")
    assert await fetch(shop, VECTORS) == before
    provider_server.behaviour = "ok"
    async with asyncio.timeout(PATIENCE):
        assert (await embed_products(shop, EmbedRequest(all=True))).embedded > 0


async def test_searches_that_wait_hold_nobody_else_up(shop: Target, provider_server: EmbeddingServer) -> None:
    asked = len(provider_server.requests)
    async with Client(build_server(shop, identity="seattle")) as client:
        waiting = [
            asyncio.create_task(client.call_tool("search_products", {"query_description": "hammer"}))
            for _ in range(3 * shop.settings.pool_max)
        ]
        await until_asked(provider_server, asked)
        answer = await client.call_tool("execute_sales_query", {"postgresql_query": "select 1"})
        assert json.loads(answer.content[0].text)["rows"] == [[1]]
        assert not any(task.done() for task in waiting)
        found = [json.loads((await task).content[0].text) for task in waiting]
    assert all(answer["row_count"] > 0 for answer in found)
    assert all("keyword only" in answer["notices"][0] for answer in found)
