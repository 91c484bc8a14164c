"""What a token may be used for."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """Which tools a token opens; a token for reports alone never runs anybody's SQL."""

    REPORTS = "reports"
    SEARCH = "search"
    SQL = "sql"
