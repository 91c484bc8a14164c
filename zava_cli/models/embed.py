"""What goes into and comes out of `zava embed`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

BatchSize = Annotated[
    int, Field(ge=1, le=10_000, description="Products per transaction; finished ones survive an interrupt")
]


class EmbedRequest(BaseModel, frozen=True):
    """Which products to embed: new and changed ones, or all of them."""

    all: bool = Field(default=False, description="Embed every product again, also those that did not change")
    batch: BatchSize = 8_000


class Refusal(BaseModel):
    """A product whose text the provider did not take."""

    sku: str = Field(description="Its SKU")
    name: str = Field(description="Its name")
    reason: str = Field(description="What the provider did")


class Refusals(BaseModel):
    """What a run could not embed."""

    put_off: int = Field(default=0, description="Products whose text was refused; they wait in the queue")
    given_up: int = Field(default=0, description="Products among them that have no try left and wait no more")
    refused: list[Refusal] = Field(default_factory=list[Refusal], description="The first 20 of them")


class EmbedReport(Refusals):
    """What one run did."""

    model: str = Field(description="Model that the vectors belong to")
    provider: str = Field(description="local, onnx or openai")
    dimensions: int = Field(description="Length of the vectors; 0 when nothing was ever embedded")
    products: int = Field(description="Products in the catalogue")
    embedded: int = Field(description="Products embedded in this run")
    unchanged: int = Field(description="Products whose vector was still right")
    skipped: int = Field(description="Products whose text has no meaning to the model")
    activated: bool = Field(description="Whether search uses this model from now on and did not before")
    indexed: bool = Field(description="Whether this run built the model's index")
    index_memory: int = Field(description="Bytes of memory that building the index was given; 0 without one")
    seconds: float = Field(description="How long it took, without the index")
    index_seconds: float = Field(description="How long building the index took")


class DrainReport(Refusals):
    """What one worker took out of the queue."""

    model: str = Field(description="Model that the vectors belong to")
    embedded: int = Field(default=0, description="Products embedded")
    skipped: int = Field(default=0, description="Products whose text has no meaning to the model")


class EmbedEstimate(BaseModel):
    """What a run would take; nobody was called."""

    model: str = Field(description="Model that the vectors would belong to")
    provider: str = Field(description="local, onnx or openai")
    products: int = Field(description="Products to embed")
    characters: int = Field(description="Characters of their texts")
    tokens: int = Field(description="Tokens, estimated by length")
    least_tokens: int = Field(description="The fewest that texts of this length in English were seen to have")
    most_tokens: int = Field(description="The most of them")
    cost: float | None = Field(description="Tokens by the setting embedding_price; none without it")
    most_cost: float | None = Field(description="The same for the most tokens")


class IndexState(StrEnum):
    """Whether a model's index serves search."""

    READY = "ready"
    BUILDING = "building"
    INVALID = "invalid"
    MISSING = "missing"
    NOT_NEEDED = "not needed"


class ModelStatus(BaseModel):
    """One model's vectors compared with the catalogue as it is now."""

    model: str = Field(description="Model name")
    provider: str = Field(description="local, onnx or openai")
    active: bool = Field(description="Whether search uses it")
    dimensions: int = Field(description="Length of its vectors")
    products: int = Field(description="Products in the catalogue")
    embedded: int = Field(description="Products with a vector, right or stale")
    missing: int = Field(description="Products without a vector")
    stale: int = Field(description="Products that changed since they were embedded")
    waiting: int = Field(description="Products in the queue, missing or stale")
    failed: int = Field(description="Products that were given up after too many tries")
    index: IndexState = Field(description="Its index for search; below 10,000 vectors none is needed")
    index_bytes: int = Field(description="Size of the index")
    index_progress: float | None = Field(description="Share of the vectors that an index under construction holds")
    oldest: datetime | None = Field(description="Since when the oldest product in the queue has not been right")
    failure: str | None = Field(description="Why the latest failed try failed")
    last_updated: datetime | None = Field(description="When a vector was last written")


class EmbedStatus(BaseModel):
    """Every model that products were embedded with, the active one first."""

    products: int = Field(description="Products in the catalogue")
    models: list[ModelStatus] = Field(description="One entry per model; empty before the first run")
