"""What goes into and comes out of `zava seed`."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field, model_validator


class SeedRequest(BaseModel, frozen=True):
    """What to generate. The same seed, day, size and time zone give the same data, byte for byte.

    `until` None means today in the business time zone; `customers` None means the model's default.
    """

    seed: int = Field(default=42, ge=0, le=2**31 - 1, description="Number that all draws start from")
    until: date | None = Field(default=None, description="First day without orders; today or earlier")
    customers: int | None = Field(default=None, ge=100, le=10_000_000, description="Number of customers")
    scale: float | None = Field(default=None, gt=0, le=200, description="Multiplies the default number of customers")
    if_empty: bool = Field(default=False, description="Do nothing when the database holds data")
    reset: bool = Field(default=False, description="Remove what an earlier seed made")

    @model_validator(mode="after")
    def _one_size(self) -> SeedRequest:
        if self.customers is not None and self.scale is not None:
            raise ValueError("give either customers or scale")
        return self


class SeedReport(BaseModel):
    """What the database holds now; `seeded` is False when it held data already and nothing was done."""

    seeded: bool = Field(description="Whether this run generated the data")
    seed: int | None = Field(description="Number that all draws started from; None for other data")
    until: date | None = Field(description="First day without orders")
    customers: int | None = Field(description="Number of customers asked for")
    time_zone: str = Field(description="Business time zone of the database")
    row_counts: dict[str, int] = Field(description="Rows written per table")
    content_hash: str | None = Field(description="SHA-256 of the generated rows")
    seconds: float = Field(description="Time that the run took")


class PlantedEffect(BaseModel):
    """Something that the generator puts into the data, with its numbers, and the query that finds it again."""

    name: str = Field(description="Name of the effect")
    subject: str = Field(default="", description="What it applies to, where the query finds several")
    where: str = Field(description="File and entry of its numbers in sample_data")
    numbers: dict[str, float] = Field(description="What was planted, by what it applies to")
    meaning: str = Field(description="What the numbers are")
    sql: str = Field(description="Query that finds the numbers in the data, as head office")
