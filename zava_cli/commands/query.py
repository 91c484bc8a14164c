"""`zava query`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.options import FormatOption, JsonOption, named_format
from zava_cli.commands.output.destination import is_terminal, open_output
from zava_cli.commands.output.formats import (
    READABLE,
    Format,
    RenderOptions,
    choose_format,
    default_format,
    make_writer,
    notes_on,
    write_stream,
)
from zava_cli.infra.errors import ConfigurationError, ValidationError

if TYPE_CHECKING:
    from zava_cli.data.callers import Caller
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.models.query import CopyFormat, QueryRequest

COPY_FORMATS: dict[Format, CopyFormat] = {Format.CSV: "csv", Format.TSV: "text"}


def query(
    sql: Annotated[str | None, typer.Argument(help="One SELECT; - reads it from stdin.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the SQL from a file.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="Value for $NAME in the SQL.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=0, max=10_000_000, help="Most rows; 0: all.", show_default=False)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0.001, max=3600, help="Seconds until it is cancelled.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the plan instead of rows.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file; its suffix says how.")] = None,
    format: FormatOption = None,
    csv: Annotated[bool, typer.Option("--csv", help="Same as --format csv.")] = False,
    tsv: Annotated[bool, typer.Option("--tsv", help="Same as --format tsv.")] = False,
    json: JsonOption = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Same as --format jsonl.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Same as --format markdown.")] = False,
    vertical: Annotated[bool, typer.Option("--expanded", "-x", help="One line per column.")] = False,
    unaligned: Annotated[bool, typer.Option("--no-align", "-A", help="Fields separated by |.")] = False,
    tuples_only: Annotated[bool, typer.Option("--tuples-only", "-t", help="No header.")] = False,
    csv_safe: Annotated[
        bool, typer.Option("--csv-safe", help="csv or tsv for spreadsheets: texts that look like formulas get a '.")
    ] = False,
) -> None:  # fmt: skip
    """Run one read-only statement; you see your stores' rows only.

    Example: zava query "select name, price from products where price > \\$min" -p min=200 --as seattle
    """
    from zava_cli.models.query import QueryRequest

    shorthand = {
        Format.CSV: csv, Format.TSV: tsv, Format.JSON: json, Format.JSONL: jsonl,
        Format.MARKDOWN: markdown, Format.VERTICAL: vertical, Format.UNALIGNED: unaligned,
    }  # fmt: skip
    chosen = _chosen_format(output, named_format(format, shorthand), csv_safe)
    request = QueryRequest(
        sql=_sql_text(sql, file),
        parameters=_parameters(parameter or []),
        limit=_effective_limit(limit, chosen, output),
        timeout=timeout,
        explain=explain,
    )
    layout = _Layout(chosen, output, tuples_only, csv_safe)
    runtime.manager(lambda provider, caller: _answer(provider, caller, request, layout))


@dataclass(frozen=True)
class _Layout:
    """Where an answer goes, and in which form."""

    format: Format
    output: Path | None
    tuples_only: bool
    csv_safe: bool

    @property
    def is_the_servers(self) -> bool:
        """Whether the server's own export is what is wanted, byte for byte."""
        return self.format in COPY_FORMATS and not self.csv_safe and not is_terminal(self.output)


async def _answer(provider: PostgreSQLProvider, caller: Caller, request: QueryRequest, layout: _Layout) -> None:
    from zava_cli.services.query import can_copy, copy_query, open_query

    if layout.is_the_servers and can_copy(provider, request):
        copy_format, header = COPY_FORMATS[layout.format], not layout.tuples_only
        with open_output(layout.output) as out:
            await copy_query(provider, caller, request, copy_format, out.write, header=header)
        return
    # Opened first: a query that fails leaves an existing file as it was and standard output empty.
    async with open_query(provider, caller, request) as stream:
        with open_output(layout.output) as out:
            options = RenderOptions.for_output(out, tuples_only=layout.tuples_only, csv_safe=layout.csv_safe)
            writer = make_writer(layout.format, out, options)
            count = await write_stream(writer, stream)
    for text in notes_on(writer, layout.format, count):
        diagnostics.note(text)
    if stream.truncated:
        diagnostics.note(f"First {count} rows; there are more (--limit 0 shows all).")


def _chosen_format(output: Path | None, asked: Format | None, csv_safe: bool) -> Format:
    default = Format.CSV if csv_safe else default_format()
    chosen = choose_format(output, asked, default)
    if csv_safe and chosen not in COPY_FORMATS:
        raise ValidationError(
            "csv-safe", None, f"{chosen} is no format that spreadsheets read formulas from",
            hint="Leave --csv-safe out, or write --csv or --tsv.",
        )  # fmt: skip
    return chosen


def _effective_limit(limit: int | None, chosen: Format, output: Path | None) -> int | None:
    """None is every row; without --limit a person reading on a terminal gets the first few hundred."""
    if limit is not None:
        return limit or None
    if chosen in READABLE and output is None and sys.stdout.isatty():
        return runtime.settings().table_rows
    return None


def _sql_text(sql: str | None, file: Path | None) -> str:
    if (sql is None) == (file is None):
        raise ValidationError(
            "sql", None, "give the SQL as an argument or with -f, not both" if sql else "no SQL was given",
            hint='For example: zava query "select name from stores", or zava query - < question.sql',
        )  # fmt: skip
    if sql != "-" and file is None:
        return sql or ""
    source = "standard input" if sql == "-" or str(file) == "-" else str(file)
    try:
        data = file.read_bytes() if file is not None and str(file) != "-" else sys.stdin.buffer.read()
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"{source} cannot be read: {reason}.", hint="Give UTF-8 text with one query."
        ) from None


def _parameters(given: list[str]) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name.isidentifier():
            raise ValidationError("param", text, f"'{name}' is not NAME=VALUE", hint="For example: -p since=2025-01-01")
        parameters[name] = value
    return parameters
