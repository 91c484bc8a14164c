"""`zava embed`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.output.console import print_json, print_line, print_table

if TYPE_CHECKING:
    from zava_cli.data.target import Target
    from zava_cli.models.embed import EmbedReport, EmbedStatus


class EmbedAction(StrEnum):
    """What `zava embed` does."""

    RUN = "run"
    STATUS = "status"


def embed(
    action: Annotated[EmbedAction, typer.Argument(help="run, or status to see what is missing.")] = EmbedAction.RUN,
    all: Annotated[bool, typer.Option("--all", help="Every product again, not only new and changed ones.")] = False,
    batch: Annotated[
        int,
        typer.Option(
            "--batch", min=1, max=10_000, help="Products per transaction; finished ones survive an interrupt."
        ),
    ] = 8_000,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make the catalogue searchable by meaning; safe to interrupt and repeat.

    Example: zava embed status
    """
    if action is EmbedAction.STATUS:
        _show_status(as_json=json)
        return
    from zava_cli.models.embed import EmbedRequest

    request = EmbedRequest(all=all, batch=batch)
    with runtime.progress() as on_progress:

        async def work(target: Target) -> EmbedReport:
            from zava_cli.services.embed import embed_products

            return await embed_products(target, request, on_progress)

        report = runtime.administrator(work)
    if json:
        print_json(report)
        return
    print_line(_sentence(report))
    if report.skipped:
        diagnostics.note(f"{report.skipped} products have no text that the model knows; they are found by keyword.")


def _sentence(report: EmbedReport) -> str:
    if not report.products:
        return "There are no products to embed yet."
    parts = [f"Embedded {report.embedded} products with {report.model} in {report.seconds:.1f} s"]
    if report.unchanged:
        parts.append(f"{report.unchanged} were up to date")
    if report.indexed:
        parts.append(f"index built in {report.index_seconds:.1f} s")
    if report.activated:
        parts.append("search uses this model now")
    return "; ".join(parts) + "."


def _show_status(*, as_json: bool) -> None:
    async def work(target: Target) -> EmbedStatus:
        from zava_cli.services.embed import embed_status

        return await embed_status(target)

    status = runtime.administrator(work)
    if as_json:
        print_json(status)
        return
    if not status.models:
        print_line(f"None of {status.products} products is embedded yet; run zava embed.")
        return
    columns = ["model", "active", "dimensions", "products", "embedded", "missing", "stale", "last updated"]
    print_table(
        columns,
        [
            (
                row.model, row.active, row.dimensions, row.products, row.embedded, row.missing, row.stale,
                row.last_updated.isoformat(" ", "seconds") if row.last_updated else None,
            )
            for row in status.models
        ],
    )  # fmt: skip
