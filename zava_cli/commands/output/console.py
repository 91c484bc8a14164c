"""What commands other than queries print on standard output: lines, tables, key-value lists and JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zava_cli.commands.output.destination import open_output
from zava_cli.commands.output.formats import Format, RenderOptions, make_writer, notes_on, write_result
from zava_cli.infra.visible import revealed_json, visible, visible_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zava_cli.models.query import Row


def print_line(text: str = "") -> None:
    """Print `text`, which may have several lines, with control characters made visible."""
    _write("".join(f"{line}\n" for line in visible_lines(text)))


def print_json(value: Any) -> None:
    """Print a model, dataclass, mapping or list as indented JSON."""
    from pydantic_core import to_json

    document = to_json(value, indent=2, inf_nan_mode="strings").decode()
    _write((revealed_json(document) if sys.stdout.isatty() else document) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print rows under `columns`; numbers are right-aligned, None is empty, long text is folded."""
    from rich.text import Text

    from zava_cli.commands.output.table import new_table

    table = new_table(has_header=True)
    for index, name in enumerate(columns):
        is_number = bool(rows) and all(_is_number(row[index]) or row[index] is None for row in rows)
        table.add_column(Text(visible(name)), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    _render(table, title)


def print_rows(columns: Mapping[str, str], rows: Sequence[Row], format: Format) -> list[str]:
    """Print rows in any of the formats, under names with PostgreSQL types; returns what to tell the reader besides."""
    from zava_cli.models.query import Column, QueryResult

    described = [Column(name, kind) for name, kind in columns.items()]
    with open_output(None) as out:
        writer = make_writer(format, out, RenderOptions.for_output(out))
        write_result(writer, QueryResult(described, rows, truncated=False, elapsed=0))
    return notes_on(writer, format, len(rows))


def print_key_values(values: Mapping[str, object], *, title: str | None = None) -> None:
    """Print one `key  value` line per entry, the values aligned."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for key, value in values.items():
        grid.add_row(Text(visible(key), style="bold"), _text(value))
    _render(grid, title)


def _text(value: object) -> Any:
    from rich.text import Text

    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text("" if value is None else "\n".join(visible_lines(str(value))))


def _is_number(value: object) -> bool:
    from decimal import Decimal

    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _render(renderable: RenderableType, title: str | None) -> None:
    from rich.text import Text

    from zava_cli.commands.output.table import render

    with open_output(None) as out:
        options = RenderOptions.for_output(out)
        if title is not None:
            out.write(render(Text(visible(title), style="bold"), options).encode())
        out.write(render(renderable, options).encode())


def _write(text: str) -> None:
    with open_output(None) as out:
        out.write(text.encode())
