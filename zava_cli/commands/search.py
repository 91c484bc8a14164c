"""`zava search`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.options import FormatOption, JsonOption, named_format
from zava_cli.commands.output.console import print_rows
from zava_cli.commands.output.formats import Format, default_format

if TYPE_CHECKING:
    from zava_cli.data.callers import Caller
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.models.search import SearchHit, SearchResult

Mode = Literal["hybrid", "semantic", "keyword"]
SHORT = {
    "rank": "int4",
    "sku": "text",
    "name": "text",
    "category": "text",
    "price": "numeric",
    "score": "float8",
    "why": "text",
}
FULL = {
    "rank": "int4", "sku": "text", "name": "text", "category": "text", "product_type": "text", "price": "numeric",
    "description": "text", "score": "float8", "similarity": "float8", "semantic_rank": "int4", "keyword_rank": "int4",
    "why": "text",
}  # fmt: skip
UNITS = {"units": "int8"}


def search(
    query_description: Annotated[str, typer.Argument(help="What is wanted, in a shopper's words, or a SKU.")],
    mode: Annotated[Mode, typer.Option("--mode", "-m", help="By meaning, by words, or both.")] = "hybrid",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Most products.")] = 20,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=-1, max=1, help="Lowest similarity by meaning.", show_default="the model's"),
    ] = None,
    category: Annotated[str | None, typer.Option("--category", "-c", help="Only this category.")] = None,
    min_price: Annotated[float | None, typer.Option("--min-price", min=0, help="Lowest price.")] = None,
    max_price: Annotated[float | None, typer.Option("--max-price", min=0, help="Highest price.")] = None,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what a store of yours has.")] = False,
    store: Annotated[str | None, typer.Option("--store", help="Only what this store has: its name or city.")] = None,
    format: FormatOption = None,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Find products by what they are for; shows why each was found.

    Example: zava search "waterproof box for an outdoor outlet" --in-stock --as seattle
    """
    from zava_cli.models.search import SearchMode, SearchRequest

    asked = named_format(format, {Format.JSON: json})
    request = SearchRequest(
        query_description=query_description, mode=SearchMode(mode), limit=limit, threshold=threshold, category=category,
        min_price=exact(min_price), max_price=exact(max_price), in_stock=in_stock, store=store,
    )  # fmt: skip

    async def work(provider: PostgreSQLProvider, caller: Caller) -> SearchResult:
        from zava_cli.services.embedding import EmbedderSource
        from zava_cli.services.search import search_products

        # A process that is new each time cannot know that the provider is down.
        is_hurried = request.mode is SearchMode.HYBRID
        async with EmbedderSource(runtime.settings(), is_hurried=is_hurried) as source:
            return await search_products(provider, caller, request, source)

    show_hits(runtime.manager(work), asked, with_units=request.asks_for_stock)


def show_hits(result: SearchResult, asked: Format | None, *, with_units: bool) -> None:
    """Prints the products and, beside them, what the reader should know."""
    chosen = asked or default_format()
    columns = SHORT if chosen in (Format.TABLE, Format.MARKDOWN) else FULL
    if with_units:
        columns = columns | UNITS
    rows = [tuple(_text(rank, hit, name) for name in columns) for rank, hit in enumerate(result.hits, 1)]
    notes = print_rows(columns, rows, chosen)
    for text in [*result.notices, *(notes if result.hits else ["No product was found."])]:
        diagnostics.note(text)


def exact(price: float | None) -> Decimal | None:
    """The price as it was written."""
    return None if price is None else Decimal(str(price))


def _text(rank: int, hit: SearchHit, name: str) -> str | None:
    if name == "rank":
        return str(rank)
    value = getattr(hit, name)
    if isinstance(value, float):
        return f"{value:.4f}"
    return None if value is None else str(value)
