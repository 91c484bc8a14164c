"""`zava health`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zava_cli.commands import runtime
from zava_cli.commands.exit_codes import ExitCode
from zava_cli.commands.options import JsonOption, named_format
from zava_cli.commands.output.console import print_json, print_table

if TYPE_CHECKING:
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.models.health import HealthReport


def health(
    format: Annotated[
        Literal["table", "json"] | None, typer.Option("--format", help="table or json.", show_default="table")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check every component, with a fix for each that fails; exit 1 when unhealthy.

    Example: zava health --as seattle
    """
    from zava_cli.infra.cache import QueryCache
    from zava_cli.services.health import check_health

    asked = named_format(format, {"json": json})
    settings = runtime.settings()

    async def look(provider: PostgreSQLProvider) -> HealthReport:
        if settings.redis_url is None:
            return await check_health(provider, settings.identity)
        async with QueryCache(settings) as cache:
            return await check_health(provider, settings.identity, cache=cache)

    report = runtime.gateway(look)
    if asked == "json":
        print_json(report)
    else:
        rows = [(c.component, c.status.value, c.detail, c.fix) for c in report.components]
        print_table(["component", "status", "detail", "fix"], rows)
    if not report.healthy:
        raise typer.Exit(ExitCode.FAILURE)
