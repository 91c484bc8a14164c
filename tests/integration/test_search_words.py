"""How search reads a question: slips, sizes, other names and what is not wanted; and the words that it knows."""

from __future__ import annotations

import pytest

from tests.conftest import opened
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


@pytest.mark.parametrize("question", ["garden hose that won't kink", "no kink hose", "kink-proof hose"])
async def test_a_fault_that_is_ruled_out_finds_the_product_named_after_it(
    provider: PostgreSQLProvider, seattle: Caller, question: str
) -> None:
    for mode in (SearchMode.HYBRID, SearchMode.KEYWORD):
        assert names(await find(provider, seattle, question, mode=mode))[0] == "50 ft Kink-Resistant Garden Hose"


async def test_what_is_unwanted_comes_before_what_nobody_asked_for(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    for mode in (SearchMode.HYBRID, SearchMode.SEMANTIC):
        found = names(await find(provider, seattle, "lawn mower not gas", mode=mode, limit=3))
        assert "21 in. Self-Propelled Gas Mower" in found, mode


async def test_what_is_unwanted_comes_behind_others_of_its_kind(provider: PostgreSQLProvider, seattle: Caller) -> None:
    found = names(await find(provider, seattle, "deadbolt not electronic"))
    assert found.index("Single Cylinder Deadbolt, Satin Nickel") < found.index("Keyless Electronic Deadbolt")


async def test_a_common_word_that_the_shop_has_no_use_for_is_no_slip(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    result = await find(provider, seattle, "trimmer for bushes")
    assert result.notices == []
    assert "Trimmer" in names(result)[0]


@pytest.mark.parametrize("question", ["smoke alarm", "mouse trap", "wheelbarrow"])
async def test_what_no_product_is_called_is_said(provider: PostgreSQLProvider, seattle: Caller, question: str) -> None:
    result = await find(provider, seattle, question)
    assert result.notices == [f"No product is called {question!r}; these are the nearest in meaning."]


@pytest.mark.parametrize(
    "question", ["hammers", "box cutter", "shovle", "laying bricks", "hose without kinks", "ELEB003800"]
)
async def test_nothing_is_said_where_a_product_is_called_so_or_the_question_is_no_name(
    provider: PostgreSQLProvider, seattle: Caller, question: str
) -> None:
    result = await find(provider, seattle, question)
    assert not [notice for notice in result.notices if notice.startswith("No product is called")]


async def test_another_name_counts_as_soon_as_the_catalogue_uses_it(seeded_copy: Target) -> None:
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        assert names(await find(provider, seattle, "blowtorch", mode="keyword")) == []
        by_meaning = (await find(provider, seattle, "blowtorch", mode="semantic", threshold=-1, limit=1)).hits[0]
        async with admin_connection(seeded_copy) as connection, owner_transaction(connection, seeded_copy):
            await connection.execute("UPDATE products SET name = 'Propane Torch' WHERE sku = 'HTHM001700'")
        assert names(await find(provider, seattle, "blowtorch", mode="keyword")) == ["Propane Torch"]
        again = (await find(provider, seattle, "blowtorch", mode="semantic", threshold=-1, limit=1)).hits[0]
        assert again.similarity != by_meaning.similarity


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


async def test_what_is_not_wanted_comes_behind_what_is(provider: PostgreSQLProvider, seattle: Caller) -> None:
    for mode in SearchMode:
        found = names(await find(provider, seattle, "light switch, not a dimmer", mode=mode, limit=100))
        is_dimmer = ["Dimmer" in name for name in found]
        assert not any(is_dimmer[:2]), mode


async def test_what_is_not_wanted_is_so_under_any_name(provider: PostgreSQLProvider, seattle: Caller) -> None:
    for mode in SearchMode:
        found = names(await find(provider, seattle, "kitchen tap, not a commode", mode=mode, limit=3))
        assert not [name for name in found if "Toilet" in name or "Lavatory" in name], mode
        assert "Faucet" in found[0]


async def test_new_and_changed_names_are_known_to_the_spelling_at_once(seeded_copy: Target) -> None:
    async with opened(seeded_copy) as provider:
        seattle = await provider.identify("seattle")
        assert names(await find(provider, seattle, "zimbelstren", mode="keyword")) == []
        async with admin_connection(seeded_copy) as connection, owner_transaction(connection, seeded_copy):
            await connection.execute("UPDATE products SET name = 'Zimbelstern' WHERE sku = 'HTHM001700'")
        assert names(await find(provider, seattle, "zimbelstren", mode="keyword")) == ["Zimbelstern"]
