"""Searching the catalogue: what is found and why, whose stock is seen, and what happens without embeddings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError as PydanticError

from tests.conftest import opened
from tests.small_shop import as_owner
from zava_cli.data.admin import admin_connection
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError, ValidationError
from zava_cli.models.embed import EmbedRequest
from zava_cli.models.search import SearchMode, SearchRequest, SearchResult
from zava_cli.services.embed import embed_products
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search import search_products

OUTLET = "waterproof box for an outdoor outlet"


async def find(provider: PostgreSQLProvider, caller: Caller, text: str, **options: Any) -> SearchResult:
    async with EmbedderSource(provider.settings) as source:
        return await search_products(provider, caller, SearchRequest(query_description=text, **options), source)


def names(result: SearchResult) -> list[str]:
    return [hit.name for hit in result.hits]


async def test_a_shoppers_question_finds_the_product_and_says_why(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    result = await find(provider, seattle, OUTLET)
    best = result.hits[0]
    assert best.name == "Weatherproof Outlet Box, 1-Gang"
    assert (result.mode, result.model, result.notices) == (SearchMode.HYBRID, "wordllama-l2-256", [])
    assert best.why.startswith("weatherproof (asked: waterproof), box, outdoor, outlet (words #1); 0.")
    assert best.price == Decimal("11.98")
    assert best.units is None


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("something to hang a heavy mirror on drywall", "Toggle Bolts"),
        ("unclog a shower drain full of hair", "Hair Clog Remover"),
        ("fix a leaking roof around the chimney", "Roof Cement"),
        ("cut curves in plywood", "Jigsaw"),
        ("charge a phone from the wall", "USB-C"),
        ("store winter clothes without moths", "Gasket Tote"),
    ],
)
async def test_questions_are_answered_within_the_first_five(
    provider: PostgreSQLProvider, seattle: Caller, question: str, wanted: str
) -> None:
    assert any(wanted in name for name in names(await find(provider, seattle, question, limit=5)))


async def test_hits_come_in_the_order_of_their_scores(provider: PostgreSQLProvider, seattle: Caller) -> None:
    hits = (await find(provider, seattle, OUTLET, limit=100)).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert hit.score >= 0.7 * (hit.similarity or 0)
    assert {hit.keyword_rank for hit in hits} >= {None, 1, 2}
    assert {hit.semantic_rank for hit in hits} >= {1, 2}


async def test_semantic_hits_are_ordered_by_similarity_and_reach_the_threshold(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    result = await find(provider, seattle, OUTLET, mode="semantic", threshold=0.45)
    similar = [hit.similarity or 0 for hit in result.hits]
    assert similar == sorted(similar, reverse=True)
    assert min(similar) >= 0.45
    everything = (await find(provider, seattle, OUTLET, mode="semantic", limit=100)).hits
    assert len(everything) > len(similar) > 1
    assert everything[0].similarity and everything[0].similarity >= 0.3
    assert 0.2 <= min(hit.similarity or 0 for hit in everything) < 0.3


async def test_the_threshold_leaves_hits_by_words_alone(provider: PostgreSQLProvider, seattle: Caller) -> None:
    result = await find(provider, seattle, OUTLET, threshold=1)
    assert names(result)[0] == "Weatherproof Outlet Box, 1-Gang"
    assert {hit.similarity for hit in result.hits} == {None}


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_a_sku_in_any_case_comes_first(provider: PostgreSQLProvider, seattle: Caller, mode: SearchMode) -> None:
    best = (await find(provider, seattle, " hthm001700 ", mode=mode)).hits[0]
    assert best.sku == "HTHM001700"
    assert best.why.startswith("this SKU")


@pytest.mark.parametrize("written", ["ELEB 003800", "eleb-003800", "eleb.003800 "])
@pytest.mark.parametrize("mode", list(SearchMode))
async def test_a_sku_is_found_with_other_separators(
    provider: PostgreSQLProvider, seattle: Caller, mode: SearchMode, written: str
) -> None:
    result = await find(provider, seattle, written, mode=mode)
    assert (result.hits[0].sku, result.hits[0].why[:8], result.notices) == ("ELEB003800", "this SKU", [])


async def test_a_sku_as_it_is_written_comes_before_one_with_other_separators(seeded_copy: Target) -> None:
    await as_owner(seeded_copy, "UPDATE products SET sku = 'AB-1234' WHERE sku = 'HTHM001700'")
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        assert (await find(provider, seattle, "ab 1234", mode="keyword")).hits[0].sku == "AB-1234"
        await as_owner(seeded_copy, "UPDATE products SET sku = 'AB1234' WHERE sku = 'ELEB003800'")
        for written in ("AB-1234", "ab1234"):
            found = (await find(provider, seattle, written, mode="keyword")).hits
            assert [hit.sku for hit in found if hit.why.startswith("this SKU")] == [written.upper()]


@pytest.mark.parametrize(
    ("question", "name", "why"),
    [
        ("clawed hammer", "16 oz Curved Claw Hammer", "claw (asked: clawed), hammer (words"),
        ("sheetrock screws", "Drywall Screws", "drywall (asked: sheetrock), screws (words"),
        ("hammers", "16 oz Curved Claw Hammer", "hammer (words"),
        ("faucet without a sprayer", "Faucet", "faucet (words"),
    ],
)
async def test_the_reason_is_the_word_that_a_product_has(
    provider: PostgreSQLProvider, seattle: Caller, question: str, name: str, why: str
) -> None:
    hits = (await find(provider, seattle, question, mode="keyword", limit=100)).hits
    assert next(hit.why for hit in hits if name in hit.name).startswith(why)


async def test_a_rare_word_weighs_more_than_a_common_one(provider: PostgreSQLProvider, seattle: Caller) -> None:
    found = names(await find(provider, seattle, "wall paint chalkboard", mode="keyword", limit=100))
    assert found[0] == "Chalkboard Paint, Black, 1 qt"
    # Most products with "wall" or "paint" alone hold less than half of what was asked for.
    assert len(found) < 10


async def test_a_word_in_the_name_weighs_more_than_one_in_the_description(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    hits = (await find(provider, seattle, "hammer", mode="keyword", limit=100)).hits
    in_name = ["hammer" in hit.name.lower() for hit in hits]
    assert in_name == sorted(in_name, reverse=True)
    assert {True, False} == set(in_name)


async def test_a_minus_sign_and_quotes_are_obeyed(provider: PostgreSQLProvider, seattle: Caller) -> None:
    paints = names(await find(provider, seattle, "paint -exterior", mode="keyword", limit=100))
    assert paints
    assert not [name for name in paints if "Exterior" in name]
    assert names(await find(provider, seattle, '"claw hammer"', mode="keyword")) == ["16 oz Curved Claw Hammer"]
    for mode in ("hybrid", "semantic"):
        assert "16 oz Curved Claw Hammer" in names(await find(provider, seattle, "hammer", mode=mode))
        hammers = names(await find(provider, seattle, "hammer -claw", mode=mode))
        assert hammers and not [name for name in hammers if "Claw" in name]


async def test_words_that_are_operators_elsewhere_do_no_harm(provider: PostgreSQLProvider, seattle: Caller) -> None:
    for text in ["!(box", "'; --", "a & b | <-> :*", '"', "\\", "in-use & 3/4\" pvc's", "%", "🔨"]:
        for mode in SearchMode:
            found = await find(provider, seattle, text, mode=mode)
            assert len(found.hits) <= 20
            assert found.mode in SearchMode


async def test_filters_hold_for_every_list(provider: PostgreSQLProvider, seattle: Caller) -> None:
    bounds: dict[str, Any] = {"category": "paint & finishes", "min_price": 20, "max_price": 40, "limit": 100}
    for mode in SearchMode:
        hits = (await find(provider, seattle, "white paint", mode=mode, **bounds)).hits
        assert hits
        assert {hit.category for hit in hits} == {"PAINT & FINISHES"}
        assert all(20 <= hit.price <= 40 for hit in hits)
    assert (await find(provider, seattle, "HTHM001700", mode="keyword", max_price=5)).hits == []


async def test_an_unknown_category_is_an_error_that_lists_the_real_ones(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    with pytest.raises(ValidationError) as caught:
        await find(provider, seattle, "box", category="toys")
    assert "PLUMBING" in str(caught.value.hint)


async def stock(target: Target, *stores: str) -> dict[str, int]:
    async with admin_connection(target) as connection:
        rows = await connection.fetch(
            "SELECT p.sku, sum(i.stock_level)::int AS units FROM retail.inventory i"
            " JOIN retail.products p USING (product_id) JOIN retail.stores s USING (store_id)"
            " WHERE s.name = ANY ($1) OR cardinality($1) = 0 GROUP BY 1",
            list(stores),
        )
    return {row["sku"]: row["units"] for row in rows}


async def test_stock_is_counted_in_the_callers_stores_only(
    provider: PostgreSQLProvider, seattle: Caller, region: Caller, head_office: Caller
) -> None:
    for caller, stores in [
        (seattle, ["Zava Retail Seattle"]),
        (region, list(region.identity.stores)),
        (head_office, list[str]()),
    ]:
        units = await stock(provider.target, *stores)
        hits = (await find(provider, caller, "hammer drill", in_stock=True, limit=100)).hits
        assert hits
        assert {hit.sku: hit.units for hit in hits} == {hit.sku: units[hit.sku] for hit in hits}
        assert all(hit.units for hit in hits)


async def test_what_is_out_of_stock_in_a_store_is_not_found_there(seeded_copy: Target) -> None:
    async with admin_connection(seeded_copy) as connection:
        await connection.execute(
            "UPDATE retail.inventory i SET stock_level = 0 FROM retail.products p, retail.stores s"
            " WHERE p.product_id = i.product_id AND s.store_id = i.store_id"
            " AND p.sku = 'HTHM001700' AND s.name = 'Zava Retail Seattle'"
        )
    async with opened(seeded_copy) as provider:
        head_office = await provider.identify("Nadia Petrov")
        for mode in SearchMode:
            there = await find(provider, head_office, "HTHM001700", mode=mode, store="seattle", limit=100)
            assert "HTHM001700" not in [hit.sku for hit in there.hits]
        assert (await find(provider, head_office, "HTHM001700", in_stock=True)).hits[0].sku == "HTHM001700"
        assert (await find(provider, head_office, "HTHM001700", store="Tacoma")).hits[0].units


async def test_stock_of_another_store_does_not_show_through_the_order(seeded_copy: Target) -> None:
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        asked: dict[str, Any] = {"in_stock": True, "limit": 100}
        before = [(await find(provider, seattle, "paint roller", mode=mode, **asked)).hits for mode in SearchMode]
        async with admin_connection(seeded_copy) as connection:
            await connection.execute(
                "UPDATE retail.inventory SET stock_level = CASE WHEN stock_level = 0 THEN 9 ELSE 0 END"
                " WHERE store_id <> (SELECT store_id FROM retail.stores WHERE name = 'Zava Retail Seattle')"
            )
        after = [(await find(provider, seattle, "paint roller", mode=mode, **asked)).hits for mode in SearchMode]
        assert after == before
        assert all(before)


async def test_filters_leave_out_nothing_that_passes_them(provider: PostgreSQLProvider, seattle: Caller) -> None:
    everything = (await find(provider, seattle, "drill bit for wood", threshold=-1, limit=100)).hits
    bounds: dict[str, Any] = {"category": "hand tools", "max_price": 20, "threshold": -1, "limit": 100}
    narrow = (await find(provider, seattle, "drill bit for wood", **bounds)).hits
    passing = {hit.sku for hit in everything if hit.category == "HAND TOOLS" and hit.price <= 20}
    assert passing <= {hit.sku for hit in narrow}
    async with admin_connection(provider.target) as connection:
        count = await connection.fetchval(
            "SELECT count(*) FROM retail.products JOIN retail.categories c USING (category_id)"
            " WHERE c.name = 'HAND TOOLS' AND price <= 20"
        )
    assert len(narrow) == count > len(passing)


@pytest.mark.parametrize("store", ["Zava Retail Bellevue", "bellevue", "Atlantis"])
async def test_a_store_that_one_does_not_see_is_like_one_that_does_not_exist(
    provider: PostgreSQLProvider, seattle: Caller, store: str
) -> None:
    with pytest.raises(AuthorizationError, match=r"^There is no such store ") as caught:
        await find(provider, seattle, "box", store=store)
    assert caught.value.hint == "You see Zava Retail Seattle."


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"limit": 101}, {"threshold": 2}, {"min_price": 2, "max_price": 1}, {"query_description": "  "}],
)
def test_requests_out_of_bounds_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(PydanticError):
        SearchRequest(**({"query_description": "box"} | options))


async def test_narrow_filters_find_everything_behind_an_index_scan_that_gives_up(seeded_copy: Target) -> None:
    async with admin_connection(seeded_copy) as connection:
        await connection.execute(
            "INSERT INTO retail.products (sku, name, category_id, type_id, price)"
            " SELECT 'SHADE' || n, 'Paint, shade ' || n, category_id, type_id, 1 FROM generate_series(1, 6000) n,"
            " (SELECT * FROM retail.products WHERE sku = 'PFIP003800')"
        )
    await embed_products(seeded_copy, EmbedRequest())
    async with embedding_store(seeded_copy) as store:
        assert await store.build_index("wordllama-l2-256", 256, minimum=1)
    async with admin_connection(seeded_copy) as connection:
        name = seeded_copy.embedded_database
        await connection.execute(f'ALTER DATABASE "{name}" SET hnsw.max_scan_tuples = 1')
        for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"):
            await connection.execute(f'ALTER DATABASE "{name}" SET enable_{way} = off')
    async with opened(seeded_copy) as provider:
        caller = await provider.identify("seattle")
        options: dict[str, Any] = {"mode": "semantic", "category": "PLUMBING", "threshold": -1, "limit": 100}
        found = await find(provider, caller, "paint", **options)
    assert len(found.hits) == (await count_products(seeded_copy, "PLUMBING"))


async def count_products(target: Target, category: str) -> int:
    async with admin_connection(target) as connection:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM retail.products JOIN retail.categories c USING (category_id) WHERE c.name = $1",
                category,
            )
        )
