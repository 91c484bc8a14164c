"""Takes a shopper's question apart: its words and sizes in all their spellings, and what is not wanted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from zava_cli.services.search_negation import CUES, lacking, negation_in, ways_to_lack
from zava_cli.services.thesaurus import Name

WORD = re.compile(r"[^\W\d_]{4,30}")
"""A word whose spelling can be checked."""
MOST_CHECKED = 20
"""Words of a question whose spelling is checked: each is compared with the whole vocabulary, while others wait."""
MOST_FEET = 12
"""Up to here lengths are written in inches too."""
MOST_SLIPS = 2
"""How many letters of a long word may be wrong."""
FILLERS = frozenset({
    "something", "somewhere", "anything", "somehow", "looking", "need", "want", "please", "while", "keep", "make",
    "like", "good", "best", "quickly", "easily",
})  # fmt: skip
"""Words of shoppers that no catalogue need hold: they are no slips."""
UNITS = (
    ("in", "inch", "inches", '"'),
    ("ft", "foot", "feet", "'"),
    ("yd", "yard", "yards"),
    ("mm", "millimeter", "millimetre"),
    ("cm", "centimeter", "centimetre"),
    ("gal", "gallon", "gallons"),
    ("qt", "quart", "quarts"),
    ("oz", "ounce", "ounces"),
    ("lb", "lbs", "pound", "pounds"),
    ("v", "volt", "volts"),
    ("a", "amp", "amps"),
    ("w", "watt", "watts"),
    ("ga", "gauge", "awg"),
    ("pc", "piece", "pieces"),
    ("pk", "pack"),
)
_SPELLINGS = {spelling: unit for unit in UNITS for spelling in unit}
_NUMBER = r"\d+(?:[- ]\d+/\d+|/\d+|\.\d+)?"
_UNIT = "|".join(sorted(map(re.escape, _SPELLINGS), key=len, reverse=True))
_TOKEN = re.compile(
    rf"(?P<area>\d+(?:\s*[x×]\s*\d+)+)(?![\w/])"
    rf"|(?P<number>(?<!\w){_NUMBER})(?:[\s-]*(?P<unit>{_UNIT})(?!\w)|(?!\w))"
    r"|(?P<word>\w+(?:[-'’.]\w+)*)",
    re.IGNORECASE,
)
_NUMBER_OF = {
    "half": "1/2", "quarter": "1/4", "three quarter": "3/4", "three-quarter": "3/4", "one": "1", "two": "2",
    "three": "3", "four": "4", "five": "5", "six": "6", "eight": "8", "ten": "10", "twelve": "12",
}  # fmt: skip
_NUMBER_WORDS = re.compile(
    rf"\b({'|'.join(sorted(_NUMBER_OF, key=len, reverse=True))})s?[ -](?:an? )?(?=(?:inch|foot|feet|gallon|pint|yard))",
    re.IGNORECASE,
)
_FRACTIONS = re.compile(r"(\d?)\s*([¼½¾⅐-⅞])")
_MINUS = re.compile(r"(?:^|\s)-(\w[\w-]*)")


@dataclass(frozen=True)
class Terms:
    """A question for search by words: each wanted term with its spellings between bars, unwanted words, and what
    the thesaurus added to the wanted terms.
    """

    wanted: list[str]
    unwanted: list[str]
    added: list[str]


def terms_of(question: str, names: Sequence[Name] = ()) -> Terms:
    """What a question asks for, in its order; each term's first spelling is the question's own.

    `names` of the question get their others as further spellings, and those of several words become one term in
    place of these; where a name is not wanted, neither are the others.
    """
    text = _FRACTIONS.sub(_plain_fraction, without_minus(question))
    text = _NUMBER_WORDS.sub(lambda match: f"{_NUMBER_OF[match[1].lower()]} ", text)
    negation = negation_in(text)
    wanted = _terms_in(negation.wanted, set(negation.unwanted).difference(negation.told))
    unwanted, added = [*map(str.lower, _MINUS.findall(question)), *negation.unwanted], list[str]()
    for name in names:
        if set(name.phrase.split()) <= set(unwanted):
            unwanted += name.others
            continue
        if name.phrase not in negation.wanted.lower():
            continue
        own = wanted.get(name.phrase, [name.phrase])
        for word in name.phrase.split():
            if word != name.phrase:
                wanted.pop(word, None)
        wanted[name.phrase] = [*own, *name.others]
        added += name.others
    lacked = ["|".join(lacking(word)) for word in negation.lacked]
    return Terms(["|".join(spellings) for spellings in wanted.values()] + lacked, unwanted, list(dict.fromkeys(added)))


def without_minus(question: str) -> str:
    """The question without the words that a minus sign excludes."""
    return _MINUS.sub(" ", question).strip()


def words_to_check(question: str) -> tuple[list[str], list[str]]:
    """The first words whose spelling can be checked, and neighbours written as one word; both in lower case."""
    tokens = question.lower().split()
    words = [
        token
        for token in (token.strip(".,;:!?()") for token in tokens)
        if WORD.fullmatch(token) and token not in FILLERS
    ]
    pairs = [a + b for a, b in pairwise(tokens) if a.isalpha() and b.isalpha()]
    return list(dict.fromkeys(words))[:MOST_CHECKED], list(dict.fromkeys(pairs))[:MOST_CHECKED]


def correction(word: str, vocabulary: Collection[str]) -> str | None:
    """The word of the vocabulary that was probably meant, or the two that it consists of; None when unclear.

    One slip is forgiven, two in words of nine letters or more that begin alike; swapped letters are one.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA, Indel

    slips = 1 if len(word) < 9 else MOST_SLIPS
    candidates = [known for known in vocabulary if len(known) > 3]
    near = process.extract(word, candidates, scorer=OSA.distance, score_cutoff=slips, limit=None)
    # A letter that is missing or too many is likelier than a wrong one.
    ranked = [(distance, known[0] != word[0], Indel.distance(word, known), known) for known, distance, _ in near]
    if best := min((found for found in ranked if found[0] == 1 or not found[1]), default=None):
        return best[-1]
    halves = ((word[:cut], word[cut:]) for cut in range(3, len(word) - 2))
    return next((f"{a} {b}" for a, b in halves if a in vocabulary and b in vocabulary), None)


