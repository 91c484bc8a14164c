"""Taking a shopper's question apart: sizes, spelling, and what is not wanted."""

from __future__ import annotations

import pytest

from zava_cli.services.search_terms import MOST_CHECKED, corrected, correction, terms_of, words_to_check

VOCABULARY = {"hammer", "faucet", "conduit", "wrench", "bench", "anchors", "lawn", "mower", "oscillating", "saw"}


@pytest.mark.parametrize(
    ("question", "spellings"),
    [
        ('1/2" pipe', {"1/2 in", "1/2 inch", "1/2-inch"}),
        ("½ inch pipe", {"1/2 in", "1/2-inch"}),
        ("half inch pipe", {"1/2 in", "1/2-inch"}),
        ("2½ in. brush", {"2-1/2 in"}),
        ("1.5 inch trap", {"1.5 inch", "1-1/2 in"}),
        ("4 1/2 inch grinder", {"4-1/2 in"}),
        ("25 foot tape", {"25 ft", "25ft", "25-foot"}),
        ("20 volt drill", {"20v", "20 v"}),
        ("20A outlet", {"20a", "20 amp"}),
        ("40 gal heater", {"40 gallon"}),
        ("10mm bit", {"10 mm"}),
        ("12 gauge wire", {"12 awg", "12 ga"}),
        ("12ga wire", {"12 awg", "12 gauge"}),
        ("4' level", {"4 ft", "48 in", "48-inch", "48"}),
        ("2 foot level", {"24 in"}),
        ("quarter inch bit", {"1/4 in"}),
        ("three quarter inch clamp", {"3/4 in"}),
        ("six foot bench", {"6 ft", "72 in"}),
    ],
)
def test_a_size_has_all_its_spellings_and_is_one_term(question: str, spellings: set[str]) -> None:
    terms = terms_of(question).wanted
    assert spellings <= set(terms[0].split("|"))
    assert len(terms) == 2


def test_a_long_way_is_not_told_in_inches() -> None:
    assert not [spelling for spelling in terms_of("50 ft hose").wanted[0].split("|") if "in" in spelling]


def test_an_area_is_found_with_and_without_spaces() -> None:
    assert set(terms_of("2x4 stud").wanted[0].split("|")) == {"2x4", "2 x 4"}
    assert "9 x 12" in terms_of("9 × 12 cloth").wanted[0].split("|")


def test_the_first_spelling_is_the_questions_own() -> None:
    assert [term.split("|")[0] for term in terms_of("20 Volt drill, drill M8 16d").wanted] == [
        "20 Volt",
        "drill",
        "M8",
        "16d",
    ]


@pytest.mark.parametrize("text", ["", "|", "🔨", "½½", "1/0 in", "'; --", "٣ in", "-" * 500, "9" * 400 + ".5 in"])
def test_any_text_can_be_taken_apart(text: str) -> None:
    assert all(term and not term.startswith("|") for term in terms_of(text).wanted)
    words_to_check(text)


@pytest.mark.parametrize(
    ("question", "unwanted"),
    [
        ("paint that is not oil based", ["oil"]),
        ("hooks without drilling holes", ["drilling", "holes"]),
        ("grill, no gas, for the balcony", ["gas"]),
        ("flooring that isn't tile", ["tile"]),
        ("hammer, not a claw hammer", ["claw"]),
        ("screws not for wood", ["wood"]),
        ("paint, but not in white, for the hall", ["white"]),
        ("a hammer", []),
        ("nothing but nails", []),
    ],
)
def test_what_follows_not_or_without_is_unwanted(question: str, unwanted: list[str]) -> None:
    assert terms_of(question).unwanted == unwanted


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("hamer", "hammer"),
        ("fawcet", "faucet"),
        ("condiut", "conduit"),
        ("rench", "wrench"),
        ("ossilating", "oscillating"),
        ("lawnmower", "lawn mower"),
        ("sheetrock", None),
        ("saws", None),
    ],
)
def test_a_slip_is_put_right_only_when_it_is_small(word: str, meant: str | None) -> None:
    assert correction(word, VOCABULARY) == meant


def test_words_are_corrected_and_joined_as_the_catalogue_writes_them() -> None:
    question = "Dry wall ancors, 1/2 in."
    assert words_to_check(question) == (["wall", "ancors"], ["drywall"])
    assert corrected(question, {"ancors": "anchors"}, {"drywall"}) == "drywall anchors, 1/2 in."


def test_a_question_of_very_many_words_has_only_the_first_of_them_checked() -> None:
    words = [f"w{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}ord" for n in range(100)]
    checked, neighbours = words_to_check(" ".join(words))
    assert checked == words[:MOST_CHECKED] and len(neighbours) == MOST_CHECKED
