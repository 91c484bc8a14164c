"""Lets a cross-encoder put the best products of a search into order, where the settings name one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from zava_cli.infra.errors import EmbeddingError
from zava_cli.infra.reranker import Reranker
from zava_cli.models.search import SearchMode, SearchRequest
from zava_cli.services.search_ranking import Found

DEPTH = 50
"""How many products it reads at least: its time grows with them, and what fits is rarely further down."""


def widened(request: SearchRequest, reranker: Reranker | None) -> SearchRequest:
    """The request for as many products as the re-ranker is to read, where there is one. It reads no search by words:
    whoever asks for that wants no model.
    """
    if reranker is None or request.mode is SearchMode.KEYWORD:
        return request
    return request.model_copy(update={"limit": max(DEPTH, request.limit)})


async def reranked(
    order: list[UUID],
    rows: Mapping[UUID, Mapping[str, Any]],
    request: SearchRequest,
    reranker: Reranker | None,
    found: Found,
) -> list[UUID]:
    """The products by their relevance, which is noted in `found`; as they were, with a notice, where it cannot be had.

    The SKU that was asked for stays first, and what is unwanted stays last.
    """
    products = [product for product in order if product in rows]
    if reranker is None or request.mode is SearchMode.KEYWORD or len(products) < 2:
        return order
    try:
        scores = await reranker.scores(request.query_description, [_text(rows[product]) for product in products])
    except EmbeddingError as error:
        found.notices.append(f"Not re-ranked: {error.message} {error.hint or ''}".strip())
        return order
    found.relevance = dict(zip(products, scores, strict=True))
    return found.order(len(products))


def _text(row: Mapping[str, Any]) -> str:
    return f"{row['name']}. {row['product_type']}. {row['description']}"
