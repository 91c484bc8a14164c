"""The tool that reports on a store."""

from __future__ import annotations

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from fastmcp.tools.base import ToolResult

from zava_cli.models.scopes import Scope
from zava_cli.models.store import DEFAULT_PERIOD, PeriodText, StoreName
from zava_cli.server.results import json_result
from zava_cli.server.scopes import opened_by
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.store_report import compact_report
from zava_cli.server.tools.annotations import READS
from zava_cli.services.store import SalesAnalyticsService


@tool(annotations=READS, output_schema=None, auth=opened_by(Scope.REPORTS))
async def get_store_performance(
    store_id: StoreName,
    time_period: PeriodText = DEFAULT_PERIOD,
    state: ServerState = Depends(current_state),  # noqa: B008
) -> ToolResult:
    """Report a store's revenue, orders, margin, returns, customers and top products, against the period before
    and last year, with insights. Give the store's name or city rather than its id."""
    service = SalesAnalyticsService(state.provider, await state.caller())
    report = await service.get_store_performance(store_id, time_period)
    return json_result(compact_report(report))
