"""A whole search in one statement: the round trips between its parts would cost as much as the parts themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_cli.data.named_sql import named_sql
from zava_cli.data.search import Match, Reading, VectorModel, reading_of
from zava_cli.data.session import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLACEHOLDER = re.compile(r"\$(\d+)")
_UNFILTERED = ("NULL", "NULL", "NULL", "false", "NULL")
"""`Filters.values` of a search without any, as constants: the planner leaves out what they decide."""
_SHOWN = ("sku", "name", "category", "product_type", "price", "description", "words", "units")


@dataclass(frozen=True)
class Seen:
    """What one statement found: the reading of the question, both lists, and the rows of the products in them."""

    reading: Reading
    by_keyword: dict[UUID, Match]
    by_meaning: dict[UUID, Match]
    products: Mapping[UUID, Any]

    def details(self, products: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """What is shown of those of these products that were found, as from `search.details`."""
        there = (product for product in products if product in self.products)
        return {product: {name: self.products[product][name] for name in _SHOWN} for product in there}


@dataclass(frozen=True)
class PlainQuestion:
    """A question without filters: words and neighbours as for `reading`, terms as for `by_keyword`, and its vector."""

    question: str
    words: Sequence[str]
    neighbours: Sequence[str]
    terms: Sequence[str]
    unwanted: Sequence[str]
    vector: NDArray[np.float32]
    model: VectorModel


async def at_once(session: Session, plain: PlainQuestion, limit: int) -> Seen:
    """Both lists of an unfiltered search, by a model whose vectors have no index.

    The caller compares the reading: a question with a slip, or another model that search uses by now, takes another
    search.
    """
    texts = [list(part) for part in (plain.words, plain.neighbours, plain.terms, plain.unwanted)]
    rows = await session.records(_statement(), plain.question, *texts, limit, plain.vector, plain.model.model)
    products = {row["product_id"]: row for row in rows if row["product_id"] is not None}
    reading = reading_of(json.loads(rows[0]["reading"]))
    return Seen(reading, _list(products, "keyword"), _list(products, "meaning"), products)


def _list(products: Mapping[UUID, Any], kind: str) -> dict[UUID, Match]:
    place, score, penalty = f"{kind}_place", f"{kind}_score", f"{kind}_penalty"
    found = sorted((row[place], product) for product, row in products.items() if row[place] is not None)
    rows = ((product, products[product]) for _, product in found)
    return {product: Match(row[score], row["type_id"], row[penalty]) for product, row in rows}


@cache
def _statement() -> str:
    """The statements of search by steps as the parts of one; the parameters are the arguments of `at_once`."""
    sql = named_sql("search")
    question, words, neighbours, terms, unwanted, limit, vector, model = (f"${number}" for number in range(1, 9))
    reading = _part(sql["reading"], question, *_UNFILTERED, words, neighbours)
    keyword = _part(sql["by_keyword"], terms, *_UNFILTERED, limit, unwanted, "NULL")
    meaning = _part(sql["nearest"], vector, limit, model, unwanted)
    all_found, by_words = "ARRAY(SELECT product_id::text FROM found)", "ARRAY(SELECT product_id::text FROM keyword)"
    shown = _part(sql["hits"], all_found, terms, "false", "NULL", by_words)
    # Only our own statements are put in.
    return (
        f"WITH reading AS MATERIALIZED (SELECT row_to_json(part)::text AS reading, exact FROM {reading}),"  # noqa: S608
        f"keyword AS MATERIALIZED (SELECT row_number() OVER () AS place, part.* FROM {keyword}),"
        f"meaning AS MATERIALIZED (SELECT row_number() OVER () AS place, part.* FROM {meaning}),"
        "found AS (SELECT product_id FROM keyword UNION ALL SELECT product_id FROM meaning"
        " UNION ALL SELECT unnest(exact)::uuid FROM reading) "
        "SELECT reading.reading, part.*, k.place AS keyword_place, k.score AS keyword_score,"
        " k.penalty AS keyword_penalty, m.place AS meaning_place, m.score AS meaning_score,"
        f" m.penalty AS meaning_penalty FROM reading LEFT JOIN ({shown}"
        " LEFT JOIN keyword k USING (product_id) LEFT JOIN meaning m USING (product_id)) ON true"
    )


def _part(statement: str, *values: str) -> str:
    """The statement for a FROM, its parameters replaced by those of the whole or by other expressions."""
    return "(\n" + _PLACEHOLDER.sub(lambda number: values[int(number[1]) - 1], statement) + "\n) AS part"
