"""What goes into `zava audit`, and the columns that come out."""

from __future__ import annotations

from pydantic import BaseModel, Field

from zava_cli.infra.operations import Outcome, Way
from zava_cli.models.query import Column

COLUMNS = [
    Column("occurred_at", "timestamptz"), Column("request_id", "text"), Column("way", "text"),
    Column("operation", "text"), Column("who", "text"), Column("manager", "text"), Column("role", "text"),
    Column("outcome", "text"), Column("row_count", "int8"), Column("seconds", "float8"), Column("error_code", "text"),
    Column("refused", "text"), Column("client", "text"), Column("parameters", "text[]"),
    Column("sql_sha256", "text"), Column("sql", "text"), Column("written_by", "text"),
]  # fmt: skip


class AuditRequest(BaseModel, frozen=True):
    """Which records to show, newest first; None lets everything through."""

    since: str | None = Field(default=None, description="First moment: a day, a period such as last-7-days, or a time")
    until: str | None = Field(default=None, description="Last day or period, or the time to end before")
    who: str | None = Field(default=None, description="What the caller said, or the manager's name, e-mail or id")
    operation: str | None = Field(default=None, description="Name of the operation, such as query")
    outcome: Outcome | None = Field(default=None, description="How it ended, such as ok or refused")
    way: Way | None = Field(default=None, description="Way in, such as terminal")
    request_id: str | None = Field(default=None, description="The reference in the log")
    limit: int | None = Field(default=100, ge=1, le=10_000_000, description="Most records; None for all")
