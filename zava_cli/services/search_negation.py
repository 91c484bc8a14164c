"""Tells what a shopper's question rules out: a thing that is not wanted, or a fault, the lack of which is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from zava_cli.services.thesaurus import singular

_VERBS = ("wo", "do", "does", "did", "ca", "could", "would", "should", "is", "are", "was")
CUES = frozenset({
    "not", "no", "without", "except", "never", "nor", "cannot", "need", "needs", "want", "wants", "keep", "keeps",
    "get", "gets", "something", "someone", "please", *(f"{verb}n{mark}t" for verb in _VERBS for mark in ("'", "’", "")),
})  # fmt: skip
"""Words that lead to what is asked for, or is not, and are neither."""
_NOT = rf"(?:{'|'.join(_VERBS)})n['’]?t"
_HAVING = r"(?:needs?|requires?|uses?|using|ha(?:ve|s)|contains?|wants?|likes?|includes?|runs?\s+on|comes?\s+with)\b"
# Wherever these are followed by what a thing does, a fault is ruled out: that word is one to look for.
_FAULT = rf"""
    \b(?: (?!is|are|was){_NOT} | cannot | never
        | (?:will|do|does|did|can|could|would|should)\s+not )\s+(?!{_HAVING}|(?:a|an|any|the|for|with|in|on|at|to)\b)
    | \bno(?:t)?\s+(?:longer|more|matter|only|just|too|very|so|sure)\b
"""
_THING = rf"\b(?:not|no|without|except|never|nor|cannot|{_NOT})\b(?!-)(?:\s+{_HAVING})?"
_CUE = re.compile(rf"(?P<fault>{_FAULT})|(?P<thing>{_THING})|(?:\bneeds?\s+no\b)", re.IGNORECASE | re.VERBOSE)
_OTHER_KIND = re.compile(r"(?:not|except|nor|(?:is|are|was)n['’]?t)\b", re.IGNORECASE)
# Where what is not wanted ends, and the words that say nothing about a product.
_END = re.compile(r"[,.;:!?]|\b(?:for|but|with|in|on|at|to|that|who|when)\b", re.IGNORECASE)
_LEADING = re.compile(r"\s*(?:(?:for|with|in|on|at|to)\s+)*", re.IGNORECASE)
_EMPTY = frozenset({
    "a", "an", "any", "the", "my", "our", "of", "from", "it", "is", "be", "been", "has", "have", "based", "made",
    "make", "need", "needs", "use", "used", "using", "i", "we", "do", "does",
})  # fmt: skip
_HYPHENED = re.compile(r"[^\W\d_][\w-]*")
_LACKING = re.compile(r"(?:no|non|anti)-(\w+)|(\w+)-(?:free|proof|resistant)", re.IGNORECASE)


@dataclass(frozen=True)
class Negation:
    """A question without the kinds of a thing that it rules out ("not gas"), all words of what it does not want, and
    those of them that products say they lack.

    What a thing must not have or need is still part of its meaning: a product without it says so too ("no compressor
    needed"). Where that is one word ("without moths"), it is among `told`, the words to look for all the same.
    """

    wanted: str
    unwanted: list[str]
    lacked: list[str]
    told: list[str]


def negation_in(question: str) -> Negation:
    """What a question wants and what it does not.

    What follows `not`, `no`, `without` … is unwanted up to the end of that phrase, unless it is wanted elsewhere in
    the question; where nothing was wanted before it, only its first word is ("no drill wall hooks"). A fault
    ("won't kink") is nothing unwanted: the product for it is named after it.
    """
    cues = list(_CUE.finditer(question))
    if not cues:
        return Negation(question, [], [], [])
    before, unwanted, lacked, kinds, told = "", list[str](), list[str](), list[str](), list[str]()
    for cue, following in pairwise([None, *cues, None]):
        part = question[cue.end() if cue else 0 : following.start() if following else None]
        if cue is None or cue["fault"]:
            before = f"{before} {part}"
            continue
        begins = not _words(before)
        words, rest = _ruled_out(part, at_the_beginning=begins)
        unwanted += words
        if begins or _OTHER_KIND.match(cue[0]):
            kinds += words
        elif len(words) == 1:
            told += words
        lacked += words[:1] if cue[0].lower().endswith("no") else []
        before = f"{before} {rest}"
    passed_over = {singular(word) for word in _words(before)}
    unwanted = [word for word in dict.fromkeys(unwanted) if singular(word) not in passed_over]
    left_out = set(kinds).intersection(unwanted)
    wanted = _HYPHENED.sub(lambda word: "" if word[0].lower() in left_out else word[0], question)
    return Negation(wanted, unwanted, [word for word in lacked if word in unwanted], told)


def _ruled_out(part: str, *, at_the_beginning: bool) -> tuple[list[str], str]:
    """The unwanted words of what follows a cue, and what is behind them."""
    # "not for wood" begins with a word that ends such a phrase elsewhere.
    phrase, *rest = _END.split(_LEADING.sub("", part, count=1), maxsplit=1)
    words = _words(phrase)
    if at_the_beginning and words:
        first = words[0]
        return [first], " ".join([phrase[phrase.lower().index(first) + len(first) :], *rest])
    return words, " ".join(rest)


def lacking(word: str) -> list[str]:
    """How products say that they lack something, or keep it away."""
    return [f"{word} resistant", f"{word} free", f"{word} proof", f"non {word}", f"anti {word}"]


def ways_to_lack(token: str) -> list[str]:
    """Other ways to say `no-drill` or `rust-proof`; none for another word."""
    match = _LACKING.fullmatch(token)
    return lacking(match[1] or match[2]) if match else []


def _words(text: str) -> list[str]:
    words = (word.lower() for word in _HYPHENED.findall(text))
    return [word for word in words if word not in _EMPTY]
