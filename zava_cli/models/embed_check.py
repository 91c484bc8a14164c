"""What comes out of `zava embed check` and `zava embed switch`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class CheckReport(BaseModel):
    """A model's answers to the golden queries, and what is wrong with them."""

    model: str = Field(description="The model")
    queries: int = Field(description="Golden queries that it was asked")
    recall: float = Field(description="Share of the truly nearest ten that search finds by the index")
    hits: float = Field(description="Share of the queries with a good answer among the first five")
    agreement: float | None = Field(description="Share of the last check's first tens that it finds again")
    outdated: int = Field(description="Vectors of a sample that are of another text than today's and not queued")
    missing: int = Field(description="Products without a vector")
    waiting: int = Field(description="Products in the queue, those that were given up too")
    last_checked: datetime | None = Field(description="When it was last found well")
    problems: list[str] = Field(description="What speaks against the model; empty when nothing does")


class SwitchReport(BaseModel):
    """A change of the model that search uses."""

    model: str = Field(description="Model that search uses now")
    before: str | None = Field(description="Model that it used before")
    switched: bool = Field(description="False when it used that model already")
    check: CheckReport = Field(description="What the model was checked for")
