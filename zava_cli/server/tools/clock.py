"""The tool that tells the date."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from fastmcp.dependencies import Depends

from zava_cli.server.results import json_result
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.tools.offering import READS, offered


@offered(READS)
async def get_current_utc_date(state: ServerState = Depends(current_state)) -> str:  # noqa: B008
    """Tell the time in UTC and the date of the business, for relative dates such as "last month"."""
    now, zone = datetime.now(UTC), (await state.caller()).time_zone
    local = now.astimezone(ZoneInfo(zone))
    return json_result(
        {"utc": f"{now:%Y-%m-%dT%H:%M:%SZ}", "business_date": f"{local:%Y-%m-%d}", "business_time_zone": zone}
    )
