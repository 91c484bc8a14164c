"""What the thesaurus finds in a question, and that its file says what it means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zava_cli.infra.errors import ConfigurationError
from zava_cli.services.search_terms import terms_of
from zava_cli.services.thesaurus import LONGEST_NAME, MOST_NAMES, Name, entries, names_known, thesaurus_of, words_of

names_in = thesaurus_of(None).names_in


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
            assert 1 <= len(re.findall(r"[^\W_]+", name)) <= LONGEST_NAME


def test_a_shops_own_names_stand_beside_those_of_the_product(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("# ours\n\nGizmo = doohickey\nsheetrock, acme board > wall panel\n", encoding="utf-8")
    found = {name.phrase: name.others for name in thesaurus_of(own).names_in("gizmos, doohickey, sheetrock")}
    assert found["gizmos"] == ("doohickey",)
    assert found["doohickey"] == ("gizmo",)
    assert {"drywall", "wall panel"} <= set(found["sheetrock"])
    assert "doohickey" in thesaurus_of(own).words - thesaurus_of(None).words


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("just words", "line 3 is neither"),
        ("a > b > c", "line 3 is neither"),
        ("a = b > c", "line 3 is neither"),
        ("a, b = c", "line 3 is neither"),
        (" = ".join(f"name {number}" for number in range(51)), "line 3 has 51 names, and 50 are the most"),
        ("a = ", "line 3 has ''"),
        ("a, > b", "line 3 has ''"),
        ("one two three four five = b", "line 3 has 'one two three four five'"),
    ],
)
def test_a_line_that_says_nothing_is_named_by_its_number(tmp_path: Path, line: str, reason: str) -> None:
    own = tmp_path / "own.txt"
    own.write_text(f"# ours\na = b\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=re.escape(reason)) as caught:
        thesaurus_of(own)
    assert str(own) in str(caught.value)


def test_a_thesaurus_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        thesaurus_of(tmp_path / "none.txt")
    (tmp_path / "old.txt").write_bytes("a = caf\xe9\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        thesaurus_of(tmp_path / "old.txt")
