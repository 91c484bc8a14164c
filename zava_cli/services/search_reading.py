"""How search understands a question: its slips put right, and the other names that the catalogue has for its things."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from zava_cli.data import search as data
from zava_cli.data.search import ActiveModel, Filters, Reading
from zava_cli.data.session import Session
from zava_cli.infra.embeddings.vocabulary import common_words
from zava_cli.services.search_memory import SearchMemory
from zava_cli.services.search_negation import negation_in
from zava_cli.services.search_ranking import Found
from zava_cli.services.search_terms import (
    MOST_SLIPS,
    Terms,
    corrected,
    correction,
    terms_of,
    without_minus,
    words_to_check,
)
from zava_cli.services.thesaurus import Name, Thesaurus, names_known, singular, words_of

OPERATORS = re.compile(r'(?:^|\s)(?:-\w|"[^"]+"|OR\s)')
"""What makes a question one for PostgreSQL's own web search syntax, which nothing is changed in."""


@dataclass(frozen=True)
class Asked:
    """A question as it is searched for: as the catalogue would spell it, and its things that have other names there."""

    text: str
    names: list[Name]

    @cached_property
    def terms(self) -> Terms:
        """What to look for by words."""
        return terms_of(self.text, self.names)

    @cached_property
    def meaning(self) -> str:
        """What to embed: the question without the kinds that it rules out, and the other names behind it."""
        text = without_minus(self.text) or self.text
        return " ".join([negation_in(text).wanted, *self.terms.added])


@dataclass(frozen=True)
class Written:
    """A question as somebody wrote it, taken apart once for all who look into it."""

    text: str
    thesaurus: Thesaurus

    @cached_property
    def has_operators(self) -> bool:
        """Whether it says itself how its words belong together."""
        return OPERATORS.search(self.text) is not None

    @cached_property
    def to_check(self) -> tuple[list[str], list[str]]:
        """Words whose spelling is checked, and words that matter only where the catalogue has them; see `reading`."""
        words, neighbours = words_to_check(self.text)
        if self.has_operators or not words:
            return [], []
        return words, [*neighbours, *words_of(self._names)]

    def names_in(self, text: str) -> list[Name]:
        """The names of the thesaurus in the question as it is spelled by now."""
        return self._names if text == self.text else self.thesaurus.names_in(text)

    @cached_property
    def _names(self) -> list[Name]:
        return self.thesaurus.names_in(self.text)


def likely(question: Written, known: Collection[str]) -> Asked:
    """The question when nothing in it is a slip, and the catalogue has these words of the thesaurus."""
    if not question.to_check[0]:
        return Asked(question.text, [])
    text = corrected(question.text, {}, ())
    return Asked(text, names_known(question.names_in(text), known))


async def read(
    session: Session, question: Written, filters: Filters, found: Found, reading: Reading | None, memory: SearchMemory
) -> tuple[Asked, ActiveModel | None]:
    """The question as the database understands it, and the model for it; what was changed is among the notices.

    `reading` is what the database has said of it already. What is learned of the catalogue stays in `memory` for
    the next guess.
    """
    words, others = question.to_check
    if reading is None:
        reading = await data.reading(session, question.text, filters, words, others)
    found.exact, memory.model = reading.exact, reading.active
    if not words:
        return Asked(question.text, []), reading.active
    # A SKU written with blanks has parts that are no words.
    unknown = [] if reading.exact else reading.unknown
    corrections = await _corrections(session, unknown, question.thesaurus.words)
    found.notices += [f"Searched for {meant} instead of {word}." for word, meant in corrections.items()]
    text = corrected(question.text, corrections, reading.compounds)
    names, known = question.names_in(text), reading.compounds
    looked_up = words_of(names)
    if not set(looked_up) <= set(others):
        known = (await data.reading(session, text, filters, [], looked_up)).compounds
    memory.words = memory.words.difference(looked_up) | known.intersection(looked_up)
    return Asked(text, names_known(names, known)), reading.active


async def _corrections(session: Session, unknown: list[str], of_thesaurus: Collection[str]) -> dict[str, str]:
    """What was probably meant by words that no product holds, in the catalogue's words or else the thesaurus's.

    The thesaurus knows more than the shop sells: of its words only those with the same first letter are likely. A
    common English word that the shop has no use for is no slip.
    """
    strangers = [word for word in unknown if word not in of_thesaurus]
    slips = [word for word in strangers if singular(word) not in common_words()]
    if not slips:
        return {}
    vocabulary = await data.vocabulary(session, max(map(len, slips)) + MOST_SLIPS)
    meant: dict[str, str] = {}
    for slip in slips:
        alike = [word for word in of_thesaurus if word[0] == slip[0]]
        if right := correction(slip, vocabulary) or correction(slip, alike):
            meant[slip] = right
    return meant
