"""Search by meaning behind an index: when products are compared, that filters lose nothing, and whose stock counts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.conftest import opened
from tests.small_shop import as_owner
from zava_cli.data import search
from zava_cli.data.admin import admin_connection
from zava_cli.data.callers import Caller
from zava_cli.data.connections import Statement
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed import embedding_store
from zava_cli.data.named_sql import named_sql
from zava_cli.data.search import NO_FILTERS, Filters, VectorModel, by_meaning, nearest_statement
from zava_cli.data.session import Session
from zava_cli.data.target import Target
from zava_cli.models.embed import EmbedRequest
from zava_cli.models.identity import ManagerRole
from zava_cli.services.embed import embed_products
from zava_cli.services.embedding import embedder_from_settings

MODEL = VectorModel("wordllama-l2-256", 256, neighbours=16)
CHEAP = replace(NO_FILTERS, max_price=Decimal(2))
SHADES = """
INSERT INTO products (sku, name, category_id, type_id, price)
SELECT 'SHADE' || n, 'Paint, shade ' || n, category_id, type_id, 1 FROM generate_series(1, 3000) n,
       (SELECT * FROM products WHERE sku = 'PFIP003800')
"""
"""All nearer to a question for paint than anything else."""
LOTS = """
INSERT INTO products (sku, name, description, category_id, type_id, price)
SELECT sku || '-' || n, name || ', lot ' || n, description, category_id, type_id, price
FROM products, generate_series(1, 10) n WHERE sku NOT LIKE 'SHADE%'
"""


class Heard(Session):
    """A session that notes in which order the two ways were taken."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ways: list[str] = []

    async def _run(self, statement: Statement) -> list[asyncpg.Record]:
        self.ways.append("index" if statement.sql == nearest_statement(MODEL.dimensions) else "compared")
        return await self._session._run(statement)


@pytest.fixture
async def shades(seeded_copy: Target) -> Target:
    """The seeded catalogue with 3,000 paints more, and an index."""
    await as_owner(seeded_copy, SHADES)
    await embed_products(seeded_copy, EmbedRequest())
    async with embedding_store(seeded_copy) as store:
        assert await store.build_index(MODEL.model, MODEL.dimensions, minimum=1)
    return seeded_copy


@pytest.fixture
async def pools(shades: Target) -> AsyncIterator[PostgreSQLProvider]:
    """The gateway's pools on it."""
    async with opened(shades, serving=True) as provider:
        yield provider


@pytest.fixture
async def seattle(pools: PostgreSQLProvider) -> Caller:
    """The manager of one store."""
    return await pools.identify("seattle")


async def nearest(
    pools: PostgreSQLProvider, caller: Caller, filters: Filters, limit: int = 50, model: VectorModel = MODEL
) -> tuple[list[float], list[str]]:
    """Scores of the nearest to a question for paint, and the ways that were taken to find them."""
    embedder = embedder_from_settings(pools.settings)
    vector = await embedder.embed_query("paint")
    async with pools.reader(caller) as session:
        heard = Heard(session)
        found = await by_meaning(heard, vector, model, [], filters, limit)
    return [round(match.score, 6) for match in found.values()], heard.ways


async def category(target: Target, name: str) -> Filters:
    rows = await as_owner(target, "SELECT category_id FROM categories WHERE name = $1", name)
    return replace(NO_FILTERS, category=rows[0]["category_id"])


async def test_without_filters_the_index_alone_is_asked(pools: PostgreSQLProvider, seattle: Caller) -> None:
    scores, ways = await nearest(pools, seattle, NO_FILTERS)
    assert ways == ["index"]
    exact, _ = await nearest(pools, seattle, NO_FILTERS, model=replace(MODEL, neighbours=None))
    assert scores[:10] == exact[:10]


