"""Says in the log which statements are slow, each once in a while, and how the database goes about them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from cachetools import TTLCache

from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.errors import MCPError
from zava_cli.infra.log import logger
from zava_cli.infra.operations import OperationRecord, Outcome
from zava_cli.models.query import QueryRequest
from zava_cli.services.query import run_query

QUIET_SECONDS = 3_600.0
"""How long nothing more is said of a statement that was slow."""
MOST_TOLD = 1_000
LAST_SECONDS = 1.0
CONDITIONS = ("Index Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter", "Sort Key", "Group Key")
"""Parts of a plan that repeat the statement, with its values."""


class SlowQueries:
    """Tells of each statement, or of each operation without one, once within QUIET_SECONDS.

    And once more where it ran into its time limit, whatever was told before.
    """

    def __init__(self, provider: PostgreSQLProvider) -> None:
        self._provider = provider
        self._keeps_values = provider.settings.audit_sql == "full"
        self._told: TTLCache[tuple[str, bool], bool] = TTLCache(MOST_TOLD, QUIET_SECONDS)
        self._explaining: asyncio.Task[None] | None = None

    def tell(self, record: OperationRecord, query: str | None) -> None:
        """A record was slow."""
        key = (record.fingerprint or record.operation, record.outcome is Outcome.TIMEOUT)
        if key in self._told:
            return
        self._told[key] = True
        # One at a time: nobody can make the database plan by being slow in many ways at once.
        is_free = self._explaining is None or self._explaining.done()
        if self._provider.settings.slow_query_plan and record.kind == "select" and is_free:
            self._explaining = asyncio.create_task(self._tell_with_plan(record, query))
        else:
            _log(record, query, None)

    async def settle(self) -> None:
        """Waits a moment for a plan that is on its way."""
        if self._explaining is not None:
            await asyncio.wait({self._explaining}, timeout=LAST_SECONDS)
            self._explaining.cancel()

    async def _tell_with_plan(self, record: OperationRecord, query: str | None) -> None:
        plan = None
        # Whatever keeps the plan away has no caller to be told.
        with suppress(MCPError):
            plan = await self._plan(record)
        _log(record, query, plan)

    async def _plan(self, record: OperationRecord) -> list[str]:
        """The plan as its caller may see it, and by row security as they would get it."""
        caller = await self._provider.identify(str(record.manager_id))
        request = QueryRequest(sql=f"EXPLAIN (FORMAT JSON) {record.statement}", limit=1)
        result = await run_query(self._provider, caller, request)
        [document] = json.loads(result.rows[0][0] or "[]")
        return list(_lines(document["Plan"], 0, CONDITIONS if self._keeps_values else ()))


def _lines(node: dict[str, Any], depth: int, conditions: tuple[str, ...]) -> Iterator[str]:
    line = "  " * depth + (f"{node['Subplan Name']}: " if "Subplan Name" in node else "") + node["Node Type"]
    for word, name in (("on", "Relation Name"), ("using", "Index Name")):
        line += f" {word} {node[name]}" if name in node else ""
    if "Total Cost" in node:
        line += f" (cost {node['Total Cost']:g}, {node['Plan Rows']} rows)"
    shown = [f"{name}: {_text(node[name])}" for name in conditions if name in node]
    yield "; ".join([line, *shown])
    for child in node.get("Plans", []):
        yield from _lines(child, depth + 1, conditions)


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)  # pyright: ignore


def _log(record: OperationRecord, query: str | None, plan: list[str] | None) -> None:
    known = {"fingerprint": record.fingerprint, "query": query, "plan": plan}
    logger().warning(
        "slow operation" if query is None else "slow query",
        request_id=record.request_id,
        operation=record.operation,
        seconds=record.seconds,
        waited=round(record.waited, 6),
        outcome=record.outcome.value,
        rows=record.row_count,
        **{name: value for name, value in known.items() if value is not None},
    )
