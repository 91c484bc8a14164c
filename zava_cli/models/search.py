"""What goes into and comes out of `zava search` and the tool for product search."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

MOST_CHARACTERS = 1_000
"""Of a question."""
SearchText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_CHARACTERS),
    Field(description="What is wanted, in a shopper's words, or a SKU"),
]
Sku = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="SKU of the product whose like is wanted"),
]
HitLimit = Annotated[int, Field(ge=1, le=100, description="Most products to return")]
Similarity = Annotated[
    float, Field(ge=-1, le=1, description="Lowest cosine similarity of a hit by meaning; scores differ between models")
]
Price = Annotated[Decimal, Field(ge=0, description="List price")]
LowestPrice = Annotated[Price, Field(description="Lowest list price")]
HighestPrice = Annotated[Price, Field(description="Highest list price")]
Category = Annotated[str, Field(max_length=200, description="Only this category, for example POWER TOOLS")]
InStock = Annotated[bool, Field(description="Only products on hand in a store that you can see")]
StoreStock = Annotated[str, Field(max_length=200, description="Only products on hand in this store: its name or city")]


class SearchMode(StrEnum):
    """By meaning, by words, or by both: similarity, the share of the words and the product's type in one score."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    KEYWORD = "keyword"


class ProductFilters(BaseModel):
    """Which products may be found. `store` alone implies `in_stock`."""

    model_config = ConfigDict(frozen=True)

    category: Category | None = None
    min_price: LowestPrice | None = None
    max_price: HighestPrice | None = None
    in_stock: InStock = False
    store: StoreStock | None = None

    @model_validator(mode="after")
    def _prices_in_order(self) -> Self:
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise ValueError("min_price is above max_price")
        return self

    @property
    def asks_for_stock(self) -> bool:
        """Whether units on hand matter to the answer."""
        return self.in_stock or self.store is not None

    @property
    def has_filters(self) -> bool:
        """Whether some product may not pass."""
        return self.asks_for_stock or any(
            value is not None for value in (self.category, self.min_price, self.max_price)
        )


class SearchRequest(ProductFilters):
    """A question to the catalogue with its filters."""

    query_description: SearchText
    mode: SearchMode = Field(default=SearchMode.HYBRID, description="hybrid, semantic or keyword")
    limit: HitLimit = 20
    threshold: Similarity | None = Field(
        default=None, description="Lowest cosine similarity of a hit by meaning; the model's own when left out"
    )


class SimilarRequest(ProductFilters):
    """A product whose like is looked for, with filters for what is found."""

    sku: Sku
    limit: HitLimit = 10


class SearchHit(BaseModel):
    """One product that fits, and why."""

    sku: str = Field(description="Stock keeping unit")
    name: str = Field(description="Product name")
    category: str = Field(description="Category")
    product_type: str = Field(description="Product type within the category")
    price: Decimal = Field(description="List price per unit")
    description: str = Field(description="What a shopper reads")
    score: float = Field(description="What the hits are ordered by; compare within one answer only")
    similarity: float | None = Field(default=None, description="Cosine similarity to the question, if found by meaning")
    semantic_rank: int | None = Field(default=None, description="Place in the list by meaning, from 1")
    keyword_rank: int | None = Field(default=None, description="Place in the list by words, from 1")
    why: str = Field(description="What spoke for it, in short")
    units: int | None = Field(
        default=None, description="Units on hand, if asked for: in the store, or in all you can see"
    )


class SearchResult(BaseModel):
    """Hits, best first. `mode` is what was really done; `notices` say why it differs from what was asked."""

    mode: SearchMode = Field(description="How the catalogue was searched")
    model: str | None = Field(description="Embedding model that was used; none for keyword search")
    threshold: float | None = Field(description="Similarity below which a product was no hit by meaning")
    hits: list[SearchHit] = Field(description="Products, best first")
    notices: list[str] = Field(default_factory=list[str], description="What the reader should know about this answer")
