"""What a reader should know about the answer of a search."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zava_cli.models.search import SearchHit
from zava_cli.services.search_reading import Asked

_NAME = re.compile(r"(?!\w+ing\b)[^\W\d_]+(?:[ -][^\W\d_]+){0,2}")
"""One to three words that may be the name of a thing; who asks for `laying bricks` asks what for."""
_USE = frozenset({
    "for", "to", "with", "without", "in", "on", "of", "at", "my", "from", "not", "no", "that", "and", "or",
})  # fmt: skip
_LETTERS = re.compile(r"[^\W\d_]+")


def behind(number: int) -> list[str]:
    """What to say about vectors that are older than their products, `number` of them."""
    if not number:
        return []
    count = "1,000 or more products" if number >= 1_000 else f"{number} product(s)"
    return [
        f"{count} changed since they were embedded: by meaning they are found as they were before, or not at all. "
        "`zava embed --once` mends that."
    ]


def nothing_called(asked: Asked, hits: Sequence[SearchHit]) -> list[str]:
    """That the shop has no such thing, where a question is the name of one and the best hit has no word of it, nor of
    its other names, in its own name or type.
    """
    if not hits or not _NAME.fullmatch(asked.text) or not _USE.isdisjoint(asked.text.lower().split()):
        return []
    words = _LETTERS.findall(" ".join(asked.terms.wanted).lower())
    if not words or _are_alike(words, _LETTERS.findall(f"{hits[0].name} {hits[0].product_type}".lower())):
        return []
    return [f"No product is called {asked.text!r}; these are the nearest in meaning."]


def _are_alike(words: Iterable[str], others: Sequence[str]) -> bool:
    """Whether a word of the one is a word of the other, but for its ending."""
    return any(
        word[:size] == other[:size]
        for word in words
        for other in others
        if (size := max(4, min(len(word), len(other)) - 1))
    )
