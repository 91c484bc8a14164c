"""What the thesaurus finds in a question, and that its file says what it means."""

from __future__ import annotations

import re

import pytest

from zava_cli.services.search_terms import terms_of
from zava_cli.services.thesaurus import MOST_NAMES, MOST_WORDS, Name, entries, names_in, names_known, words_of


def others(question: str) -> dict[str, tuple[str, ...]]:
    return {name.phrase: name.others for name in names_in(question)}


@pytest.mark.parametrize(
    ("question", "phrase", "other"),
    [
        ("sheetrock", "sheetrock", "drywall"),
        ("Two Spanners, please", "spanners", "wrench"),
        ("allen-keys", "allen-keys", "hex key"),
        ("a plumber's snake", "plumber's snake", "drain auger"),
        ("PLUMBERS TAPE", "plumbers tape", "thread seal tape"),
    ],
)
def test_a_thing_is_known_by_another_name_however_it_is_written(question: str, phrase: str, other: str) -> None:
    assert other in others(question)[phrase]


def test_names_that_mean_the_same_lead_to_each_other_and_a_brand_only_to_its_kind() -> None:
    assert "secateurs" in others("pruning shears")["pruning shears"]
    assert "pruning shears" in others("secateurs")["secateurs"]
    assert "rotary tool" in others("dremel")["dremel"]
    assert "rotary tool" not in others("rotary tool")


def test_the_longest_name_counts_and_its_words_are_not_taken_apart() -> None:
    assert list(others("tool box for the shed")) == ["tool box"]
    # A name that the thesaurus only leads to is whole too: a rack is shelving, a coat rack is not.
    assert others("coat rack") == {}
    assert "shelving" in others("a rack")["rack"]


def test_a_comma_divides_names() -> None:
    assert others("lazy, susan") == {}


@pytest.mark.parametrize("text", ["", "|", "🔨", "'s", "-" * 500, "a|b > c = d", "tap" * 300])
def test_any_text_can_be_looked_up(text: str) -> None:
    assert names_in(text) == []


def test_a_question_of_very_many_names_has_only_the_first_of_them_looked_up() -> None:
    phrases = list(dict.fromkeys(name for entry in entries() for name in entry.names))
    assert [name.phrase for name in names_in(", ".join(phrases))] == phrases[:MOST_NAMES]


def test_only_what_the_catalogue_holds_is_looked_for() -> None:
    names = [Name("sheetrock", ("drywall", "gypsum board")), Name("sleeper", ("landscape timber",))]
    assert {"drywall", "gypsum", "boards", "timber"} <= set(words_of(names))
    assert names_known(names, {"drywall", "gypsum", "landscape", "timbers"}) == [
        Name("sheetrock", ("drywall",)),
        Name("sleeper", ("landscape timber",)),
    ]
    assert names_known(names, set()) == []


def test_other_names_are_spellings_of_the_term() -> None:
    terms = terms_of("½ inch sheetrock", [Name("sheetrock", ("drywall",))])
    assert terms.wanted[1] == "sheetrock|drywall"
    assert terms.added == ["drywall"]


def test_a_name_of_several_words_is_one_term_in_their_place() -> None:
    terms = terms_of("red box cutter", [Name("box cutter", ("utility knife",))])
    assert terms.wanted == ["red", "box cutter|utility knife"]


def test_other_names_of_what_is_not_wanted_are_not_wanted_either() -> None:
    terms = terms_of("wall board, not sheetrock", [Name("sheetrock", ("drywall",))])
    assert terms.unwanted == ["sheetrock", "drywall"]
    assert terms.added == []
    assert "drywall" not in "|".join(terms.wanted)


def test_every_name_of_the_file_is_one_that_a_question_can_meet() -> None:
    for name, others in ((name, entry.others) for entry in entries() for name in entry.names):
        assert [one.phrase for one in names_in(name)] == [name]
        assert set(others) - {name} <= set(names_in(name)[0].others)


def test_every_name_of_the_file_is_written_as_a_question_is_looked_up() -> None:
    for entry in entries():
        for name in [*entry.names, *entry.others]:
            assert name == name.lower()
            assert not set(name) & set("|=>,")
            assert 1 <= len(re.findall(r"[^\W_]+", name)) <= MOST_WORDS
