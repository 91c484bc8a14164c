"""`zava store`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import runtime
from zava_cli.commands.query import JsonOption

if TYPE_CHECKING:
    from zava_cli.data.callers import Caller
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.models.store import StorePerformance


class ReportFormat(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def store(
    store: Annotated[str, typer.Argument(help="Name of the store, a part of it, its city, or its id.")],
    time_period: Annotated[
        str,
        typer.Option(
            "--period", metavar="PERIOD",
            help="2025, 2025-Q1, 2025-03, 2025-03-09, 2025-01-01..2025-02-15,"
            " last-30-days, yesterday, this-month or ytd.",
        ),
    ] = "last-30-days",
    top: Annotated[int, typer.Option("--top", "-n", min=1, max=100, help="Most products and categories.")] = 5,
    format: Annotated[ReportFormat, typer.Option("--format", help="How to write the report.")] = ReportFormat.TABLE,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Show how a store did: figures, changes, top products, and what they say.

    Example: zava store seattle --period 2025-Q1 --as "head office"
    """
    from zava_cli.commands.output.console import print_json
    from zava_cli.commands.output.store_report import print_markdown_report, print_report
    from zava_cli.models.store import StoreRequest

    request = StoreRequest(store=store, time_period=time_period, top=top)

    async def work(provider: PostgreSQLProvider, caller: Caller) -> StorePerformance:
        from zava_cli.services.store import SalesAnalyticsService

        return await SalesAnalyticsService(provider, caller).performance(request)

    performance = runtime.manager(work)
    if json or format is ReportFormat.JSON:
        print_json(performance)
    elif format is ReportFormat.MARKDOWN:
        print_markdown_report(performance)
    else:
        print_report(performance)
