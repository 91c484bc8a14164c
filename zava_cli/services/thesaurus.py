"""What shoppers call things and what catalogues call them: reads thesaurus.txt and looks a question up in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

MOST_NAMES = 20
"""Names of a question that are looked up: each makes the search by words longer, while others wait."""
MOST_WORDS = 4
"""Words of the longest name."""
_WORD = re.compile(r"([^\W_]+)(?:['’]s\b)?")
_BETWEEN = re.compile(r"[\s-]*")

_Words = tuple[str, ...]


@dataclass(frozen=True)
class Name:
    """A name in a question, in lower case as it was written there, and other names of what it may mean."""

    phrase: str
    others: tuple[str, ...]


class Entry(NamedTuple):
    """Names, and what else a question for one of them looks for."""

    names: list[str]
    others: list[str]


def names_in(question: str) -> list[Name]:
    """The names of the thesaurus in a question, each once, in its order; the longest where one is part of another."""
    names: dict[str, Name] = {}
    for run in _runs(question):
        while run:
            size, others = _longest(run)
            if others:
                phrase = question[run[0].start() : run[size - 1].end(1)].lower()
                names.setdefault(phrase, Name(phrase, tuple(others)))
            run = run[max(size, 1) :]
    return list(names.values())[:MOST_NAMES]


def words_of(names: Iterable[Name]) -> list[str]:
    """The words that a catalogue must have for the other names to be names of its own, in singular and plural."""
    words = [word for name in names for other in name.others for word in _letters(other)]
    return list(dict.fromkeys(form for word in words for form in _forms(word)))


def names_known(names: Iterable[Name], known: Collection[str]) -> list[Name]:
    """The names with those others alone whose words are among the known ones, as `words_of` asks for them."""
    names = list(names)
    singulars = {_singular(word) for word in words_of(names) if word in known}
    found: list[Name] = []
    for name in names:
        others = tuple(o for o in name.others if all(_singular(word) in singulars for word in _letters(o)))
        if others:
            found.append(Name(name.phrase, others))
    return found


@cache
def words_of_thesaurus() -> frozenset[str]:
    """Every word of its names, in singular and plural: none of them is a slip of the pen."""
    return frozenset(form for words in _thesaurus() for word in words for form in _forms(word))


@cache
def entries() -> list[Entry]:
    """The lines of the file; names that mean the same are an entry each."""
    text = files("zava_cli.services").joinpath("thesaurus.txt").read_text(encoding="utf-8")
    found: list[Entry] = []
    for line in text.splitlines():
        if ">" in line and not line.startswith("#"):
            asked, others = ([name.strip() for name in side.split(",")] for side in line.split(">"))
            found.append(Entry(asked, others))
        elif line and not line.startswith("#"):
            names = [name.strip() for name in line.split("=")]
            found += [Entry([name], [other for other in names if other != name]) for name in names]
    return found


@cache
def _thesaurus() -> dict[_Words, list[str]]:
    """Other names by the words of a name, in the singular."""
    others_of: dict[_Words, list[str]] = {}
    for entry in entries():
        for name in entry.names:
            known = others_of.setdefault(_key(name), [])
            known += [other for other in entry.others if other not in known]
        for name in entry.others:
            # Without others of its own it is here all the same: a name that is known as a whole is not taken apart.
            others_of.setdefault(_key(name), [])
    return others_of


def _longest(run: list[re.Match[str]]) -> tuple[int, list[str]]:
    """How many words the longest name has that begins these, 0 for none, and its others."""
    words, others_of = _words(run[:MOST_WORDS]), _thesaurus()
    sizes = range(len(words), 0, -1)
    size = next((size for size in sizes if words[:size] in others_of), 0)
    return size, others_of.get(words[:size], [])


def _runs(text: str) -> Iterator[list[re.Match[str]]]:
    """The words of a text in groups that nothing but blanks and hyphens divides."""
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        if run and not _BETWEEN.fullmatch(text, run[-1].end(), word.start()):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _key(text: str) -> _Words:
    return _words(_WORD.finditer(text))


def _words(matches: Iterable[re.Match[str]]) -> _Words:
    return tuple(_singular(match[1].lower()) for match in matches)


def _letters(name: str) -> list[str]:
    """The words of a name that the vocabulary of a catalogue would hold: see the table search_words."""
    return re.findall(r"[^\W\d_]{3,30}", name)


def _forms(word: str) -> tuple[str, ...]:
    return word, _singular(word), f"{_singular(word)}s"


@lru_cache(maxsize=10_000)
def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith("ss"):
        return word
    if word.endswith(("shes", "ches", "xes", "sses")):
        return word[:-2]
    return f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word[:-1]
