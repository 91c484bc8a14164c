"""The tool that reports on a store."""

from __future__ import annotations

from fastmcp.dependencies import Depends

from zava_cli.data.callers import Caller
from zava_cli.models.cache import MaxAge
from zava_cli.models.scopes import Scope
from zava_cli.models.store import DEFAULT_PERIOD, PeriodText, StoreName, StoreRequest
from zava_cli.server.answers import answered
from zava_cli.server.results import json_result
from zava_cli.server.scopes import opened_by
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.store_report import compact_report
from zava_cli.server.tools.offering import READS, offered


@offered(READS, opened_by(Scope.REPORTS))
async def get_store_performance(
    store_id: StoreName,
    time_period: PeriodText = DEFAULT_PERIOD,
    max_age_seconds: MaxAge | None = None,
    state: ServerState = Depends(current_state),  # noqa: B008
) -> str:
    """Report a store's revenue, orders, margin, returns, customers and top products, against the period before
    and last year, with insights. Give the store's name or city rather than its id."""
    from zava_cli.services.store import SalesAnalyticsService

    request = StoreRequest(store=store_id, time_period=time_period)

    async def make(caller: Caller) -> tuple[str, bool]:
        report = await SalesAnalyticsService(state.provider, caller).performance(request)
        # A period that is not over is counted up to this moment; a whole one is another one tomorrow at most.
        return json_result(compact_report(report), untrusted=True), report.period.until is None

    return await answered(state, request, make, max_age_seconds)
