"""The tool that looks at every component."""

from __future__ import annotations

from fastmcp.dependencies import Depends

from zava_cli.server.results import json_result
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.tools.offering import READS, offered


@offered(READS)
async def check_health(state: ServerState = Depends(current_state)) -> str:  # noqa: B008
    """Check database, security, embeddings and provider; each failing component says how to fix it."""
    from zava_cli.services import health

    report = await health.check_health(state.provider, state.who(), state.embedder, state.cache)
    rows = [[c.component, c.status.value, c.detail, c.fix] for c in report.components]
    return json_result({"healthy": report.healthy, "columns": ["component", "status", "detail", "fix"], "rows": rows})
