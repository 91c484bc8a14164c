"""Finds products for a question in a shopper's words: by SKU, by words, by meaning."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
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
from zava_cli.models.search import ProductFilters, SearchHit, SearchMode, SearchRequest, SearchResult
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search_ranking import Found
from zava_cli.services.search_terms import MOST_SLIPS, Terms, corrected, correction, terms_of, words_to_check
from zava_cli.services.thesaurus import Name, names_in, names_known, words_of, words_of_thesaurus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CANDIDATES = 50
"""Length of each list at least; longer than the answer, so that a product low in both lists can rise."""
FOLLOWERS = 2 / 3
"""Where the nearest product reaches the model's threshold, others count down to this part of it."""
OPERATORS = re.compile(r'(?:^|\s)(?:-\w|"[^"]+"|OR\s)')


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
    found = Found(mode=request.mode)
    question = None
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(provider.reader(caller))
        filters = await filters_of(session, request)
        text, active, names = await _read(session, request.query_description, filters, found)
        terms = terms_of(text, names)
        if request.mode is not SearchMode.KEYWORD:
            meant = " ".join([text, *terms.added])
            if is_slow := not source.is_at_hand(active, meant):
                # No transaction stays open while a provider thinks.
                await stack.aclose()
            question = await _question_or_notice(meant, request, active, source, found)
            if is_slow:
                session = await stack.enter_async_context(provider.reader(caller))
        await _look_up(session, request, terms, filters, question, found)
        order = found.order(request.limit)
        wanted = [] if found.mode is SearchMode.SEMANTIC else terms.wanted
        rows = await data.details(session, order, wanted, filters)
    # A product may have gone meanwhile.
    hits = [hit_of(found, product, rows[product]) for product in order if product in rows]
    current_operation().row_count = len(hits)
    return SearchResult(
        mode=found.mode,
        model=question.active.model if question else None,
        threshold=question.threshold if question else None,
        hits=hits,
        notices=found.notices,
    )


@dataclass(frozen=True)
class _Question:
    """The question's vector, made by the active model, and the lowest similarity of the nearest and of the others."""

    vector: NDArray[np.float32]
    active: ActiveModel
    entry: float
    threshold: float


async def filters_of(session: Session, request: ProductFilters) -> Filters:
    """The filters with keys for names; ValidationError and AuthorizationError as for search_products."""
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


async def _question_or_notice(
    text: str, request: SearchRequest, active: ActiveModel | None, source: EmbedderSource, found: Found
) -> _Question | None:
    """The question by meaning; where a hybrid search must do without it, that is among the notices."""
    try:
        question = await _question(text, request.threshold, active, source)
    except EmbeddingError as error:
        if request.mode is SearchMode.SEMANTIC:
            raise
        found.mode = SearchMode.KEYWORD
        found.notices.append(f"Searched by keyword only: {error.message} {error.hint or ''}".strip())
        return None
    found.notices += _behind(question.active)
    return question


async def _question(
    text: str, threshold: float | None, active: ActiveModel | None, source: EmbedderSource
) -> _Question:
    """The question as the active model sees it; EmbeddingError where that cannot be had."""
    if active is None:
        raise EmbeddingError("No product is embedded yet.", hint="Run `zava embed` once, as the administrator.")
    embedder = source.of(active)
    vector = await source.embed_query(active, text)
    if len(vector) != active.dimensions:
        raise EmbeddingError(
            f"The question got {len(vector)} dimensions from {active.model}; the products have {active.dimensions}.",
            hint="Set embedding_dimensions and run `zava embed`, or use the service that embedded the products.",
        )
    if threshold is not None:
        return _Question(vector, active, threshold, threshold)
    return _Question(vector, active, embedder.threshold, embedder.threshold * FOLLOWERS)


async def _read(
    session: Session, question: str, filters: Filters, found: Found
) -> tuple[str, ActiveModel | None, list[Name]]:
    """The question as the catalogue would spell it, the model for it, and its things that the catalogue names
    otherwise; what was changed is among the notices.
    """
    words, neighbours = words_to_check(question)
    if OPERATORS.search(question) or not words:
        reading = await data.reading(session, question, filters, [], [])
        found.exact = reading.exact
        return question, reading.active, []
    names = names_in(question)
    reading = await data.reading(session, question, filters, words, [*neighbours, *words_of(names)])
    found.exact = reading.exact
    known = reading.compounds
    corrections = await _corrections(session, reading.unknown)
    found.notices += [f"Searched for {meant} instead of {word}." for word, meant in corrections.items()]
    text = corrected(question, corrections, reading.compounds)
    if text != question:
        names = names_in(text)
        known = (await data.reading(session, text, filters, [], words_of(names))).compounds
    return text, reading.active, names_known(names, known)


async def _corrections(session: Session, unknown: list[str]) -> dict[str, str]:
    """What was probably meant by words that no product holds, in the catalogue's words or else the thesaurus's.

    The thesaurus knows more than the shop sells: of its words only those with the same first letter are likely.
    """
    slips = [word for word in unknown if word not in words_of_thesaurus()]
    if not slips:
        return {}
    vocabulary = await data.vocabulary(session, max(map(len, slips)) + MOST_SLIPS)
    meant: dict[str, str] = {}
    for slip in slips:
        alike = [word for word in words_of_thesaurus() if word[0] == slip[0]]
        if right := correction(slip, vocabulary) or correction(slip, alike):
            meant[slip] = right
    return meant


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
    session: Session, request: SearchRequest, terms: Terms, filters: Filters, question: _Question | None, found: Found
) -> None:
    text, length = request.query_description, max(CANDIDATES, 2 * request.limit)
    if found.mode is not SearchMode.SEMANTIC and OPERATORS.search(text):
        found.by_keyword = await data.by_operators(session, text, filters, length)
    elif found.mode is not SearchMode.SEMANTIC:
        found.by_keyword = await data.by_keyword(session, terms.wanted, terms.unwanted, filters, length)
    # The cosine distance to a zero vector is NaN: such a question has no meaning to the model.
    if question is not None and question.vector.any():
        nearest = await data.by_meaning(session, question.vector, question.active, terms.unwanted, filters, length)
        if any(match.score >= question.entry for match in nearest.values()):
            found.by_meaning = {key: match for key, match in nearest.items() if match.score >= question.threshold}


def hit_of(found: Found, product: UUID, row: dict[str, Any]) -> SearchHit:
    """A found product as it is shown, with what spoke for it."""
    words: list[str] = row.pop("words")
    similarity = found.by_meaning[product].score if product in found.by_meaning else None
    semantic_rank, keyword_rank = found.meaning_places.get(product), found.keyword_places.get(product)
    reasons = ["this SKU"] if product in found.exact else []
    if keyword_rank is not None:
        reasons.append(f"{', '.join(words) or 'its type'} (words #{keyword_rank})")
    if similarity is not None:
        reasons.append(f"{similarity:.2f} alike (meaning #{semantic_rank})")
    return SearchHit(
        **row,
        score=found.scores.get(product, 0.0),
        similarity=similarity,
        semantic_rank=semantic_rank,
        keyword_rank=keyword_rank,
        why="; ".join(reasons),
    )
