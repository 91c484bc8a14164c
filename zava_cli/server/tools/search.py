"""The tools that find products."""

from __future__ import annotations

from fastmcp.dependencies import Depends

from zava_cli.data.callers import Caller
from zava_cli.models.cache import MaxAge
from zava_cli.models.scopes import Scope
from zava_cli.models.search import (
    Category,
    HighestPrice,
    HitLimit,
    InStock,
    LowestPrice,
    SearchRequest,
    SearchResult,
    SearchText,
    Similarity,
    SimilarRequest,
    Sku,
    StoreStock,
)
from zava_cli.server.answers import answered
from zava_cli.server.results import fraction, table_result
from zava_cli.server.scopes import opened_by
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.tools.offering import READS, offered

COLUMNS = ["sku", "name", "category", "price", "description", "similarity", "why"]


@offered(READS, opened_by(Scope.SEARCH))
async def search_products(
    query_description: SearchText,
    max_rows: HitLimit = 20,
    similarity_threshold: Similarity | None = None,
    category: Category | None = None,
    min_price: LowestPrice | None = None,
    max_price: HighestPrice | None = None,
    in_stock: InStock = False,
    store: StoreStock | None = None,
    max_age_seconds: MaxAge | None = None,
    state: ServerState = Depends(current_state),  # noqa: B008
) -> str:
    """Find products by meaning and words, best first, each with why it fits. Use the sku to query their sales."""
    from zava_cli.services import search

    request = SearchRequest(
        query_description=query_description, limit=max_rows, threshold=similarity_threshold, category=category,
        min_price=min_price, max_price=max_price, in_stock=in_stock, store=store,
    )  # fmt: skip

    async def make(caller: Caller) -> tuple[str, bool]:
        found = await search.search_products(state.provider, caller, request, state.embedder, state.searches)
        # A notice says what was amiss, which may be well again at the next call.
        return _table(found), not found.notices

    return await answered(state, request, make, max_age_seconds)


@offered(READS, opened_by(Scope.SEARCH))
async def find_similar_products(
    sku: Sku,
    max_rows: HitLimit = 10,
    category: Category | None = None,
    min_price: LowestPrice | None = None,
    max_price: HighestPrice | None = None,
    in_stock: InStock = False,
    store: StoreStock | None = None,
    max_age_seconds: MaxAge | None = None,
    state: ServerState = Depends(current_state),  # noqa: B008
) -> str:
    """Find products like one whose sku you know, best first, such as a replacement that is in stock."""
    from zava_cli.services import similar

    request = SimilarRequest(
        sku=sku, limit=max_rows, category=category, min_price=min_price, max_price=max_price, in_stock=in_stock,
        store=store,
    )  # fmt: skip

    async def make(caller: Caller) -> tuple[str, bool]:
        found = await similar.similar_products(state.provider, caller, request)
        return _table(found), not found.notices

    return await answered(state, request, make, max_age_seconds)


def _table(found: SearchResult) -> str:
    rows = [
        [hit.sku, hit.name, hit.category, fraction(str(hit.price)), hit.description,
         hit.similarity and round(hit.similarity, 3), hit.why]
        for hit in found.hits
    ]  # fmt: skip
    return table_result(COLUMNS, rows, False, found.notices)