def corrected(question: str, corrections: Mapping[str, str], compounds: Collection[str]) -> str:
    """The question with its slips put right and neighbours written as one word where the catalogue does so."""
    if not corrections and not compounds:
        return " ".join(question.split())
    tokens: list[str] = []
    for token in question.split():
        joined = (tokens[-1] + token).lower() if tokens else ""
        if joined in compounds:
            tokens[-1] = joined
        else:
            tokens.append(WORD.sub(lambda match: corrections.get(match[0].lower(), match[0]), token))
    return " ".join(tokens)


def _terms_in(text: str, unwanted: Collection[str]) -> dict[str, list[str]]:
    """The terms of a text by their first spelling, without the unwanted and the words that only lead to others."""
    found = [spellings for match in _TOKEN.finditer(text) if (spellings := _spellings(match))]
    named = {spellings[0].lower(): spellings for spellings in found}
    # A question of nothing else is taken by its words.
    return {name: named[name] for name in named if name not in CUES and name not in unwanted} or named


def _spellings(match: re.Match[str]) -> list[str]:
    if match["word"]:
        return [match["word"], *ways_to_lack(match["word"])]
    if match["area"]:
        sides = re.findall(r"\d+", match["area"])
        return [match["area"], "x".join(sides), " x ".join(sides)]
    numbers = _numbers(match["number"])
    if not match["unit"]:
        return numbers
    names = [name for name in _SPELLINGS[match["unit"].lower()] if name.isalpha()]
    # PostgreSQL passes over `a` as a word of its own, and 20 alone is something else.
    spelled = [f"{number}{between}{name}" for number in numbers for name in names
               for between in (" ", "", "-") if (between, name) != (" ", "a")]  # fmt: skip
    return list(dict.fromkeys([match[0], *spelled, *_in_inches(match["number"], names)]))


def _in_inches(number: str, unit: Collection[str]) -> list[str]:
    """A few feet as a catalogue writes them in inches; in 48" the sign is none of a word."""
    if "ft" not in unit or not number.isdecimal() or int(number) > MOST_FEET:
        return []
    inches = 12 * int(number)
    return [f"{inches} in", f"{inches}in", f"{inches} inch", f"{inches}-inch", f"{inches}"]


def _numbers(number: str) -> list[str]:
    """A number as it may be written: 1.5 also as 1-1/2."""
    if "." in number and (value := Fraction(number)).denominator <= 16:
        whole, rest = divmod(value, 1)
        if rest:
            return [number, f"{whole}-{rest}" if whole else str(rest)]
    return [number, number.replace(" ", "-")] if " " in number else [number]


def _plain_fraction(match: re.Match[str]) -> str:
    fraction = Fraction(unicodedata.numeric(match[2])).limit_denominator(16)
    return f"{match[1]}-{fraction}" if match[1] else str(fraction)
