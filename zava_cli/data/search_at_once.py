"""A whole search in one statement: the round trips between its parts would cost as much as the parts themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_cli.data.named_sql import named_sql
from zava_cli.data.search import Match, Reading, VectorModel, reading_of
from zava_cli.data.session import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Seen:
    """What one statement found: the reading of the question, both lists, and the rows of the products in them."""

    reading: Reading
    by_keyword: dict[UUID, Match]
    by_meaning: dict[UUID, Match]
    products: Mapping[UUID, Any]


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

    The caller compares the reading: a question with a slip, or another model that search uses by now, is searched by
    steps instead.
    """
    texts = [list(part) for part in (plain.words, plain.neighbours, plain.terms, plain.unwanted)]
    statement = named_sql("search")["at_once"]
    first, *found = await session.records(statement, plain.question, *texts, plain.vector, plain.model.model, limit)
    reading = reading_of(json.loads(first["reading"]))
    return Seen(reading, _list(found, "keyword"), _list(found, "meaning"), {row["product_id"]: row for row in found})


def _list(found: Sequence[Any], kind: str) -> dict[UUID, Match]:
    place, score = f"{kind}_place", f"{kind}_score"
    there = sorted((row for row in found if row[place] is not None), key=itemgetter(place))
    return {row["product_id"]: Match(row[score], row["type_id"], row["penalty"]) for row in there}
