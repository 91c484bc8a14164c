"""The tool that runs SQL."""

from __future__ import annotations

from fastmcp.dependencies import Depends

from zava_cli.data.callers import Caller
from zava_cli.models.cache import MaxAge
from zava_cli.models.query import QueryRequest, SqlText
from zava_cli.models.scopes import Scope
from zava_cli.server.answers import answered
from zava_cli.server.results import query_result
from zava_cli.server.scopes import opened_by
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.tools.offering import READS, offered
from zava_cli.services.query import is_repeatable, run_query


@offered(READS, opened_by(Scope.SQL))
async def execute_sales_query(
    postgresql_query: SqlText,
    max_age_seconds: MaxAge | None = None,
    state: ServerState = Depends(current_state),  # noqa: B008
) -> str:
    """Run one read-only PostgreSQL statement over the manager's own stores.

    Look at get_table_schemas first. Join for names instead of showing ids, aggregate in SQL, ORDER BY and LIMIT.
    Answers {"columns","rows","row_count","truncated"}; truncated true means there were more rows than shown;
    age_seconds, that the answer was kept from an earlier call.
    """
    settings = state.settings
    request = QueryRequest(sql=postgresql_query, limit=settings.serve_rows)

    async def make(caller: Caller) -> tuple[str, bool]:
        result = await run_query(state.provider, caller, request, max_bytes=settings.serve_bytes)
        return query_result(result, settings.serve_bytes), True

    may_keep = state.cache.is_on and is_repeatable(state.provider, request)
    return await answered(state, request, make, max_age_seconds, may_keep=may_keep)
