"""`zava similar`."""

from __future__ import annotations

from typing import Annotated

import typer

from zava_cli.commands import runtime
from zava_cli.commands.options import FormatOption, JsonOption, named_format
from zava_cli.commands.output.formats import Format
from zava_cli.commands.search import exact, show_hits


def similar(
    sku: Annotated[str, typer.Argument(help="SKU of the product whose like is wanted.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Most products.")] = 10,
    category: Annotated[str | None, typer.Option("--category", "-c", help="Only this category.")] = None,
    min_price: Annotated[float | None, typer.Option("--min-price", min=0, help="Lowest price.")] = None,
    max_price: Annotated[float | None, typer.Option("--max-price", min=0, help="Highest price.")] = None,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what a store of yours has.")] = False,
    store: Annotated[str | None, typer.Option("--store", help="Only what this store has: its name or city.")] = None,
    format: FormatOption = None,
    json: JsonOption = False,
) -> None:
    """Find products like one that you know; shows why each was found.

    Example: zava similar HTHM001600 --in-stock --as seattle
    """
    from zava_cli.models.search import SimilarRequest
    from zava_cli.services.similar import similar_products

    asked = named_format(format, {Format.JSON: json})
    request = SimilarRequest(
        sku=sku, limit=limit, category=category, min_price=exact(min_price), max_price=exact(max_price),
        in_stock=in_stock, store=store,
    )  # fmt: skip
    found = runtime.manager(lambda provider, caller: similar_products(provider, caller, request))
    show_hits(found, asked, with_units=request.asks_for_stock)
