"""Honest queries of every kind, written before the guard's lists were read, as a store manager and for real."""

from __future__ import annotations

import re
from pathlib import Path

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.errors import MCPError, QueryRefusedError
from zava_cli.models.query import QueryRequest
from zava_cli.services.query import run_query

QUERIES = [
    paragraph
    for paragraph in re.split(r"\n\s*\n", (Path(__file__).parent / "honest_queries.sql").read_text(encoding="utf-8"))
    if not paragraph.startswith(("== ", "-- What analysts"))
]
VALUES = {"since": "2026-01-01", "status": "completed"}

# Shows activity, totals, secrets or settings, or changes the session: what the guard is there to refuse.
REFUSED = {
    "setseed",
    "pg_settings",
    "pg_roles",
    "pg_total_relation_size",
    "pg_stats",
    "pg_statio_all_tables",
    "reltuples",
    "system",
}


async def test_at_most_two_in_a_hundred_honest_queries_are_refused_and_every_other_one_is_answered(
    provider: PostgreSQLProvider, seattle: Caller
) -> None:
    refused: list[str] = []
    failed: list[tuple[str, str]] = []
    for sql in QUERIES:
        used = {name: value for name, value in VALUES.items() if f"${name}" in sql}
        try:
            await run_query(provider, seattle, QueryRequest(sql=sql, parameters=used, limit=500))
        except QueryRefusedError as error:
            refused.append(error.construct)
        except MCPError as error:
            failed.append((sql, error.message))
    assert failed == []
    assert set(refused) == REFUSED
    assert len(QUERIES) >= 400
    assert len(refused) <= len(QUERIES) * 2 // 100
