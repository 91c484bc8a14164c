"""`zava audit`: who did what, on which way in, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.options import FormatOption, JsonOption, named_format
from zava_cli.commands.output.console import print_line
from zava_cli.commands.output.destination import open_output
from zava_cli.commands.output.formats import Format, RenderOptions, default_format, make_writer, notes_on, write_stream
from zava_cli.commands.shell import ZavaCommand, ZavaGroup

if TYPE_CHECKING:
    from zava_cli.data.target import Target
    from zava_cli.models.audit import AuditRequest
    from zava_cli.models.query import QueryStream

BRIEF = ("occurred_at", "way", "operation", "who", "manager", "outcome", "row_count", "seconds", "refused", "sql")
"""What fits on a terminal; the other formats have every column."""

audit_app = typer.Typer(cls=ZavaGroup, invoke_without_command=True)


@audit_app.callback()
def audit(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option("--since", metavar="PERIOD", help="From then on: 2025-03, yesterday, last-7-days …")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="PERIOD", help="To the end of that day or period, or that time.")
    ] = None,
    who: Annotated[str | None, typer.Option("--who", help="Whom: as they said, or a manager's name or e-mail.")] = None,
    operation: Annotated[str | None, typer.Option("--operation", help="query, search, store, db migrate …")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="ok, refused, unauthorized, forged, timeout, busy, cancelled …")
    ] = None,
    way: Annotated[
        str | None, typer.Option("--way", help="terminal, administrator, mcp-stdio or mcp-http.")
    ] = None,
    request_id: Annotated[str | None, typer.Option("--request-id", help="The reference of a log line.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=10_000_000, help="Most records, newest first; 0: all.")
    ] = 100,
    format: FormatOption = None,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Show who did what, newest first; for the administrator.

    Example: zava audit --since yesterday --outcome refused
    """
    if ctx.invoked_subcommand is not None:
        return
    from zava_cli.models.audit import AuditRequest

    request = AuditRequest.model_validate({
        "since": since, "until": until, "who": who, "operation": operation, "outcome": outcome, "way": way,
        "request_id": request_id, "limit": limit or None,
    })  # fmt: skip
    chosen = named_format(format, {Format.JSON: json}) or default_format()
    runtime.administrator(lambda target: _show(target, request, chosen))


async def _show(target: Target, request: AuditRequest, chosen: Format) -> None:
    from zava_cli.services.audit import open_audit

    async with open_audit(target, request) as stream:
        if chosen in (Format.TABLE, Format.MARKDOWN):
            _shorten(stream)
        with open_output(None) as out:
            writer = make_writer(chosen, out, RenderOptions.for_output(out))
            count = await write_stream(writer, stream)
    for text in notes_on(writer, chosen, count):
        diagnostics.note(text)
    if count == request.limit:
        diagnostics.note(f"The newest {count} records; --limit 0 shows all.")


def _shorten(stream: QueryStream) -> None:
    places = [place for place, column in enumerate(stream.columns) if column.name in BRIEF]
    pages = stream.batches
    stream.columns = [stream.columns[place] for place in places]
    stream.batches = ([tuple(row[place] for place in places) for row in page] async for page in pages)


@audit_app.command(cls=ZavaCommand)
def prune(
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, max=1200, metavar="MONTHS", help="Whole months to keep beside the current one.",
                     show_default="the setting audit_keep_months"),
    ] = None,
) -> None:  # fmt: skip
    """Drop the months that are past their time; also done by db migrate and at the turn of a month.

    Example: zava audit prune --keep 6
    """
    from zava_cli.services.audit import prune_audit

    for line in runtime.administrator(lambda target: prune_audit(target, keep)) or ["Nothing to drop."]:
        print_line(line)
