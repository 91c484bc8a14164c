"""What a trace tells of a statement, by OpenTelemetry's conventions for databases: its form, never a value."""

from __future__ import annotations

from contextlib import AbstractContextManager

from zava_cli.data.guard.check import CheckedQuery
from zava_cli.data.guard.shape import without_values
from zava_cli.infra.tracing import Span, Value, is_on, span

SYSTEM = {"db.system.name": "postgresql"}
MOST_CHARACTERS = 2_000


def statement_span(query: CheckedQuery) -> AbstractContextManager[Span]:
    """A span around a statement that somebody wrote."""
    if not is_on():
        return span("")
    return _of(query.kind, without_values(query.sql))


def own_statement_span(sql: str) -> AbstractContextManager[Span]:
    """A span around a named statement, whose values are all bound."""
    if not is_on():
        return span("")
    body = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    return _of(body.split(None, 1)[0], body)


def _of(kind: str, text: str) -> AbstractContextManager[Span]:
    attributes: dict[str, Value | None] = {
        **SYSTEM, "db.operation.name": kind.upper(), "db.query.text": text[:MOST_CHARACTERS],
    }  # fmt: skip
    return span(kind.upper(), attributes)