async def test_few_products_are_compared_and_many_are_looked_up(
    pools: PostgreSQLProvider, seattle: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await nearest(pools, seattle, CHEAP))[1] == ["compared"]
    monkeypatch.setattr(search, "COMPARED", 3_000)
    scores, ways = await nearest(pools, seattle, CHEAP)
    assert (len(scores), ways) == (50, ["compared", "index"])


async def test_filters_against_the_question_find_all_that_there_is(
    pools: PostgreSQLProvider, seattle: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    plumbing = await category(pools.target, "PLUMBING")
    expected, _ = await nearest(pools, seattle, plumbing, limit=1_000)
    monkeypatch.setattr(search, "COMPARED", 1)
    rows = await as_owner(pools.target, "SELECT count(*) FROM products WHERE category_id = $1", plumbing.category)
    for filters, passing in [(plumbing, rows[0][0]), (replace(plumbing, min_price=Decimal(10**6)), 0)]:
        for limit in (1_000, 50):
            scores, ways = await nearest(pools, seattle, filters, limit=limit)
            assert scores == (expected[:limit] if passing else [])
            assert len(scores) == min(passing, limit)
            assert ways[-1] == "compared"


async def test_stock_of_another_store_neither_counts_nor_ranks(
    pools: PostgreSQLProvider, seattle: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_stock = replace(NO_FILTERS, in_stock=True)
    other = "(SELECT store_id FROM stores WHERE name = 'Zava Retail Tacoma')"
    for most in (1, search.COMPARED):
        monkeypatch.setattr(search, "COMPARED", most)
        await as_owner(pools.target, f"DELETE FROM inventory WHERE store_id = {other}")
        before, _ = await nearest(pools, seattle, in_stock, limit=300)
        await as_owner(
            pools.target,
            f"INSERT INTO inventory (store_id, product_id, stock_level) SELECT {other}, product_id, 5 FROM products",
        )
        after, _ = await nearest(pools, seattle, in_stock, limit=300)
        assert before == after
        assert 0 < len(before) <= 424


async def test_an_unwanted_word_that_very_many_products_have_is_no_reason_to_compare_them_all(
    pools: PostgreSQLProvider, seattle: Caller
) -> None:
    vector = await embedder_from_settings(pools.settings).embed_query("paint")
    async with pools.reader(seattle) as session:
        heard = Heard(session)
        found = await by_meaning(heard, vector, MODEL, ["shade"], NO_FILTERS, 50)
    assert any(match.is_unwanted for match in found.values())
    assert (len(found), heard.ways) == (50, ["index"])


async def test_products_with_an_unwanted_word_do_not_fill_the_list(
    pools: PostgreSQLProvider, seattle: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = await embedder_from_settings(pools.settings).embed_query("paint")
    async with pools.reader(seattle) as session:
        nearest_ones = await by_meaning(session, vector, MODEL, [], CHEAP, 200)
    await as_owner(
        pools.target,
        "UPDATE products SET name = replace(name, 'shade', 'tone') WHERE sku LIKE 'SHADE%'"
        " AND product_id <> ALL ($1::uuid[])",
        list(nearest_ones),
    )
    for most in (1, search.COMPARED):
        monkeypatch.setattr(search, "COMPARED", most)
        for filters in (NO_FILTERS, CHEAP):
            async with pools.reader(seattle) as session:
                found = await by_meaning(session, vector, MODEL, ["shade"], filters, 50)
                compared = await by_meaning(session, vector, replace(MODEL, neighbours=None), ["shade"], filters, 50)
            assert len(compared) == 50
            assert not any(match.is_unwanted for match in compared.values())
            assert len(found) == 50
            assert not any(match.is_unwanted for match in found.values())
            assert not found.keys() & nearest_ones.keys()


async def keyword(pools: PostgreSQLProvider, caller: Caller, terms: list[str], **options: Any) -> list[str]:
    """Names of what is found by words, best first."""
    unwanted, filters = options.get("unwanted", []), options.get("filters", NO_FILTERS)
    async with pools.reader(caller) as session:
        found = await search.by_keyword(session, terms, unwanted, filters, 50)
        shown = await search.details(session, list(found), [], NO_FILTERS, [])
    return [shown[product]["name"] for product in found]


async def test_among_very_many_products_with_a_word_those_with_every_word_come_first(
    pools: PostgreSQLProvider, seattle: Caller
) -> None:
    assert (await keyword(pools, seattle, ["paint", "chalkboard"]))[0] == "Chalkboard Paint, Black, 1 qt"
    assert (await keyword(pools, seattle, ["paint", "shade", "2999"]))[0] == "Paint, shade 2999"
    assert len(await keyword(pools, seattle, ["paint"])) == 50


async def test_products_that_answer_a_question_alike_come_in_the_order_of_their_skus(
    pools: PostgreSQLProvider, seattle: Caller
) -> None:
    await as_owner(pools.target, LOTS)
    cheap = replace(NO_FILTERS, max_price=Decimal(50))
    async with pools.reader(seattle) as session:
        found = await search.by_keyword(session, ["1", "4", "x", "2"], [], cheap, 50)
        shown = await search.details(session, list(found), [], NO_FILTERS, [])
    ranked = [(-round(match.score, 6), shown[product]["sku"]) for product, match in found.items()]
    assert len({score for score, _ in ranked}) < len(ranked) == 50
    assert ranked == sorted(ranked)


async def test_of_very_many_products_with_a_word_none_is_lost_to_a_filter_or_to_what_is_unwanted(
    pools: PostgreSQLProvider, seattle: Caller
) -> None:
    rows = await as_owner(pools.target, "SELECT name FROM products WHERE name ~* '\\mpaints?\\M' AND name !~* 'shade'")
    paints = {row["name"] for row in rows}
    assert paints and paints <= set(await keyword(pools, seattle, ["paint"], unwanted=["shade"]))
    dear = replace(NO_FILTERS, min_price=Decimal("1.01"))
    assert paints <= set(await keyword(pools, seattle, ["paint"], filters=dear))
    await as_owner(pools.target, "UPDATE products SET name = name || ', dim' WHERE sku LIKE 'SHADE29%'")
    found = await keyword(pools, seattle, ["paint", "shade"], unwanted=["dim"])
    assert len(found) == 50
    assert not any("dim" in name for name in found)


async def test_words_among_very_many_products_in_stock_are_those_of_ones_own_stores(
    pools: PostgreSQLProvider, seattle: Caller
) -> None:
    in_stock = replace(NO_FILTERS, in_stock=True)
    before = await keyword(pools, seattle, ["paint"], filters=in_stock)
    await as_owner(
        pools.target,
        "INSERT INTO inventory (store_id, product_id, stock_level) SELECT store_id, product_id, 5 FROM products, stores"
        " WHERE sku LIKE 'SHADE%' AND stores.name = 'Zava Retail Tacoma'",
    )
    assert await keyword(pools, seattle, ["paint"], filters=in_stock) == before
    await as_owner(
        pools.target,
        "INSERT INTO inventory (store_id, product_id, stock_level) SELECT store_id, product_id, 5 FROM products, stores"
        " WHERE sku = 'SHADE7' AND stores.name = 'Zava Retail Seattle'",
    )
    assert "Paint, shade 7" in await keyword(pools, seattle, ["paint", "shade"], filters=in_stock)


async def test_the_product_whose_like_is_wanted_makes_room_for_another(
    pools: PostgreSQLProvider, seattle: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_stock = replace(NO_FILTERS, in_stock=True)
    vector = await embedder_from_settings(pools.settings).embed_query("paint")
    for most in (1, search.COMPARED):
        monkeypatch.setattr(search, "COMPARED", most)
        for filters in (NO_FILTERS, CHEAP, in_stock, replace(in_stock, max_price=Decimal(1_000))):
            async with pools.reader(seattle) as session:
                first = next(iter(await by_meaning(session, vector, MODEL, [], filters, 50)))
                others = await by_meaning(session, vector, MODEL, [], filters, 50, without=first)
            assert len(others) == 50
            assert first not in others


@pytest.mark.parametrize(("index", "filters"), [("products_by_price", CHEAP), ("products_by_category", None)])
async def test_of_an_index_only_what_passes_the_filters_is_read(
    pools: PostgreSQLProvider, seattle: Caller, index: str, filters: Filters | None
) -> None:
    filters = filters or replace(await category(pools.target, "PLUMBING"), max_price=Decimal(9))
    vector = await embedder_from_settings(pools.settings).embed_query("paint")
    read = f"SELECT pg_stat_get_xact_tuples_returned('retail.{index}'::regclass)"
    sql, prices = named_sql("search")["by_comparing"], filters.values[1:3]
    async with admin_connection(pools.target) as connection, connection.transaction():
        context = seattle.sign(connection.get_server_pid(), time.time(), 60)
        await connection.execute("SELECT set_config('zava.context', $1, true)", context)
        # What cannot use an index would read the whole table all the same.
        await connection.execute("SET LOCAL search_path = retail, public; SET LOCAL enable_seqscan = off")
        found = await connection.fetch(sql, vector, filters.category, *prices, 5_000, MODEL.model, [], None, None)
        assert await connection.fetchval(read) == len(found) > 0


async def test_without_a_signed_context_the_ways_past_row_security_find_nothing(pools: PostgreSQLProvider) -> None:
    asked = """
        SELECT security.products_holding('paint'), security.products_of_sku('PFIP003800'),
               security.products_named('{paint}'),
               security.products_by_words('{paint}', '{}', NULL, NULL, NULL, NULL, NULL, 50),
               security.question_read('PFIP003800', '{paint}', '{}'),
               security.products_compared(array_fill(1, ARRAY[256])::public.vector, 'wordllama-l2-256',
                                          NULL, NULL, NULL, NULL, NULL, '{}', 50, NULL),
               security.search_at_once('paint', '{paint}', '{}', '{paint}', '{}',
                                       array_fill(1, ARRAY[256])::public.vector, 'wordllama-l2-256', 50)
    """
    connection = await asyncpg.connect(pools.target.gateway_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(asked)
        await connection.execute(f'SET ROLE "{pools.target.roles.of(ManagerRole.HEAD_OFFICE)}"')
        assert await connection.fetch(asked) == []
        assert await connection.fetchval("SELECT cardinality(security.products_in_stock(NULL, NULL, NULL))") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("who", ["seattle", "Grace Halvorsen", "head office"])
async def test_what_is_in_stock_is_what_row_security_shows(pools: PostgreSQLProvider, who: str) -> None:
    caller = await pools.identify(who)
    stores = await as_owner(pools.target, "SELECT store_id FROM stores")
    seen = """
        SELECT count(DISTINCT product_id) AS n FROM inventory
        WHERE stock_level > 0 AND store_id = coalesce($1, store_id)
    """
    found = "SELECT cardinality(security.products_in_stock($1, NULL, NULL)) AS n"
    async with pools.reader(caller) as session:
        for store in [None, *(row["store_id"] for row in stores)]:
            assert await session.row(found, store) == await session.row(seen, store)


async def test_the_build_tells_its_memory_and_how_far_it_is(seeded_copy: Target) -> None:
    told: list[tuple[str, int, int | None]] = []
    await as_owner(seeded_copy, SHADES)
    await embed_products(seeded_copy, EmbedRequest())
    small = Target(seeded_copy.settings.model_copy(update={"index_memory": "17MB"}))
    async with embedding_store(small) as store:
        built = await store.build_index(MODEL.model, 256, lambda *said: told.append(said), minimum=1)
    assert built is not None
    assert built.memory == 17 << 20 < built.estimate
    assert {what for what, _, _ in told} == {"building the index in 17 MB of the 20 MB that would be fastest"}
    assert told[0][1:] == (0, 3_424)
    assert told[-1][1:] == (3_424, 3_424)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
