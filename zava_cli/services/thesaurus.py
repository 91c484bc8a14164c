"""What shoppers call things and what catalogues call them: thesaurus.txt and a shop's own file of the kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from zava_cli.infra.errors import ConfigurationError

MOST_NAMES = 20
"""Names of a question that are looked up: each makes the search by words longer, while others wait."""
MOST_IN_LINE = 50
"""Names of one line of a thesaurus: each is looked for by all of the others."""
LONGEST_NAME = 4
"""Its words."""
_NAME_WORD = re.compile(r"([^\W_]+)(?:['’]s\b)?")
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


class Thesaurus:
    """Names that mean the same or something alike, by the words of each."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._others_of: dict[_Words, list[str]] = {}
        for entry in entries:
            for name in entry.names:
                known = self._others_of.setdefault(_key(name), [])
                known += [other for other in entry.others if other not in known]
            for name in entry.others:
                # Without others of its own it is here all the same: what is known as a whole is not taken apart.
                self._others_of.setdefault(_key(name), [])

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of its names, in singular and plural: none of them is a slip of the pen."""
        return frozenset(form for words in self._others_of for word in words for form in _forms(word))

    def names_in(self, question: str) -> list[Name]:
        """Its names in a question, each once, in its order; the longest where one is part of another."""
        names: dict[str, Name] = {}
        for run in _runs(question):
            while run:
                size, others = self._longest(run)
                if others:
                    phrase = question[run[0].start() : run[size - 1].end(1)].lower()
                    names.setdefault(phrase, Name(phrase, tuple(others)))
                run = run[max(size, 1) :]
        return list(names.values())[:MOST_NAMES]

    def _longest(self, run: list[re.Match[str]]) -> tuple[int, list[str]]:
        """How many words the longest name has that begins these, 0 for none, and its others."""
        words = _words(run[:LONGEST_NAME])
        size = next((size for size in range(len(words), 0, -1) if words[:size] in self._others_of), 0)
        return size, self._others_of.get(words[:size], [])


@cache
def thesaurus_of(own: Path | None) -> Thesaurus:
    """That of the product, with a shop's own file beside it; ConfigurationError where that cannot be used.

    A file is read once in the life of a process.
    """
    return Thesaurus([*entries(), *(_entries_of(own) if own else [])])


def entries() -> list[Entry]:
    """The lines of the product's own file; names that mean the same are an entry each."""
    return _parsed(files("zava_cli.services").joinpath("thesaurus.txt").read_text(encoding="utf-8"))


def _entries_of(path: Path) -> list[Entry]:
    try:
        return _parsed(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        reason = exc.strerror or "it cannot be read"
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except ValueError as exc:
        reason = str(exc)
    raise ConfigurationError(
        f"The thesaurus {path} cannot be used: {reason}.",
        hint="A line is `a = b`, or `a, b > c, d`, or a comment that begins with #.",
    )


def _parsed(text: str) -> list[Entry]:
    """Its entries; ValueError with the number of a line that is none."""
    found: list[Entry] = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("#"):
            try:
                found += _entries_in(line)
            except ValueError as exc:
                raise ValueError(f"line {number} {exc}") from None
    return found


def _entries_in(line: str) -> list[Entry]:
    is_one_way = ">" in line
    sides = [[name.strip().lower() for name in side.split(",")] for side in line.split(">" if is_one_way else "=")]
    names = [name for side in sides for name in side]
    if (len(sides) != 2 or "=" in line) if is_one_way else (len(sides) < 2 or len(names) > len(sides)):
        raise ValueError("is neither `a = b` nor `a, b > c, d`")
    if len(names) > MOST_IN_LINE:
        raise ValueError(f"has {len(names):,} names, and {MOST_IN_LINE} are the most")
    for name in names:
        if not 1 <= len(_key(name)) <= LONGEST_NAME:
            raise ValueError(f"has {name!r} where a name of one to {LONGEST_NAME} words belongs")
    if is_one_way:
        return [Entry(*sides)]
    return [Entry([name], [other for other in names if other != name]) for name in names]


def words_of(names: Iterable[Name]) -> list[str]:
    """The words that a catalogue must have for the other names to be names of its own, in singular and plural."""
    words = [word for name in names for other in name.others for word in _letters(other)]
    return list(dict.fromkeys(form for word in words for form in _forms(word)))


def names_known(names: Iterable[Name], known: Collection[str]) -> list[Name]:
    """The names with those others alone whose words are among the known ones, as `words_of` asks for them."""
    names = list(names)
    singulars = {singular(word) for word in words_of(names) if word in known}
    found: list[Name] = []
    for name in names:
        others = tuple(o for o in name.others if all(singular(word) in singulars for word in _letters(o)))
        if others:
            found.append(Name(name.phrase, others))
    return found


def _runs(text: str) -> Iterator[list[re.Match[str]]]:
    """The words of a text in groups that nothing but blanks and hyphens divides."""
    run: list[re.Match[str]] = []
    for word in _NAME_WORD.finditer(text):
        if run and not _BETWEEN.fullmatch(text, run[-1].end(), word.start()):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _key(text: str) -> _Words:
    return _words(_NAME_WORD.finditer(text))


def _words(matches: Iterable[re.Match[str]]) -> _Words:
    return tuple(singular(match[1].lower()) for match in matches)


def _letters(name: str) -> list[str]:
    """The words of a name that the vocabulary of a catalogue would hold: see the table search_words."""
    return re.findall(r"[^\W\d_]{3,30}", name)


def _forms(word: str) -> tuple[str, ...]:
    return word, singular(word), f"{singular(word)}s"


@lru_cache(maxsize=10_000)
def singular(word: str) -> str:
    """The word without the ending of an English plural."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith("ss"):
        return word
    if word.endswith(("shes", "ches", "xes", "sses")):
        return word[:-2]
    return f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word[:-1]
