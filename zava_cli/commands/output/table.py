"""The format for people at a terminal: aligned columns, visible NULLs, nothing that steers the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from zava_cli.commands.output.columns import is_never_cut, is_right_aligned
from zava_cli.commands.output.formats import RenderOptions
from zava_cli.commands.output.readable import VerticalWriter
from zava_cli.infra.visible import visible, visible_lines

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from zava_cli.models.query import Column, Row

_PAGE_ROWS = 1000
_GAP = 2
_NARROWEST_TEXT = 6
_CUT_NOTE = "Long values were cut to the width of the terminal; --format vertical shows them whole."


class TableWriter:
    """A table per 1,000 rows, so that memory stays bounded; widths are chosen for each page.

    Numbers, dates, times and SKUs are never cut. Other text is cut with an ellipsis, except in a result of one column,
    which is folded. When a column would get less than six cells, the rest is written vertically.
    """

    def __init__(self, out: BinaryIO, options: RenderOptions) -> None:
        self.notes: list[str] = []
        self._out = out
        self._options = options
        self._columns: Sequence[Column] = ()
        self._page: list[Row] = []
        self._pages_written = 0
        self._vertical: VerticalWriter | None = None

    def begin(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def write(self, rows: Sequence[Row]) -> None:
        if self._vertical is not None:
            self._vertical.write(rows)
            return
        for start in range(0, len(rows), _PAGE_ROWS):
            self._page.extend(rows[start : start + _PAGE_ROWS])
            if len(self._page) >= _PAGE_ROWS:
                self._write_page()

    def end(self) -> None:
        if self._page or (not self._pages_written and not self._options.tuples_only):
            self._write_page()

    def _write_page(self) -> None:
        page, self._page = self._page, []
        if self._vertical is None:
            widths = self._fit(page)
            if widths is not None:
                self._write_table(page, widths)
                return
            self._vertical = VerticalWriter(self._out, self._options, first_record=self._pages_written * _PAGE_ROWS + 1)
            self._vertical.begin(self._columns)
        self._vertical.write(page)

    def _write_table(self, page: Sequence[Row], widths: Sequence[int]) -> None:
        headers = [] if self._options.tuples_only else [column.name for column in self._columns]
        right = [is_right_aligned(column) for column in self._columns]
        if self._pages_written and headers:
            self._out.write(b"\n")
        self._out.write(render_table(headers, page, right, widths, self._options).encode())
        self._pages_written += 1

    def _fit(self, page: Sequence[Row]) -> list[int] | None:
        """The width of each column, or None when the page does not fit as a table."""
        needs = [_widest(values, folded=len(self._columns) == 1) for values in zip(*page, strict=True)] or [0] * len(
            self._columns
        )
        titles = [0 if self._options.tuples_only else _cells(column.name) for column in self._columns]
        natural = [max(need, title, 1) for need, title in zip(needs, titles, strict=True)]
        if self._options.width is None:
            return natural
        least = [
            max(need, 1) if is_never_cut(column) else min(full, _NARROWEST_TEXT)
            for need, full, column in zip(needs, natural, self._columns, strict=True)
        ]
        widths = share_width(natural, least, self._options.width - _GAP * (len(natural) - 1))
        is_cut = widths is not None and any(width < need for width, need in zip(widths, needs, strict=True))
        if is_cut and len(natural) > 1 and not self.notes:
            self.notes.append(_CUT_NOTE)
        return widths


def share_width(natural: Sequence[int], least: Sequence[int], available: int) -> list[int] | None:
    """Narrow the widest columns first until all fit `available` cells; None when not even `least` fits."""
    if sum(least) > available:
        return None
    level = min(max(natural, default=0), available)
    while True:
        widths = [max(low, min(full, level)) for full, low in zip(natural, least, strict=True)]
        if sum(widths) <= available:
            return widths
        level -= 1


def render_table(
    headers: Sequence[str], rows: Sequence[Row], right: Sequence[bool], widths: Sequence[int], options: RenderOptions
) -> str:
    """A rich table as text with exactly these column widths; `right` says which columns are right-aligned."""
    is_single = len(widths) == 1
    table = new_table(has_header=bool(headers))
    for index, width in enumerate(widths):
        title = _cell(headers[index], fold=False) if headers else ""
        table.add_column(title, width=width, justify="right" if right[index] else "left")
    for row in rows:
        table.add_row(*(_cell(value, fold=is_single) for value in row))
    return render(table, options)


def new_table(*, has_header: bool) -> Table:
    """An empty table in zava's look: a line under the header, two cells between columns."""
    from rich import box
    from rich.table import Table

    return Table(
        box=box.SIMPLE_HEAD if has_header else None,
        show_edge=False,
        show_header=has_header,
        header_style="bold",
        pad_edge=False,
        # With a header the box adds a blank column divider of its own.
        padding=(0, _GAP - 1 if has_header else _GAP, 0, 0),
    )


def render(renderable: RenderableType, options: RenderOptions) -> str:
    """What rich makes of `renderable`, without trailing spaces."""
    from rich.console import Console

    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=options.width or 1_000_000,
        force_terminal=options.color,
        color_system="auto" if options.color else None,
        legacy_windows=False,
    )
    console.print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def _cell(value: str | None, *, fold: bool) -> Text:
    from rich.text import Text

    if value is None:
        return Text("NULL", style="dim")
    if fold:
        return Text("\n".join(visible_lines(value)), overflow="fold")
    return Text(visible(value), no_wrap=True, overflow="ellipsis")


def _widest(values: Sequence[str | None], *, folded: bool) -> int:
    if folded:
        values = [line for value in values for line in (value or "NULL").split("\n")]
    return max(map(_cells, values), default=0)


def _cells(value: str | None) -> int:
    if value is None:
        return len("NULL")
    if value.isascii() and value.isprintable():
        return len(value)
    from rich.cells import cell_len

    return cell_len(visible(value))
