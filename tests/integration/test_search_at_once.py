"""A server's searches after its first: one statement answers them as the single steps would, and as of now."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from tests.conftest import opened
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed import embedding_store
from zava_cli.data.search import NO_FILTERS, by_meaning
from zava_cli.data.search_at_once import PlainQuestion, at_once
from zava_cli.data.session import Session
from zava_cli.data.target import Target
from zava_cli.models.search import SearchRequest, SearchResult
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search import search_products
from zava_cli.services.search_memory import SearchMemory

Kept = tuple[EmbedderSource, SearchMemory]


@asynccontextmanager
async def kept(provider: PostgreSQLProvider) -> AsyncGenerator[Kept]:
    """What a server keeps between searches, before its first one."""
    async with EmbedderSource(provider.settings) as source:
        yield source, SearchMemory.of(provider.settings)


@pytest.fixture
async def used(provider: PostgreSQLProvider, seattle: Caller) -> AsyncIterator[Kept]:
    """What a server keeps between searches, after its first one."""
    async with kept(provider) as searches:
        await ask(provider, seattle, searches, "hammer")
        yield searches


async def ask(provider: PostgreSQLProvider, caller: Caller, searches: Kept, text: str, **options: Any) -> SearchResult:
    return await search_products(provider, caller, SearchRequest(query_description=text, **options), *searches)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of searches from here on; they run as ever."""
    asked: list[str] = []
    records = Session.records

    async def noted(self: Session, sql: str, *arguments: Any) -> list[Any]:
        asked.append(sql)
        return await records(self, sql, *arguments)

    monkeypatch.setattr(Session, "records", noted)
    return asked


@pytest.mark.parametrize(
    "text",
    [
        "waterproof box for an outdoor outlet", " hthm001700 ", "light switch, not a dimmer", "½ plywood", "%", "🔨",
        "fawcet", "dry wall screws", "zzqx", "red box cutter", "secatuers", "paint -exterior", '"claw hammer"',
    ],
)  # fmt: skip
async def test_the_answer_is_that_of_a_first_search(
    provider: PostgreSQLProvider, seattle: Caller, used: Kept, text: str
) -> None:
    for options in ({}, {"limit": 100}, {"threshold": 0.9}, {"in_stock": True}, {"mode": "keyword"}):
        async with kept(provider) as fresh:
            first = await ask(provider, seattle, fresh, text, **options)
        assert await ask(provider, seattle, used, text, **options) == first


async def test_a_plain_question_is_one_statement_and_a_slip_of_the_pen_goes_through_the_steps(
    provider: PostgreSQLProvider, seattle: Caller, used: Kept, statements: list[str]
) -> None:
    assert (await ask(provider, seattle, used, "box beam")).hits
    assert len(statements) == 1
    assert (await ask(provider, seattle, used, "fawcet")).hits
    assert len(statements) > 2


async def test_other_names_are_looked_up_once_and_then_part_of_the_one_statement(
    provider: PostgreSQLProvider, seattle: Caller, used: Kept, statements: list[str]
) -> None:
    first = await ask(provider, seattle, used, "sheetrock")
    assert len(statements) > 2
    statements.clear()
    assert await ask(provider, seattle, used, "sheetrock") == first
    assert len(statements) == 1


async def test_a_vector_that_the_model_cannot_have_any_more_is_compared_with_nothing(
    provider: PostgreSQLProvider, seattle: Caller, used: Kept
) -> None:
    model = used[1].model
    assert model is not None
    shorter = np.ones(model.dimensions // 2, dtype=np.float32)
    async with provider.reader(seattle) as session:
        for vector, finds in ((np.ones(model.dimensions, dtype=np.float32), True), (shorter, False)):
            found = await at_once(session, PlainQuestion("box", ["box"], [], ["box"], [], vector, model), 50)
            assert found.reading.active == model
            assert bool(found.by_keyword and found.by_meaning) == finds


async def test_an_unwanted_word_costs_a_product_its_penalty_and_no_more(
    provider: PostgreSQLProvider, seattle: Caller, used: Kept
) -> None:
    source, model = used[0], used[1].model
    assert model is not None
    vector = await source.embed_query(model, "hammer")
    async with provider.reader(seattle) as session:
        seen = await at_once(session, PlainQuestion("hammer", [], [], [], ["claw"], vector, model), 20)
        compared = await by_meaning(session, vector, model, ["claw"], NO_FILTERS, 20)
    for found in (seen.by_meaning, compared):
        matches = list(found.values())
        assert any(match.is_unwanted for match in matches[:5])
        assert matches == sorted(matches, key=lambda match: match.penalty - match.score)
    assert compared == seen.by_meaning


async def test_what_changed_since_the_search_before_is_found_as_it_is_now(seeded_copy: Target) -> None:
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        async with kept(provider) as searches:
            before = await ask(provider, seattle, searches, "claw hammer")
            async with admin_connection(seeded_copy) as connection, owner_transaction(connection, seeded_copy):
                await connection.execute("UPDATE products SET name = 'Zimbelstern' WHERE sku = $1", before.hits[0].sku)
            assert "1 product(s) changed" in (await ask(provider, seattle, searches, "claw hammer")).notices[0]
            assert (await ask(provider, seattle, searches, "zimbelstern")).hits[0].sku == before.hits[0].sku


async def test_an_index_that_came_or_embeddings_that_went_since_the_search_before_are_noticed(
    seeded_copy: Target, statements: list[str]
) -> None:
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        async with kept(provider) as searches:
            before = await ask(provider, seattle, searches, "claw hammer")
            async with embedding_store(seeded_copy) as store:
                assert await store.build_index("wordllama-l2-256", 256, minimum=1)
            for _ in range(2):
                statements.clear()
                after = await ask(provider, seattle, searches, "claw hammer")
                assert [hit.sku for hit in after.hits[:5]] == [hit.sku for hit in before.hits[:5]]
                assert len(statements) > 2
            async with admin_connection(seeded_copy) as connection:
                await connection.execute("TRUNCATE retail.product_description_embeddings, retail.embedding_models")
            assert "Run `zava embed`" in (await ask(provider, seattle, searches, "claw hammer")).notices[0]


async def test_callers_with_one_server_never_see_each_others_stock(
    provider: PostgreSQLProvider, seattle: Caller, head_office: Caller, used: Kept
) -> None:
    mine = await ask(provider, seattle, used, "hammer drill", in_stock=True)
    async with kept(provider) as fresh:
        theirs = await ask(provider, head_office, fresh, "hammer drill", in_stock=True)
    assert await ask(provider, head_office, used, "hammer drill", in_stock=True) == theirs
    assert await ask(provider, seattle, used, "hammer drill", in_stock=True) == mine
    assert [hit.units for hit in mine.hits] != [hit.units for hit in theirs.hits]
