"""The output formats, how one is chosen, and the writer that each of them has."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from zava_cli.infra.errors import ValidationError

if TYPE_CHECKING:
    from zava_cli.models.query import Column, QueryResult, QueryStream, Row


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"
    VERTICAL = "vertical"
    UNALIGNED = "unaligned"
    PARQUET = "parquet"


READABLE = {Format.TABLE, Format.VERTICAL, Format.MARKDOWN}
FORMAT_BY_SUFFIX = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".md": Format.MARKDOWN,
    ".txt": Format.TABLE,
    ".parquet": Format.PARQUET,
}


@dataclass(frozen=True)
class RenderOptions:
    """How to lay out a result.

    `width` is in terminal cells, None for as wide as the values need; `tuples_only` leaves out headers;
    `csv_safe` keeps spreadsheets from taking texts in csv and tsv for formulas.
    """

    width: int | None = None
    color: bool = False
    tuples_only: bool = False
    csv_safe: bool = False

    @classmethod
    def for_output(cls, out: BinaryIO, *, tuples_only: bool = False, csv_safe: bool = False) -> RenderOptions:
        """Options that suit `out`: a terminal's own width and colours, otherwise COLUMNS or no bound at all.

        A file is never cut to a width, so what is in the table is in the file.
        """
        terminal = out.isatty()
        asked = os.environ.get("COLUMNS", "")
        width = None
        if terminal or (out is sys.stdout.buffer and asked.isdecimal() and int(asked) > 0):
            width = shutil.get_terminal_size().columns
        color = terminal and not os.environ.get("NO_COLOR")
        return cls(width=width, color=color, tuples_only=tuples_only, csv_safe=csv_safe)


class ResultWriter(Protocol):
    """Writes one result: `begin` once, `write` per batch of rows, `end` once.

    `notes` holds what the reader should be told on stderr after `end`, such as renamed columns.
    """

    notes: list[str]

    def begin(self, columns: Sequence[Column]) -> None: ...
    def write(self, rows: Sequence[Row]) -> None: ...
    def end(self) -> None: ...


def make_writer(format: Format, out: BinaryIO, options: RenderOptions) -> ResultWriter:
    """The writer of `format`; bytes go to `out`, which stays open.

    Raises ConfigurationError for parquet when its library is missing or `out` is a terminal.
    """
    match format:
        case Format.TABLE:
            from zava_cli.commands.output.table import TableWriter

            return TableWriter(out, options)
        case Format.CSV | Format.TSV | Format.UNALIGNED:
            from zava_cli.commands.output import delimited

            makers: dict[Format, Callable[[BinaryIO, RenderOptions], ResultWriter]] = {
                Format.CSV: delimited.CsvWriter,
                Format.TSV: delimited.TsvWriter,
                Format.UNALIGNED: delimited.UnalignedWriter,
            }
            return makers[format](out, options)
        case Format.JSON | Format.JSONL:
            from zava_cli.commands.output.json_formats import JsonLinesWriter, JsonWriter

            return JsonWriter(out) if format is Format.JSON else JsonLinesWriter(out)
        case Format.MARKDOWN | Format.VERTICAL:
            from zava_cli.commands.output.readable import MarkdownWriter, VerticalWriter

            return (MarkdownWriter if format is Format.MARKDOWN else VerticalWriter)(out, options)
        case Format.PARQUET:
            from zava_cli.commands.output.parquet import ParquetResultWriter

            return ParquetResultWriter(out)


def write_result(writer: ResultWriter, result: QueryResult) -> None:
    """Write a bounded answer in full."""
    writer.begin(result.columns)
    writer.write(result.rows)
    writer.end()


async def write_stream(writer: ResultWriter, stream: QueryStream) -> int:
    """Write an arriving answer; returns the number of rows."""
    count = 0
    batches = aiter(stream.batches)
    # The query runs when the first rows are asked for: one that fails should leave no half-begun output.
    batch = await anext(batches, None)
    writer.begin(stream.columns)
    while batch is not None:
        writer.write(batch)
        count += len(batch)
        batch = await anext(batches, None)
    writer.end()
    return count


def notes_on(writer: ResultWriter, format: Format, count: int) -> list[str]:
    """What to tell the reader on stderr of so many rows that were written."""
    return [*writer.notes, *(["No rows."] if count == 0 and format in READABLE else [])]


def default_format() -> Format:
    """A table for a person at the terminal, CSV for whatever reads standard output otherwise."""
    return Format.TABLE if sys.stdout.isatty() else Format.CSV


def choose_format(path: Path | None, asked: Format | None, default: Format = Format.TABLE) -> Format:
    """The format that was asked for, else the one that the file's suffix says, else `default`.

    Raises ValidationError when a file's suffix says nothing and no format was asked for.
    """
    if asked is not None:
        return asked
    if path is None or str(path) == "-" or (path.exists() and not path.is_file() and not path.is_dir()):
        return default
    try:
        return FORMAT_BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise ValidationError(
            "output",
            str(path),
            f"the name '{path.name}' does not say which format to write",
            hint=f"End it in {', '.join(FORMAT_BY_SUFFIX)}, or name a format with --format.",
        ) from None
