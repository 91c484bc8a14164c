"""Finds products like one of the catalogue, by the vector that it has already: no model is loaded."""

from __future__ import annotations

from zava_cli.data import search as data
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.retries import retried
from zava_cli.infra.errors import ValidationError
from zava_cli.infra.onnx_models import shown_name
from zava_cli.infra.operations import current_operation
from zava_cli.models.search import SearchMode, SearchResult, SimilarRequest
from zava_cli.services.search import filters_of, hit_of, length_for
from zava_cli.services.search_notices import behind
from zava_cli.services.search_ranking import Found
from zava_cli.services.search_terms import terms_of


async def similar_products(provider: PostgreSQLProvider, caller: Caller, request: SimilarRequest) -> SearchResult:
    """The products most like that of a SKU, without itself: by meaning, by the words of its name and by type.

    A product that is not embedded is compared by name and type, with a notice. Raises ValidationError (unknown SKU
    or category) and AuthorizationError (a store that the caller does not see).
    """

    async def compare() -> SearchResult:
        return await _similar(provider, caller, request)

    return await retried(provider.settings, compare)


async def _similar(provider: PostgreSQLProvider, caller: Caller, request: SimilarRequest) -> SearchResult:
    length = length_for(request.limit)
    async with provider.reader(caller) as session:
        filters = await filters_of(session, request)
        product = await data.product(session, request.sku)
        if product is None:
            raise ValidationError(
                "sku",
                request.sku,
                "there is no such product",
                hint="Search for the product by its name to find its SKU.",
            )
        found = Found(mode=SearchMode.HYBRID, like_type=product.type_id)
        terms = terms_of(product.name).wanted
        found.by_keyword = await data.by_keyword(session, terms, [], filters, length, without=product.product_id)
        if product.vector is not None and product.model is not None:
            found.by_meaning = await data.by_meaning(
                session, product.vector, product.model, [], filters, length, without=product.product_id
            )
            found.notices += behind(product.behind)
        else:
            found.mode = SearchMode.KEYWORD
            found.notices.append(f"Compared by name only: {product.sku} is not embedded. Run `zava embed`.")
        order = found.order(request.limit)
        rows = await data.details(session, order, terms, filters, found.by_keyword)
    current_operation().row_count = len(order)
    return SearchResult(
        mode=found.mode,
        model=shown_name(product.model.model) if product.model else None,
        threshold=None,
        hits=[hit_of(found, key, rows[key]) for key in order],
        notices=found.notices,
    )
