"""Finds products by SKU, words and meaning, in a manager's session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from zava_cli.data.named_sql import named_sql
from zava_cli.data.session import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INDEX_ROWS = 10_000
"""Vectors of one model from which on its index is faster than an exact scan, which finds everything."""
COMPARED = 20_000
"""Products that pass the filters from which on the index is asked; fewer are compared one by one, which misses none."""
HORIZON = 2_000
"""Nearest products among which those that pass the filters are looked for."""
FEW_NEIGHBOURS = 16
"""Of each vector in an index of not very many: see `embed_index.index_shape`."""
KEPT_BY_SCAN = 1_000
"""Those that `scan_wider` keeps; whoever takes more makes the scan look further. Of a million that finds 99 % of the
ten nearest. Of 100,000 and 190,000 fewer find 99.8 and 99.3 % in half the time (`scripts/bench recall`)."""
BEYOND_PRICES = Decimal(10**10)
STOCKED = ("plan_anew", "alone", "by_index")
SCANNING = ("plan_anew", "alone", "scan_further", "scan_wider", "scan_longer", "scan_in_memory")


@dataclass(frozen=True)
class VectorModel:
    """A model with stored vectors, and the neighbours of each in their index.

    A small catalogue has no index, since comparing all is faster there.
    """

    model: str
    dimensions: int
    neighbours: int | None

    @property
    def is_indexed(self) -> bool:
        """Whether there is an index."""
        return self.neighbours is not None


@dataclass(frozen=True)
class ActiveModel(VectorModel):
    """The model whose vectors search uses, and how its provider is asked for it.

    `behind` is how many products changed since they were embedded, up to a thousand.
    """

    provider: str
    provider_model: str
    asked_dimensions: int | None
    query_prefix: str
    document_prefix: str
    behind: int


_MODEL = tuple(field.name for field in fields(ActiveModel))


@dataclass(frozen=True)
class Filters:
    """Which products may be found. `store` narrows stock to one store; None means every store one sees."""

    category: UUID | None
    min_price: Decimal | None
    max_price: Decimal | None
    in_stock: bool
    store: UUID | None

    @property
    def are_any(self) -> bool:
        """Whether some product may not pass."""
        return self.in_stock or any(value is not None for value in (self.category, self.min_price, self.max_price))

    @cached_property
    def values(self) -> tuple[Any, ...]:
        """Category, lowest and highest price, in stock, store: $2 to $6 of `by_…` statements that take all."""
        lowest = None if self.min_price is None else math.ceil(_key(self.min_price))
        highest = None if self.max_price is None else math.floor(_key(self.max_price))
        return (self.category, lowest, highest, self.in_stock, self.store)


def _key(price: Decimal) -> Fraction:
    """As the column price_key has it; beyond the prices that a product may have it stays there."""
    return Fraction(max(-BEYOND_PRICES, min(price, BEYOND_PRICES))) * 10_000


NO_FILTERS = Filters(category=None, min_price=None, max_price=None, in_stock=False, store=None)


@dataclass(frozen=True)
class Reading:
    """A question before the search: words that no product holds, the product with that SKU in any case (two where SKUs
    differ in case only), and the model that search uses, None before anything was embedded.

    `compounds` are the words that the catalogue has of those asked about beside the question's own: neighbours
    written as one, and what a thesaurus calls its things.
    """

    unknown: list[str]
    compounds: set[str]
    exact: list[UUID]
    active: ActiveModel | None


class Match(NamedTuple):
    """A product in a list: how well it fits, its type, and what an unwanted word in its name takes from its score."""

    score: float
    type_id: UUID
    penalty: float

    @property
    def is_unwanted(self) -> bool:
        """Whether its name holds an unwanted word."""
        return self.penalty > 0


@dataclass(frozen=True)
class KnownProduct:
    """A product of the catalogue, with its vector of the active model where it has one.

    `behind` is how many products changed since they were embedded by that, up to a thousand.
    """

    product_id: UUID
    sku: str
    name: str
    type_id: UUID
    behind: int
    model: VectorModel | None
    vector: NDArray[np.float32] | None


async def reading(
    session: Session, question: str, filters: Filters, words: Sequence[str], neighbours: Sequence[str]
) -> Reading:
    """What the database knows of a question, its words, and others that matter only where the catalogue has them."""
    # One statement: each of its parts by itself takes less time than a round trip.
    row = await session.row(named_sql("search")["reading"], question, *filters.values, list(words), list(neighbours))
    return reading_of(row)


def reading_of(row: Mapping[str, Any]) -> Reading:
    """The reading in a row that has the columns of `reading`."""
    exact = [UUID(key) for key in row["exact"]]
    model = ActiveModel(**{name: row[name] for name in _MODEL}) if row["model"] is not None else None
    return Reading(row["unknown"], set(row["compounds"]), exact, model)


async def categories(session: Session) -> dict[str, UUID]:
    """Key of each category by its name."""
    return {row["name"]: row["category_id"] for row in await session.rows(named_sql("search")["categories"])}


async def visible_stores(session: Session, name_or_city: str) -> list[UUID]:
    """The stores of that name or city that the caller sees."""
    return [row["store_id"] for row in await session.rows(named_sql("search")["stores"], name_or_city)]


async def product(session: Session, sku: str) -> KnownProduct | None:
    """The product with that SKU, in any case."""
    rows = await session.rows(named_sql("search")["product"], sku)
    if not rows:
        return None
    row = rows[0]
    vector = row["vector"].to_numpy() if row["vector"] is not None else None
    model = VectorModel(row["model"], row["dimensions"], row["neighbours"]) if vector is not None else None
    own = {name: row[name] for name in ("product_id", "sku", "name", "type_id", "behind")}
    return KnownProduct(**own, model=model, vector=vector)


async def vocabulary(session: Session, longest: int) -> set[str]:
    """The words of product names and types, up to that length."""
    return set((await session.row(named_sql("search")["vocabulary"], longest))["words"] or ())


async def by_keyword(
    session: Session,
    terms: Sequence[str],
    unwanted: Sequence[str],
    filters: Filters,
    limit: int,
    *,
    without: UUID | None = None,
) -> dict[UUID, Match]:
    """Products but `without` and those with an unwanted word in the name that hold what was asked for, best first; a
    term's spellings are joined by bars.
    """
    arguments = (list(terms), *filters.values, limit, list(unwanted), without)
    return matches_in(await session.records(named_sql("search")["by_keyword"], *arguments))


async def by_operators(session: Session, question: str, filters: Filters, limit: int) -> dict[UUID, Match]:
    """Products that fit a question with quotes, OR or a minus sign, best first."""
    return matches_in(await session.records(named_sql("search")["by_operators"], question, *filters.values, limit))


async def by_meaning(
    session: Session,
    vector: NDArray[np.float32],
    model: VectorModel,
    unwanted: Sequence[str],
    filters: Filters,
    limit: int,
    *,
    without: UUID | None = None,
) -> dict[UUID, Match]:
    """Products but `without` nearest to `vector` (of the model's dimensions), nearest first, by cosine similarity.

    Few products are compared one by one. Among many, the model's index gives the nearest of all, and where fewer than
    `limit` of those pass the filters, all that pass are compared: never less is found than there is. An unwanted
    word in the name counts against a product: it puts it behind others that are about as near.
    """
    wanted = (limit, model.model, list(unwanted), without)
    if not model.is_indexed:
        return matches_in(await _compared(session, vector, filters, wanted, None) or [])
    rows = await _compared(session, vector, filters, wanted, COMPARED) if filters.are_any else None
    if rows is None:
        # What an unwanted word puts behind makes room for others.
        wide = max(HORIZON if unwanted else 0, horizon(model, filters, limit))
        statement = nearest_statement(model.dimensions)
        rows = await session.records_with(scan_settings(), statement, vector, *filters.values, *wanted, wide)
        if len(rows) < limit:
            rows = await _compared(session, vector, filters, wanted, None) or []
    return matches_in(rows)


async def _compared(
    session: Session, vector: NDArray[np.float32], filters: Filters, wanted: Sequence[Any], most: int | None
) -> Sequence[Any] | None:
    """The nearest of all that pass the filters; None where those are `most` or more."""
    sql = named_sql("search")
    *of_product, in_stock, store = filters.values
    rows: Sequence[Any]
    if in_stock and of_product == [None] * 3:
        rows = await session.records(sql["by_comparing_stock"], vector, store, *wanted, most)
    elif in_stock:
        settings, statement = [sql[name] for name in STOCKED], sql["by_comparing_filtered_stock"]
        rows = await session.records_with(settings, statement, vector, *of_product, store, *wanted, most)
    else:
        rows = await session.records(sql["by_comparing"], vector, *of_product, *wanted, most)
    return None if rows and rows[0]["product_id"] is None else rows


def matches_in(rows: Iterable[Any]) -> dict[UUID, Match]:
    """The products in rows of a `by_…` statement, in their order: key, score, type and penalty."""
    return {row[0]: Match._make(row[1:]) for row in rows}


def horizon(model: VectorModel, filters: Filters, limit: int) -> int:
    """How many of the nearest to take from the index for `limit` rows: one may be left out, some change places."""
    if filters.are_any:
        return max(HORIZON, 2 * limit)
    is_large = model.neighbours is not None and model.neighbours > FEW_NEIGHBOURS
    return 2 * limit + 1 + (KEPT_BY_SCAN if is_large else 0)


def scan_settings() -> list[str]:
    """The statements before one that is to use a model's index."""
    return [named_sql("search")[name] for name in SCANNING]


def nearest_statement(dimensions: int) -> str:
    """The statement `by_meaning` as the index of a model of that size serves it.

    A type's size cannot be a parameter; this one is an integer from the database.
    """
    return named_sql("search")["by_meaning"].replace("halfvec(256)", f"halfvec({dimensions})")


async def details(
    session: Session, products: Sequence[UUID], terms: Sequence[str], filters: Filters, by_words: Iterable[UUID]
) -> dict[UUID, dict[str, Any]]:
    """What is shown of each product, by key, with the words of those in the list `by_words`: see `hits`."""
    shown, with_words = ([str(key) for key in keys] for keys in (products, by_words))
    sql = named_sql("search")["hits"]
    rows = await session.rows(sql, shown, list(terms), filters.in_stock, filters.store, with_words)
    return {row.pop("product_id"): row for row in rows}
