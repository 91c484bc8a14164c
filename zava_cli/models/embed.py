"""What goes into and comes out of `zava embed`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

BatchSize = Annotated[
    int, Field(ge=1, le=10_000, description="Products per transaction; finished ones survive an interrupt")
]


class EmbedRequest(BaseModel):
    """Which products to embed: new and changed ones, or all of them."""

    model_config = ConfigDict(frozen=True)

    all: bool = Field(default=False, description="Embed every product again, also those that did not change")
    batch: BatchSize = 8_000


class EmbedReport(BaseModel):
    """What one run did."""

    model: str = Field(description="Model that the vectors belong to")
    provider: str = Field(description="local or openai")
    dimensions: int = Field(description="Length of the vectors; 0 when nothing was ever embedded")
    products: int = Field(description="Products in the catalogue")
    embedded: int = Field(description="Products embedded in this run")
    unchanged: int = Field(description="Products whose vector was still right")
    skipped: int = Field(description="Products whose text has no meaning to the model")
    activated: bool = Field(description="Whether search uses this model from now on and did not before")
    indexed: bool = Field(description="Whether this run built the model's index")
    seconds: float = Field(description="How long it took, without the index")
    index_seconds: float = Field(description="How long building the index took")


class ModelStatus(BaseModel):
    """One model's vectors compared with the catalogue as it is now."""

    model: str = Field(description="Model name")
    provider: str = Field(description="local or openai")
    active: bool = Field(description="Whether search uses it")
    dimensions: int = Field(description="Length of its vectors")
    products: int = Field(description="Products in the catalogue")
    embedded: int = Field(description="Products with a vector, right or stale")
    missing: int = Field(description="Products without a vector")
    stale: int = Field(description="Products that changed since they were embedded")
    last_updated: datetime | None = Field(description="When a vector was last written")


class EmbedStatus(BaseModel):
    """Every model that products were embedded with, the active one first."""

    products: int = Field(description="Products in the catalogue")
    models: list[ModelStatus] = Field(description="One entry per model; empty before the first run")
