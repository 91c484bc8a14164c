"""`zava store`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from zava_cli.commands import runtime
from zava_cli.commands.options import JsonOption, named_format

ReportFormat = Literal["table", "json", "markdown"]


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
    format: Annotated[
        ReportFormat | None, typer.Option("--format", help="How to write the report.", show_default="table")
    ] = None,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Show how a store did: figures, changes, top products, and what they say.

    Example: zava store seattle --period 2025-Q1 --as "head office"
    """
    from zava_cli.commands.output.console import print_json
    from zava_cli.commands.output.store_report import print_markdown_report, print_report
    from zava_cli.models.store import StoreRequest
    from zava_cli.services.store import SalesAnalyticsService

    asked = named_format(format, {"json": json})
    request = StoreRequest(store=store, time_period=time_period, top=top)
    performance = runtime.manager(lambda provider, caller: SalesAnalyticsService(provider, caller).performance(request))
    if asked == "json":
        print_json(performance)
    elif asked == "markdown":
        print_markdown_report(performance)
    else:
        print_report(performance)
