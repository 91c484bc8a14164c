"""Finding products like one that is known: what is found and why, with filters and without embeddings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import opened
from tests.small_shop import as_owner
from zava_cli.data.admin import admin_connection
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError, ValidationError
from zava_cli.models.search import SearchMode, SearchResult, SimilarRequest
from zava_cli.services.similar import similar_products


async def similar(provider: PostgreSQLProvider, caller: Caller, sku: str, **options: Any) -> SearchResult:
    return await similar_products(provider, caller, SimilarRequest(sku=sku, **options))


async def test_the_like_of_a_product_is_its_kind_and_not_itself(provider: PostgreSQLProvider, seattle: Caller) -> None:
    result = await similar(provider, seattle, "ellb002600", limit=5)
    assert [hit.product_type for hit in result.hits[:3]] == ["LIGHT BULBS"] * 3
    assert "ELLB002600" not in [hit.sku for hit in result.hits]
    assert (result.mode, result.model, result.notices) == (SearchMode.HYBRID, "wordllama-l2-256", [])
    assert "alike (meaning #1)" in "".join(hit.why for hit in result.hits)
    assert "(words #1)" in "".join(hit.why for hit in result.hits)


async def test_filters_hold_and_never_leave_out_what_passes_them(provider: PostgreSQLProvider, seattle: Caller) -> None:
    bounds: dict[str, Any] = {"category": "plumbing", "min_price": 20, "max_price": 60, "limit": 100}
    hits = (await similar(provider, seattle, "PLFC004600", **bounds)).hits
    async with admin_connection(provider.target) as connection:
        skus = await connection.fetch(
            "SELECT p.sku FROM retail.products p JOIN retail.categories c USING (category_id)"
            " WHERE c.name = 'PLUMBING' AND p.price BETWEEN 20 AND 60 AND p.sku <> 'PLFC004600'"
        )
    assert {hit.sku for hit in hits} == {row["sku"] for row in skus}


async def test_stock_of_another_store_neither_counts_nor_ranks(seeded_copy: Target) -> None:
    options: dict[str, Any] = {"in_stock": True, "limit": 100}
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        before = (await similar(provider, seattle, "HTHM001600", **options)).hits
        async with admin_connection(seeded_copy) as connection:
            await connection.execute(
                "UPDATE retail.inventory SET stock_level = 1000 - stock_level WHERE store_id <>"
                " (SELECT store_id FROM retail.stores WHERE name = 'Zava Retail Seattle')"
            )
        assert (await similar(provider, seattle, "HTHM001600", **options)).hits == before
        assert all(hit.units for hit in before)


async def test_a_product_without_a_vector_is_compared_by_name_with_a_notice(seeded_copy: Target) -> None:
    async with admin_connection(seeded_copy) as connection:
        await connection.execute(
            "DELETE FROM retail.product_description_embeddings e USING retail.products p"
            " WHERE p.product_id = e.product_id AND p.sku = 'HTHM001600'"
        )
    async with opened(seeded_copy) as provider:
        result = await similar(provider, await provider.identify("seattle"), "HTHM001600", limit=3)
    assert result.mode is SearchMode.KEYWORD
    assert result.notices == ["Compared by name only: HTHM001600 is not embedded. Run `zava embed`."]
    assert "HAMMERS" in {hit.product_type for hit in result.hits}


async def test_others_of_its_type_come_first_where_they_are_about_as_near(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    hits = (await similar(provider, seattle, "PLVL003700", limit=3)).hits
    assert [hit.product_type for hit in hits] == ["VALVES"] * 3


async def test_vectors_that_are_older_than_their_products_are_said(seeded_copy: Target) -> None:
    await as_owner(seeded_copy, "UPDATE products SET description = 'Hits nails.' WHERE sku = 'HTHM001700'")
    async with opened(seeded_copy) as provider:
        result = await similar(provider, await provider.identify("seattle"), "HTHM001600", limit=3)
    assert result.notices[0].startswith("1 product(s) changed since they were embedded")


async def test_an_unknown_sku_or_store_is_an_error(provider: PostgreSQLProvider, seattle: Caller) -> None:
    with pytest.raises(ValidationError, match="there is no such product"):
        await similar(provider, seattle, "NOPE")
    with pytest.raises(AuthorizationError, match=r"^There is no such store "):
        await similar(provider, seattle, "HTHM001600", store="Tacoma")
