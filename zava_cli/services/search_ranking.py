"""Puts products into one order: those found by words, by meaning and by SKU."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from zava_cli.data.search import Match
from zava_cli.models.search import SearchMode

MEANING, WORDS, TYPE = 0.7, 0.3, 0.5
"""What similarity, the share of the words and the product's type weigh in a hybrid search (`scripts/bench search`)."""
SAME_TYPE = 0.2
"""What it is worth to be of the type of the product whose like is wanted: more where others are about as good."""
SPEAKERS = 2
"""How many of a type's products speak for it: one may be there by chance."""


@dataclass
class Found:
    """The lists of one search; dictionaries are in list order, best first.

    `like_type` is preferred. `relevance` is what a re-ranker makes of the best products; where there is one, these
    alone are put into order.
    """

    mode: SearchMode
    like_type: UUID | None = None
    exact: list[UUID] = field(default_factory=list[UUID])
    by_keyword: dict[UUID, Match] = field(default_factory=dict[UUID, Match])
    by_meaning: dict[UUID, Match] = field(default_factory=dict[UUID, Match])
    relevance: dict[UUID, float] = field(default_factory=dict[UUID, float])
    notices: list[str] = field(default_factory=list[str])

    @cached_property
    def keyword_places(self) -> dict[UUID, int]:
        """Places in the list by words, from 1; read once the list is there."""
        return {product: place for place, product in enumerate(self.by_keyword, 1)}

    @cached_property
    def meaning_places(self) -> dict[UUID, int]:
        """Places in the list by meaning, from 1; read once the list is there."""
        return {product: place for place, product in enumerate(self.by_meaning, 1)}

    @cached_property
    def scores(self) -> dict[UUID, float]:
        """Each product's score: the list's own, or in a hybrid search the weighed sum of both and of its type.

        The type's part is the mean of its two best products: where many products of one kind fit, that kind was
        probably meant.
        """
        if self.mode is not SearchMode.HYBRID:
            return {product: match.score - match.penalty for product, match in self._matches.items()}
        own = {product: MEANING * match.score for product, match in self.by_meaning.items()}
        for product, match in self.by_keyword.items():
            own[product] = own.get(product, 0.0) + WORDS * match.score
        types: dict[UUID, list[float]] = {}
        for product in sorted(own, key=own.__getitem__, reverse=True):
            types.setdefault(self._matches[product].type_id, []).append(own[product])
        # A type with one product only has half a voice.
        voices = {kind: TYPE * sum(best[:SPEAKERS]) / SPEAKERS for kind, best in types.items()}
        if self.like_type is not None and self.like_type in voices:
            voices[self.like_type] += SAME_TYPE
        return {product: score + voices[self._matches[product].type_id] for product, score in own.items()}

    def order(self, limit: int) -> list[UUID]:
        """The products to show, best first.

        A re-ranker knows nothing of what is unwanted: what it ranks is last with such a word in its name.
        """
        found, scores = self._matches, self.relevance or self.scores
        # Sorting is stable: of two with the same score the one nearer in meaning comes first.
        products = sorted((product for product in found if product in scores), key=scores.__getitem__, reverse=True)
        if self.relevance:
            products.sort(key=lambda product: found[product].is_unwanted)
        return list(dict.fromkeys([*self.exact, *products]))[:limit]

    @cached_property
    def _matches(self) -> dict[UUID, Match]:
        rest = {product: match for product, match in self.by_keyword.items() if product not in self.by_meaning}
        return self.by_meaning | rest
