"""Finds products for a question in a shopper's words: by SKU, by words, by meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from zava_cli.data import search as data
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.retries import retried
from zava_cli.data.search import ActiveModel, Filters
from zava_cli.data.session import Session
from zava_cli.infra.errors import EmbeddingError, ValidationError
from zava_cli.infra.onnx_models import shown_name
from zava_cli.infra.operations import current_operation
from zava_cli.models.search import ProductFilters, SearchHit, SearchMode, SearchRequest, SearchResult
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search_at_once import guessed, likely_question
from zava_cli.services.search_meaning import Question, question_by
from zava_cli.services.search_memory import SearchMemory
from zava_cli.services.search_notices import behind, nothing_called
from zava_cli.services.search_ranking import Found
from zava_cli.services.search_reading import OPERATORS, Asked, Written, read
from zava_cli.services.search_reasons import words_shown
from zava_cli.services.search_reranking import reranked, widened
from zava_cli.services.search_terms import Terms
from zava_cli.services.thesaurus import thesaurus_of
from zava_cli.services.unseen_store import unseen_store

CANDIDATES = 40
"""Length of each list at least; longer than the answer, so that a product low in both lists can rise."""


async def search_products(
    provider: PostgreSQLProvider, caller: Caller, request: SearchRequest, source: EmbedderSource,
    memory: SearchMemory | None = None,
) -> SearchResult:  # fmt: skip
    """The products that fit best; a product with exactly the SKU that was asked for comes first.

    With the `memory` that a server keeps from one search to the next, the answer is the same and mostly sooner.
    A hybrid search goes on by keyword, with a notice, when there are no usable embeddings. Raises
    EmbeddingError (semantic search in that case), ValidationError (unknown category) and
    AuthorizationError (a store that the caller does not see).
    """

    memory = memory or SearchMemory.of(provider.settings)

    async def search() -> SearchResult:
        return await _search(provider, caller, request, source, memory)

    return await retried(provider.settings, search)


async def _search(
    provider: PostgreSQLProvider, caller: Caller, request: SearchRequest, source: EmbedderSource, memory: SearchMemory
) -> SearchResult:
    limit, request = request.limit, widened(request, memory.reranker)
    found = Found(mode=request.mode)
    written = Written(request.query_description, thesaurus_of(provider.settings.thesaurus))
    likely = await likely_question(written, request, source, memory)
    async with provider.reader(caller, alone=likely is not None) as session:
        guess = await guessed(session, likely, written, length_for(request.limit)) if likely else None
        filters = await filters_of(session, request)
        reading = guess.seen.reading if guess else None
        asked, active = await read(session, written, filters, found, reading, memory)
        if guess and guess.holds(asked, active):
            question = guess.question
            found.by_keyword, found.by_meaning = guess.seen.by_keyword, question.near_enough(guess.seen.by_meaning)
            order = found.order(request.limit)
            rows = guess.seen.products
        else:
            question = None
            if request.mode is not SearchMode.KEYWORD:
                if not source.is_at_hand(active, asked.meaning):
                    # No transaction stays open while a provider thinks.
                    session.pause()
                question = await _question_or_notice(asked, request, active, source, found)
            order, rows = await _look_up(session, request, asked.terms, filters, question, found)
    if question and active:
        found.notices += behind(active.behind)
    order = (await reranked(order, rows, request, memory.reranker, found))[:limit]
    # A product may have gone meanwhile.
    hits = [hit_of(found, product, rows[product]) for product in order if product in rows]
    if question and not found.exact:
        found.notices += nothing_called(question.asked, hits)
    current_operation().row_count = len(hits)
    return SearchResult(
        mode=found.mode,
        model=shown_name(question.active.model) if question else None,
        threshold=question.threshold if question else None,
        hits=hits,
        notices=found.notices,
    )


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
            raise await unseen_store(session)
        store = stores[0]
    return Filters(
        category=category,
        min_price=request.min_price,
        max_price=request.max_price,
        in_stock=request.asks_for_stock,
        store=store,
    )


async def _question_or_notice(
    asked: Asked, request: SearchRequest, active: ActiveModel | None, source: EmbedderSource, found: Found
) -> Question | None:
    """The question by meaning; where a hybrid search must do without it, that is among the notices."""
    try:
        return await question_by(active, asked, request.threshold, source)
    except EmbeddingError as error:
        if request.mode is SearchMode.SEMANTIC:
            raise
        found.mode = SearchMode.KEYWORD
        found.notices.append(f"Searched by keyword only: {error.message} {error.hint or ''}".strip())
        return None


def length_for(limit: int) -> int:
    """Length of each list for an answer of `limit` products."""
    return max(CANDIDATES, 2 * limit)


async def _look_up(
    session: Session, request: SearchRequest, terms: Terms, filters: Filters, question: Question | None, found: Found
) -> tuple[list[UUID], Mapping[UUID, Mapping[str, Any]]]:
    """The order of what is found, statement by statement, and what is shown of each product."""
    text, length = request.query_description, length_for(request.limit)
    if found.mode is not SearchMode.SEMANTIC and OPERATORS.search(text):
        found.by_keyword = await data.by_operators(session, text, filters, length)
    elif found.mode is not SearchMode.SEMANTIC:
        found.by_keyword = await data.by_keyword(session, terms.wanted, terms.unwanted, filters, length)
    if question is not None and question.has_meaning():
        nearest = await data.by_meaning(session, question.vector, question.active, terms.unwanted, filters, length)
        found.by_meaning = question.near_enough(nearest)
    if OPERATORS.search(text):
        # A minus sign excludes; "not" and "without" only count against a product.
        found.by_meaning = {key: match for key, match in found.by_meaning.items() if not match.is_unwanted}
    order = found.order(request.limit)
    return order, await data.details(session, order, terms.wanted, filters, found.by_keyword)


def hit_of(found: Found, product: UUID, row: Mapping[str, Any]) -> SearchHit:
    """A found product as it is shown, with what spoke for it."""
    match = found.by_meaning.get(product)
    similarity = match.score if match else None
    semantic_rank, keyword_rank = found.meaning_places.get(product), found.keyword_places.get(product)
    reasons = ["this SKU"] if product in found.exact else []
    if keyword_rank is not None:
        words = words_shown(row["words"], f"{row['name']} {row['description']}")
        reasons.append(f"{', '.join(words) or 'its type'} (words #{keyword_rank})")
    if similarity is not None:
        reasons.append(f"{similarity:.2f} alike (meaning #{semantic_rank})")
    relevance = found.relevance.get(product)
    if relevance is not None:
        reasons.append(f"{relevance:.2f} by the re-ranker")
    return SearchHit(
        sku=row["sku"],
        name=row["name"],
        category=row["category"],
        product_type=row["product_type"],
        price=row["price"],
        description=row["description"],
        units=row.get("units"),
        score=found.scores.get(product, 0.0) if relevance is None else relevance,
        similarity=similarity,
        semantic_rank=semantic_rank,
        keyword_rank=keyword_rank,
        why="; ".join(reasons),
    )
