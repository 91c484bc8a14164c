"""Finds products for a question in a shopper's words: by SKU, by words, by meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_cli.data import search as data
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.retries import retried
from zava_cli.data.search import ActiveModel, Filters
from zava_cli.data.session import Session
from zava_cli.infra.errors import AuthorizationError, EmbeddingError, ValidationError
from zava_cli.infra.operations import current_operation
from zava_cli.models.search import SearchHit, SearchMode, SearchRequest, SearchResult
from zava_cli.services.embedding import EmbedderSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CANDIDATES = 50
"""Length of each list at least; longer than the answer, so that a product low in both lists can rise."""
FUSION = 60
"""The constant of reciprocal rank fusion, as in the paper that proposed it."""
WORD = re.compile(r"\w+(?:[-'’.]\w+)*")


async def search_products(
    provider: PostgreSQLProvider, caller: Caller, request: SearchRequest, source: EmbedderSource
) -> SearchResult:
    """The products that fit best; a product with exactly the SKU that was asked for comes first.

    A hybrid search goes on by keyword, with a notice, when there are no usable embeddings. Raises
    EmbeddingError (semantic search in that case), ValidationError (unknown category) and
    AuthorizationError (a store that the caller does not see).
    """

    async def search() -> SearchResult:
        return await _search(provider, caller, request, source)

    return await retried(provider.settings, search)


async def _search(
    provider: PostgreSQLProvider, caller: Caller, request: SearchRequest, source: EmbedderSource
) -> SearchResult:
    async with provider.reader(caller) as session:
        filters = await _filters(session, request)
        active = None if request.mode is SearchMode.KEYWORD else await data.active_model(session)
    found = _Found(mode=request.mode)
    question = None
    if request.mode is not SearchMode.KEYWORD:
        try:
            # No transaction stays open while a provider thinks.
            question = await _question(request, active, source)
            found.notices += _behind(question.active)
        except EmbeddingError as error:
            if request.mode is SearchMode.SEMANTIC:
                raise
            found.mode = SearchMode.KEYWORD
            found.notices.append(f"Searched by keyword only: {error.message} {error.hint or ''}".strip())
    async with provider.reader(caller) as session:
        await _look_up(session, request, filters, question, found)
        order = found.order(request.limit)
        words = [] if found.mode is SearchMode.SEMANTIC else _words(request.query_description)
        rows = await data.details(session, order, words, filters)
    current_operation().row_count = len(order)
    return SearchResult(
        mode=found.mode,
        model=question.active.model if question else None,
        threshold=question.threshold if question else None,
        hits=[_hit(found, product, rows[product]) for product in order],
        notices=found.notices,
    )


@dataclass(frozen=True)
class _Question:
    """The question's vector, made by the active model."""

    vector: NDArray[np.float32]
    active: ActiveModel
    threshold: float


@dataclass
class _Found:
    """The lists of one search; dictionaries are in list order, best first."""

    mode: SearchMode
    exact: list[UUID] = field(default_factory=list[UUID])
    by_keyword: dict[UUID, float] = field(default_factory=dict[UUID, float])
    by_meaning: dict[UUID, float] = field(default_factory=dict[UUID, float])
    notices: list[str] = field(default_factory=list[str])

    @cached_property
    def keyword_places(self) -> dict[UUID, int]:
        """Places in the list by words, from 1; read once the list is there."""
        return {product: place for place, product in enumerate(self.by_keyword, 1)}

    @cached_property
    def meaning_places(self) -> dict[UUID, int]:
        """Places in the list by meaning, from 1; read once the list is there."""
        return {product: place for place, product in enumerate(self.by_meaning, 1)}

    def score(self, product: UUID) -> float:
        """The list's own score, or the fused one: the sum of 1 / (60 + place) over both lists."""
        if self.mode is SearchMode.KEYWORD:
            return self.by_keyword.get(product, 0.0)
        if self.mode is SearchMode.SEMANTIC:
            return self.by_meaning.get(product, 0.0)
        places = (self.meaning_places.get(product), self.keyword_places.get(product))
        return sum(1 / (FUSION + place) for place in places if place is not None)

    def order(self, limit: int) -> list[UUID]:
        """The products to show, best first."""
        products = dict.fromkeys([*self.by_meaning, *self.by_keyword])
        if self.mode is SearchMode.HYBRID:
            # Sorting is stable: of two with the same score the one nearer in meaning comes first.
            products = dict.fromkeys(sorted(products, key=self.score, reverse=True))
        return list(dict.fromkeys([*self.exact, *products]))[:limit]


