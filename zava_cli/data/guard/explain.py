"""Turns a checked statement into the EXPLAIN that its caller may see, and knows which place is which."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zava_cli.data.guard.check import CheckedQuery
from zava_cli.data.guard.refusal import SourceText
from zava_cli.data.guard.scanning import scan

QUERY_STARTS = frozenset({"SELECT", "VALUES", "TABLE", "WITH", "WITH_LA", "ASCII_40"})
"""Tokens that begin a query in brackets; the names of EXPLAIN's options are none of them."""


@dataclass(frozen=True)
class ExplainedQuery:
    """A statement with texts put into it; each insertion is (0-based character in the original, text)."""

    query: CheckedQuery
    insertions: tuple[tuple[int, str], ...] = ()

    def original_position(self, position: int) -> int:
        """Map a 1-based position in `query.sql` back to the statement that it was made from."""
        original = position - 1
        for place, text in self.insertions:
            if original > place:
                original = max(place, original - len(text))
        return original + 1


def explained(query: CheckedQuery, *, wanted: bool, costs: bool) -> ExplainedQuery:
    """The statement as it may run: `wanted` asks for the plan of a select, `costs` lets estimates be shown.

    Estimated costs and row counts come from statistics over every store's rows. A plan that the caller asked
    for in SQL keeps its other options, such as FORMAT.
    """
    insertions: tuple[tuple[int, str], ...] = ()
    if query.kind == "select" and wanted:
        insertions = ((0, "EXPLAIN " if costs else "EXPLAIN (COSTS OFF) "),)
    elif query.kind == "explain" and not costs:
        insertions = _without_costs(query.sql)
    if not insertions:
        return ExplainedQuery(query)
    sql = query.sql
    for place, text in reversed(insertions):
        sql = sql[:place] + text + sql[place:]
    return ExplainedQuery(replace(query, sql=sql, kind="explain"), insertions)


def _without_costs(sql: str) -> tuple[tuple[int, str], ...]:
    """Where COSTS OFF goes; PostgreSQL lets the last of several COSTS win."""
    keyword, following, *rest = scan(SourceText(sql))
    if following.name == "VERBOSE":
        return ((following.start, "("), (following.end + 1, ", COSTS OFF)"))
    if following.name == "ASCII_40" and rest[0].name not in QUERY_STARTS:
        # Options are words and constants: the first closing bracket ends them.
        closing = next(token for token in rest if token.name == "ASCII_41")
        return ((closing.start, ", COSTS OFF"),)
    return ((keyword.end + 1, " (COSTS OFF)"),)
