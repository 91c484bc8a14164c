"""What a question rules out: a kind of a thing, something it must not need, or a fault."""

from __future__ import annotations

import pytest

from zava_cli.services.search_negation import negation_in
from zava_cli.services.search_terms import terms_of


@pytest.mark.parametrize(
    "question",
    [
        "hose that won't kink",
        "hose that wont kink",
        "hose that does not kink",
        "outlet a child can't kink",
        "paint that will not kink",
        "a lock that never kinks",
        "my hose no longer kinks",
        "not only a kink",
    ],
)
def test_a_fault_is_nothing_unwanted_and_is_looked_for(question: str) -> None:
    assert negation_in(question).unwanted == []
    assert "kink" in " ".join(terms_of(question).wanted)


@pytest.mark.parametrize(
    ("question", "unwanted"),
    [
        ("lawn mower not gas", ["gas"]),
        ("door that doesn't need a key", ["key"]),
        ("lights that need no wiring", ["wiring"]),
        ("hedge trimmer never with a battery", ["battery"]),
        ("flooring that isn’t tile", ["tile"]),
        ("hooks, not hook rails", ["rails"]),
        ("I don't want a gas grill", ["gas"]),
        ("no-drill wall hooks", []),
    ],
)
def test_a_thing_is_unwanted(question: str, unwanted: list[str]) -> None:
    assert negation_in(question).unwanted == unwanted


def test_at_the_beginning_only_the_first_word_is_unwanted() -> None:
    assert negation_in("no drill wall hooks").unwanted == ["drill"]
    assert "wall hooks" in negation_in("no drill wall hooks").wanted


def test_another_kind_has_no_part_in_the_meaning_and_what_must_not_be_needed_has() -> None:
    assert negation_in("lawn mower not gas").wanted.split() == ["lawn", "mower", "not"]
    assert negation_in("nailer without a compressor").wanted == "nailer without a compressor"


def test_words_that_only_lead_to_others_are_no_terms() -> None:
    assert terms_of("paint needs to keep, won't peel, without strong smell").wanted == ["paint", "to", "peel"]
    assert terms_of("not").wanted == ["not"]


def test_one_word_of_what_must_not_be_needed_is_looked_for_all_the_same() -> None:
    terms = terms_of("nailer without compressor")
    assert (terms.wanted, terms.unwanted) == (["nailer", "compressor"], ["compressor"])


@pytest.mark.parametrize("question", ["no kink hose", "no-kink hose", "non-kink hose", "kink-free hose"])
def test_what_shall_be_lacking_is_looked_for_as_products_say_it(question: str) -> None:
    spellings = {spelling for term in terms_of(question).wanted for spelling in term.split("|")}
    assert {"kink resistant", "kink free", "kink proof", "non kink", "anti kink"} <= spellings
