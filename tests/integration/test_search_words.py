"""How search reads a question: slips, sizes, other names and what is not wanted; and the words that it knows."""

from __future__ import annotations

import pytest

from tests.integration.test_search import find, names
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.models.search import SearchMode


@pytest.mark.parametrize(
    ("question", "wanted", "notice"),
    [
        ("fawcet", "Faucet", "Searched for faucet instead of fawcet."),
        ("pegbord", "Pegboard", "Searched for pegboard instead of pegbord."),
        ("dry wall screws", "Drywall", None),
    ],
)
async def test_a_slip_of_the_pen_finds_what_was_meant_and_says_so(
    provider: PostgreSQLProvider, seattle: Caller, question: str, wanted: str, notice: str | None
) -> None:
    for mode in SearchMode:
        result = await find(provider, seattle, question, mode=mode, limit=3)
        assert wanted in names(result)[0], mode
        assert result.notices == ([notice] if notice else [])


@pytest.mark.parametrize(
    ("question", "wanted", "notices"),
    [
        ("sheetrock", "Drywall", []),
        ("vise grips", "Locking Pliers", []),
        ("secateurs", "Pruning Shears", []),
        ("plumber's snake", "Drain Auger", []),
        ("secatuers", "Pruning Shears", ["Searched for secateurs instead of secatuers."]),
    ],
)
async def test_a_thing_is_found_by_a_name_that_the_catalogue_does_not_use(
    provider: PostgreSQLProvider, seattle: Caller, question: str, wanted: str, notices: list[str]
) -> None:
    for mode in SearchMode:
        result = await find(provider, seattle, question, mode=mode, limit=3)
        assert wanted in names(result)[0], mode
        assert result.notices == notices


async def test_a_slip_is_not_taken_for_a_name_of_the_thesaurus_that_begins_otherwise(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    # It knows "ripping", which is a letter away too.
    result = await find(provider, seattle, "pvc pipping", mode="keyword", limit=3)
    assert result.notices == []
    assert all("PVC" in name for name in names(result))


async def test_another_name_counts_as_soon_as_the_catalogue_uses_it(seeded_copy: Target) -> None:
    provider = PostgreSQLProvider(seeded_copy)
    try:
        seattle = await provider.identify("seattle")
        assert names(await find(provider, seattle, "respirator", mode="keyword")) == []
        by_meaning = (await find(provider, seattle, "respirator", mode="semantic", threshold=-1, limit=1)).hits[0]
        async with admin_connection(seeded_copy) as connection, owner_transaction(connection, seeded_copy):
            await connection.execute("UPDATE products SET name = 'Dust Mask' WHERE sku = 'HTHM001700'")
        assert names(await find(provider, seattle, "respirator", mode="keyword")) == ["Dust Mask"]
        again = (await find(provider, seattle, "respirator", mode="semantic", threshold=-1, limit=1)).hits[0]
        assert again.similarity != by_meaning.similarity
    finally:
        await provider.close()


async def test_words_that_only_descriptions_hold_are_not_corrected(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    result = await find(provider, seattle, "apartment", mode="keyword")
    assert result.notices == []
    assert "6-Piece Screwdriver Set" in names(result)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("20 volt impact driver", "20V Brushless Impact Driver"),
        ("½ plywood", "1/2 in. CDX Plywood, 4 x 8 ft"),
        ("18ga nailer", "18 Gauge Cordless Brad Nailer"),
        ("1.5 inch p-trap", "1-1/2 in. P-Trap, White Plastic"),
        ("9x12 drop cloth", "Canvas Drop Cloth, 100% Cotton, 9 x 12 ft"),
    ],
)
async def test_a_size_is_found_however_it_is_written(
    provider: PostgreSQLProvider, seattle: Caller, question: str, wanted: str
) -> None:
    assert names(await find(provider, seattle, question, mode="keyword"))[0] == wanted


async def test_what_is_not_wanted_comes_last(provider: PostgreSQLProvider, seattle: Caller) -> None:
    for mode in SearchMode:
        found = names(await find(provider, seattle, "light switch, not a dimmer", mode=mode, limit=100))
        is_dimmer = ["Dimmer" in name for name in found]
        assert is_dimmer == sorted(is_dimmer), mode
        assert not is_dimmer[0]


async def test_what_is_not_wanted_comes_last_under_any_name(provider: PostgreSQLProvider, seattle: Caller) -> None:
    for mode in SearchMode:
        found = names(await find(provider, seattle, "kitchen tap, not a commode", mode=mode, limit=100))
        is_toilet = ["Toilet" in name or "Lavatory" in name for name in found]
        assert is_toilet == sorted(is_toilet), mode
        assert "Faucet" in found[0]


async def test_new_and_changed_names_are_known_to_the_spelling_at_once(seeded_copy: Target) -> None:
    provider = PostgreSQLProvider(seeded_copy)
    try:
        seattle = await provider.identify("seattle")
        assert names(await find(provider, seattle, "zimbelstren", mode="keyword")) == []
        async with admin_connection(seeded_copy) as connection, owner_transaction(connection, seeded_copy):
            await connection.execute("UPDATE products SET name = 'Zimbelstern' WHERE sku = 'HTHM001700'")
        assert names(await find(provider, seattle, "zimbelstren", mode="keyword")) == ["Zimbelstern"]
    finally:
        await provider.close()
