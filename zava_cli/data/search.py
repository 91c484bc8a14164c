"""Finds products by SKU, words and meaning, in a manager's session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_cli.data.named_sql import named_sql
from zava_cli.data.session import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_VECTOR = 2_000
"""Dimensions up to which pgvector indexes full vectors; beyond, half precision."""


@dataclass(frozen=True)
class VectorModel:
    """A model with stored vectors; a small catalogue has no index, since comparing all is faster there."""

    model: str
    dimensions: int
    is_indexed: bool


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
    def values(self) -> tuple[Any, ...]:
        """As parameters $2 to $6 of the `by_…` statements."""
        return (self.category, self.min_price, self.max_price, self.in_stock, self.store)


NO_FILTERS = Filters(category=None, min_price=None, max_price=None, in_stock=False, store=None)


@dataclass(frozen=True)
class Reading:
    """A question before the search: words that no product holds, neighbours that the catalogue writes as one word,
    the product with that SKU in any case (two where SKUs differ in case only), and the model that search uses, None
    before anything was embedded.
    """

    unknown: list[str]
    compounds: set[str]
    exact: list[UUID]
    active: ActiveModel | None


@dataclass(frozen=True)
class Match:
    """A product in a list: what it is ordered by, its type, and whether its name holds an unwanted word."""

    score: float
    type_id: UUID
    is_unwanted: bool


@dataclass(frozen=True)
class KnownProduct:
    """A product of the catalogue, with its vector of the active model where it has one."""

    product_id: UUID
    sku: str
    name: str
    model: VectorModel | None
    vector: NDArray[np.float32] | None


async def reading(
    session: Session, question: str, filters: Filters, words: Sequence[str], neighbours: Sequence[str]
) -> Reading:
    """What the database knows of a question, its words and the neighbours in it that may be one word."""
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
    model = VectorModel(row["model"], row["dimensions"], row["is_indexed"]) if vector is not None else None
    return KnownProduct(row["product_id"], row["sku"], row["name"], model, vector)


async def vocabulary(session: Session, longest: int) -> set[str]:
    """The words of product names and types, up to that length."""
    return {row["word"] for row in await session.rows(named_sql("search")["vocabulary"], longest)}


async def by_keyword(
    session: Session,
    terms: Sequence[str],
    unwanted: Sequence[str],
    filters: Filters,
    limit: int,
    *,
    without: UUID | None = None,
) -> dict[UUID, Match]:
    """Products but `without` that hold what was asked for, best first; a term's spellings are joined by bars."""
    arguments = (list(terms), *filters.values, limit, list(unwanted), without)
    return _matches(await session.rows(named_sql("search")["by_keyword"], *arguments))


async def by_operators(session: Session, question: str, filters: Filters, limit: int) -> dict[UUID, Match]:
    """Products that fit a question with quotes, OR or a minus sign, best first."""
    return _matches(await session.rows(named_sql("search")["by_operators"], question, *filters.values, limit))


async def by_meaning(
    session: Session,
    vector: NDArray[np.float32],
    model: VectorModel,
    unwanted: Sequence[str],
    filters: Filters,
    limit: int,
) -> dict[UUID, Match]:
    """Products nearest to `vector` (of the model's dimensions), nearest first, with their cosine similarity."""
    sql = named_sql("search")
    if model.is_indexed:
        await session.rows(sql["scan_further"])
        await session.rows(sql["scan_wider"])
    arguments = (vector, *filters.values, limit, model.model, list(unwanted))
    rows = await session.rows(meaning_statement(model.dimensions), *arguments)
    if model.is_indexed and len(rows) < limit:
        # An index scan gives up after hnsw.max_scan_tuples; under narrow filters that is too early.
        rows = await session.rows(meaning_statement(None), *arguments)
    return _matches(rows)


def _matches(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, Match]:
    return {row["product_id"]: Match(row["score"], row["type_id"], row["is_unwanted"]) for row in rows}


def meaning_statement(dimensions: int | None) -> str:
    """The statement `by_meaning` as the index of a model of that size serves it; None compares every vector.

    A type's size cannot be a parameter; this one is an integer from the database.
    """
    statement = named_sql("search")["by_meaning"]
    if dimensions is None:
        return statement.replace("vector(256)", "vector")
    if dimensions <= LARGEST_VECTOR:
        return statement.replace("vector(256)", f"vector({dimensions})")
    statement = statement.replace("$1::vector(256)", f"$1::vector::halfvec({dimensions})")
    return statement.replace("vector(256)", f"halfvec({dimensions})")


async def details(
    session: Session, products: Sequence[UUID], terms: Sequence[str], filters: Filters
) -> dict[UUID, dict[str, Any]]:
    """What is shown of each product, by key: see the statement `hits`."""
    rows = await session.rows(
        named_sql("search")["hits"], [str(key) for key in products], list(terms), filters.in_stock, filters.store
    )
    return {row.pop("product_id"): row for row in rows}