async def _filters(session: Session, request: SearchRequest) -> Filters:
    category = store = None
    if request.category is not None:
        known = await data.categories(session)
        category = {name.lower(): key for name, key in known.items()}.get(request.category.strip().lower())
        if category is None:
            raise ValidationError(
                "category", request.category, "there is no such category", hint=f"There are: {', '.join(known)}."
            )
    if request.store is not None:
        stores = await data.visible_stores(session, request.store.strip())
        if len(stores) != 1:
            raise AuthorizationError(
                "That store is not one that you can see.", hint="`zava whoami` lists the stores that you see."
            )
        store = stores[0]
    return Filters(
        category=category,
        min_price=request.min_price,
        max_price=request.max_price,
        in_stock=request.asks_for_stock,
        store=store,
    )


async def _question(request: SearchRequest, active: ActiveModel | None, source: EmbedderSource) -> _Question:
    """The question as the active model sees it; EmbeddingError where that cannot be had."""
    if active is None:
        raise EmbeddingError("No product is embedded yet.", hint="Run `zava embed` once, as the administrator.")
    embedder = source.of(active)
    vector = await source.embed_query(active, request.query_description)
    if len(vector) != active.dimensions:
        raise EmbeddingError(
            f"The question got {len(vector)} dimensions from {active.model}; the products have {active.dimensions}.",
            hint="Set embedding_dimensions and run `zava embed`, or use the service that embedded the products.",
        )
    threshold = embedder.threshold if request.threshold is None else request.threshold
    return _Question(vector, active, threshold)


def _behind(active: ActiveModel) -> list[str]:
    """What to say about vectors that are older than their products."""
    if not active.behind:
        return []
    count = "1,000 or more products" if active.behind >= 1_000 else f"{active.behind} product(s)"
    return [
        f"{count} changed since they were embedded: by meaning they are found as they were before, or not at all. "
        "`zava embed --once` mends that."
    ]


async def _look_up(
    session: Session, request: SearchRequest, filters: Filters, question: _Question | None, found: _Found
) -> None:
    text, length = request.query_description, max(CANDIDATES, 2 * request.limit)
    found.exact = await data.by_sku(session, text, filters)
    if found.mode is not SearchMode.SEMANTIC:
        found.by_keyword = await data.by_keyword(session, text, filters, length)
    # The cosine distance to a zero vector is NaN: such a question has no meaning to the model.
    if question is not None and question.vector.any():
        nearest = await data.by_meaning(session, question.vector, question.active, filters, length)
        found.by_meaning = {key: value for key, value in nearest.items() if value >= question.threshold}


def _words(text: str) -> list[str]:
    """The question's words, each once, as they were written."""
    return list({word.lower(): word for word in reversed(WORD.findall(text))}.values())[::-1]


def _hit(found: _Found, product: UUID, row: dict[str, Any]) -> SearchHit:
    words: list[str] = row.pop("words")
    similarity = found.by_meaning.get(product)
    semantic_rank, keyword_rank = found.meaning_places.get(product), found.keyword_places.get(product)
    reasons = ["this SKU"] if product in found.exact else []
    if words and keyword_rank is not None:
        reasons.append(f"{', '.join(words)} (words #{keyword_rank})")
    if similarity is not None:
        reasons.append(f"{similarity:.2f} alike (meaning #{semantic_rank})")
    return SearchHit(
        **row,
        score=found.score(product),
        similarity=similarity,
        semantic_rank=semantic_rank,
        keyword_rank=keyword_rank,
        why="; ".join(reasons),
    )
