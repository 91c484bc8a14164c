"""A shop's own golden queries: what people ask there, and the product that must be found."""

from __future__ import annotations

from collections.abc import Collection

from zava_cli.data.embed_check import CheckStore
from zava_cli.infra.errors import ValidationError
from zava_cli.models.search import MOST_CHARACTERS

FORM = "Each line is a query, a tab and a SKU; an empty file goes back to queries from the catalogue."


async def bring_queries(checks: CheckStore, text: str) -> None:
    """Puts the lines `query<TAB>sku` in place of all golden queries, for every model.

    Raises ValidationError, and changes nothing, for a line of another form, a query that comes twice or that nobody
    could search for, and a SKU that no product has.
    """
    skus: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        query, _, sku = (part.strip() for part in line.partition("\t"))
        if not query and not sku:
            continue
        if wrong := _wrong(query, sku, skus):
            raise ValidationError("queries", line, f"{wrong} in line {number}", hint=FORM)
        skus[query] = sku
    unknown = await checks.replace_golden(skus)
    if unknown:
        raise ValidationError("queries", ", ".join(unknown[:10]), "no product has these SKUs", hint=FORM)


def _wrong(query: str, sku: str, known: Collection[str]) -> str | None:
    if not query or not sku:
        return "there is no query, tab and SKU"
    if query in known:
        return "the query comes twice"
    if len(query) > MOST_CHARACTERS:
        return f"the query is longer than {MOST_CHARACTERS} characters"
    return "there is a NUL character" if "\0" in query + sku else None
