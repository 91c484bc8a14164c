"""Says which words of a product answered a question, as the product writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from zava_cli.services.thesaurus import singular

_WORD = re.compile(r"[^\W_]+")
_LEXEME = re.compile(r"'((?:[^']|'')+)'")


def words_shown(matched: Sequence[str], text: str) -> list[str]:
    """What a product with this text holds of a question, with the question's own word where that is another one.

    `matched` is as the column `words` of the statement `hits` has it.
    """
    shown: list[str] = []
    for term in matched:
        asked, spelling, form = term.split("|", 2)
        held = _as_written(spelling, form, text)
        is_the_same = singular(held.lower()) == singular(asked.lower())
        shown.append(held if is_the_same else f"{held} (asked: {asked})")
    return list(dict.fromkeys(shown))


def _as_written(spelling: str, form: str, text: str) -> str:
    """The spelling, or the word of the text that has its stem: the last letter of a stem may not be the word's own."""
    as_it_is, beginning = _looked_for(spelling, form)
    if as_it_is is None or as_it_is.search(text):
        return spelling
    return next((word for word in _WORD.findall(text.lower()) if word.startswith(beginning)), spelling)


# The hits of a question hold the same words.
@lru_cache(maxsize=1000)
def _looked_for(spelling: str, form: str) -> tuple[re.Pattern[str] | None, str]:
    """How a spelling with one lexeme is found in a text: as it is, and by how a word begins; None for several."""
    lexemes: list[str] = _LEXEME.findall(form)
    if len(lexemes) != 1:
        return None, ""
    as_it_is = re.compile(rf"(?<!\w){re.escape(spelling)}(?!\w)", re.IGNORECASE)
    return as_it_is, lexemes[0][: max(3, len(lexemes[0]) - 1)]
