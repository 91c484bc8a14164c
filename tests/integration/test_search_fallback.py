"""Searching when the provider is another one, down or absent, and what keyword search leaves alone."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import pytest

from tests.conftest import opened, settings_for
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.integration.test_search import find, names
from zava_cli.data.admin import admin_connection
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.infra import breaker
from zava_cli.infra.breaker import CircuitBreaker
from zava_cli.infra.errors import EmbeddingError, EmbeddingUnavailableError
from zava_cli.models.embed import EmbedRequest
from zava_cli.models.health import HealthStatus
from zava_cli.models.search import SearchMode, SearchRequest
from zava_cli.services.embed import embed_products
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.health import check_health
from zava_cli.services.search import search_products


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as running:
        yield running


@pytest.fixture
async def remote(seeded_copy: Target, server: EmbeddingServer) -> AsyncIterator[PostgreSQLProvider]:
    """A database whose active model is the server's; scores of that model reach 0.7 only with the same words."""
    changes = {"embedding_provider": "openai", "embedding_model": "test-model", "embedding_base_url": server.base_url}
    async with opened(Target(seeded_copy.settings.model_copy(update=changes))) as provider:
        report = await embed_products(provider.target, EmbedRequest())
        async with embedding_store(provider.target) as store:
            await store.activate(report.model)
        yield provider


async def test_an_openai_compatible_service_searches_by_meaning_too(remote: PostgreSQLProvider) -> None:
    seattle = await remote.identify("seattle")
    text = "16 oz Curved Claw Hammer. hammers. hand tools. Everyday nail hammer with a forged steel head"
    result = await find(remote, seattle, text, mode="semantic", threshold=0.3)
    assert (result.model, result.threshold) == ("test-model", 0.3)
    assert names(result)[0] == "16 oz Curved Claw Hammer"
    assert (await find(remote, seattle, "hammer", mode="semantic")).threshold == pytest.approx(0.7 * 2 / 3)


async def test_a_service_that_is_down_leaves_keyword_search_with_a_notice(
    remote: PostgreSQLProvider, server: EmbeddingServer
) -> None:
    seattle = await remote.identify("seattle")
    server.behaviour = "server_error"
    result = await find(remote, seattle, "claw hammer")
    assert names(result)[0] == "16 oz Curved Claw Hammer"
    assert (result.mode, result.model) == (SearchMode.KEYWORD, None)
    assert result.notices[0].startswith("Searched by keyword only: 127.0.0.1")
    with pytest.raises(EmbeddingError):
        await find(remote, seattle, "claw hammer", mode="semantic")
    server.requests.clear()
    assert (await find(remote, seattle, "claw hammer", mode="keyword")).notices == []
    assert server.requests == []


async def test_a_service_that_keeps_failing_is_left_alone_and_asked_again_after_a_while(
    remote: PostgreSQLProvider, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seattle = await remote.identify("seattle")
    source = EmbedderSource(remote.settings)
    monkeypatch.setattr(source.get(), "_breaker", CircuitBreaker(EmbeddingUnavailableError, failures=2))
    wanted = SearchRequest(query_description="claw hammer")
    async with source:
        server.behaviour = "rate_limited"
        for _ in range(2):
            await search_products(remote, seattle, wanted, source)
        server.requests.clear()
        result = await search_products(remote, seattle, wanted, source)
        assert names(result)[0] == "16 oz Curved Claw Hammer"
        assert re.search(r"has failed several times in a row and is asked again in \d+ seconds", result.notices[0])
        with pytest.raises(EmbeddingUnavailableError) as caught:
            await search_products(remote, seattle, wanted.model_copy(update={"mode": SearchMode.SEMANTIC}), source)
        assert caught.value.retry_after is not None and 0 < caught.value.retry_after <= 30
        report = await check_health(remote, "seattle", source)
        (component,) = [c for c in report.components if c.component == "embedding provider"]
        assert (component.status, "asked again in" in component.detail) == (HealthStatus.WARN, True)
        assert server.requests == []
        server.behaviour = "ok"
        later = time.monotonic() + 60
        monkeypatch.setattr(breaker, "time", SimpleNamespace(monotonic=lambda: later))
        assert (await search_products(remote, seattle, wanted, source)).notices == []


async def test_a_provider_other_than_the_active_one_is_said_and_not_mixed_in(
    remote: PostgreSQLProvider,
) -> None:
    async with opened(Target(settings_for(remote.settings.profile))) as local:
        result = await find(local, await local.identify("seattle"), "claw hammer")
    assert result.mode is SearchMode.KEYWORD
    assert "embedded with test-model, and the settings ask for wordllama-l2-256" in result.notices[0]
    assert "zava embed" in result.notices[0]


async def test_without_embeddings_words_still_find_and_the_notice_says_how_to_get_them(
    seeded_copy: Target,
) -> None:
    async with admin_connection(seeded_copy) as connection:
        await connection.execute("TRUNCATE retail.product_description_embeddings, retail.embedding_models")
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        result = await find(provider, seattle, "claw hammer")
        assert names(result)[0] == "16 oz Curved Claw Hammer"
        assert "Run `zava embed`" in result.notices[0]
        with pytest.raises(EmbeddingError, match="No product is embedded yet"):
            await find(provider, seattle, "claw hammer", mode="semantic")


_KEYWORD = """
import asyncio, sys
from tests.conftest import settings_for
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.models.search import SearchMode, SearchRequest
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search import search_products
async def main():
    provider = PostgreSQLProvider(Target(settings_for(sys.argv[1])))
    request = SearchRequest(query_description="claw hammer", mode=SearchMode.KEYWORD)
    async with EmbedderSource(provider.settings) as source:
        result = await search_products(provider, await provider.identify("seattle"), request, source)
    await provider.close()
    print(len(result.hits) > 0, *sorted({"numpy", "wordllama", "openai"} & set(sys.modules)))
asyncio.run(main())
"""


async def test_keyword_search_loads_no_model_library(target: Target) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _KEYWORD, target.settings.profile],
        env=os.environ,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "True\n"
