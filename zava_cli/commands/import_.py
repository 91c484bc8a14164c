"""`zava import`: real data from a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.output.console import print_json, print_key_values, print_table

if TYPE_CHECKING:
    from zava_cli.models.importing import ImportReport


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV file of order lines, plain or packed (gzip, xz, zstd).")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="Which column is what; also a TOML file of such lines. Repeatable.",
                     metavar="TARGET=HEADER"),
    ] = None,
    store: Annotated[str | None, typer.Option(help="Store of every line, when no column says it.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Business time zone of a still empty database, such as Europe/London.")
    ] = None,
    date_order: Annotated[
        Literal["dmy", "mdy"] | None, typer.Option(help="What 1/12/2010 means; needed for such dates only.")
    ] = None,
    return_prefix: Annotated[
        str, typer.Option(help="Order numbers of this prefix and digits are returns; '' for none.")
    ] = "C",
    encoding: Annotated[str, typer.Option(help="Character encoding of the file.")] = "utf-8",
    rejects: Annotated[
        Path | None, typer.Option(help="Where rejected lines go.", show_default="NAME.rejected.csv")
    ] = None,
    accept_rejects: Annotated[
        bool, typer.Option("--accept-rejects", help="Load also when more than a tenth of the lines is rejected.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the mapping, the counts and the first problems; write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as in a pipe.")] = False,
) -> None:  # fmt: skip
    """Load a file of order lines; loading it again changes nothing.

    Example: zava import online-retail.csv.xz --time-zone Europe/London --dry-run
    """
    from zava_cli.commands.output.destination import open_output
    from zava_cli.models.importing import ImportRequest
    from zava_cli.services.importing.importing import import_file as load
    from zava_cli.services.importing.mapping import read_columns

    request = ImportRequest(
        file=file, columns=read_columns(columns or []), store=store, time_zone=time_zone, date_order=date_order,
        return_prefix=return_prefix, encoding=encoding, rejects=rejects, accept_rejects=accept_rejects, dry_run=dry_run,
    )  # fmt: skip
    with diagnostics.progress() as on_progress:
        report = runtime.administrator(lambda target: load(target, request, open_output, on_progress))
    if as_json or not sys.stdout.isatty():
        print_json(report)
    else:
        _show(report)


def _show(report: ImportReport) -> None:
    if report.dry_run:
        rows = [(c.target.value, c.header or f"always {c.value}", c.found) for c in report.mapping]
        print_table(["target", "column", "how"], rows, title="Mapping")
    counts = report.model_dump(exclude={"mapping", "problems", "dry_run"}, exclude_none=True)
    title = "Would load (nothing was written)" if report.dry_run else "Loaded"
    print_key_values({name.replace("_", " "): value for name, value in counts.items()}, title=title)
    if report.problems:
        print_table(["line", "reason"], [(p.line, p.reason) for p in report.problems], title="First rejected lines")
