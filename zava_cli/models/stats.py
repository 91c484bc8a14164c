"""What a server tells of its own performance."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class Performance(BaseModel):
    """How one kind of work went; times in seconds, quantiles exact to 1 %.

    From `avg` to `p99` they are of what was answered, without its waiting for a connection.
    """

    count: int = Field(description="How often it was answered")
    failed: int = Field(description="How often it was refused, failed or cancelled")
    slow: int = Field(description="How often it took longer than the setting slow_query_seconds, or too long")
    rows: int = Field(description="Rows of all answers together")
    avg: float | None = None
    min: float | None = None
    max: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    waited: float | None = Field(default=None, description="For a connection, on average, also where it failed then")
    waited_max: float | None = Field(default=None, description="The longest of those waits")


class OperationPerformance(Performance):
    """One operation of zava."""

    operation: str


class QueryPerformance(Performance):
    """One statement, whatever its values."""

    fingerprint: str
    query: str = Field(description="With ? for each literal")


class PerformanceSummary(BaseModel):
    """What a server with all of its processes has answered since it started; what took most time comes first."""

    since: datetime
    processes: int = 1
    slow_query_seconds: float
    forgotten: int = Field(default=0, description="Statements that gave way to more recent ones")
    operations: list[OperationPerformance]
    queries: list[QueryPerformance]
