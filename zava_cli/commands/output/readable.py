"""markdown for documents and chats, and vertical (psql's `\\x`) for rows that are too wide for a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from zava_cli.commands.output.columns import is_right_aligned
from zava_cli.commands.output.formats import RenderOptions
from zava_cli.infra.visible import visible, visible_lines

if TYPE_CHECKING:
    from zava_cli.models.query import Column, Row

# Underscores inside a word (store_id) mean nothing to GitHub, so they stay readable.
_MARKDOWN_SPECIAL = re.compile(r"[\\|`*\[\]<~]|(?<!\w)_|_(?!\w)|&(?=[#a-zA-Z])")


class MarkdownWriter:
    """A GitHub table, not padded. A line break in a value is `<br>`, NULL is in italics."""

    def __init__(self, out: BinaryIO, options: RenderOptions) -> None:
        self.notes: list[str] = []
        self._out = out
        self._header = not options.tuples_only

    def begin(self, columns: Sequence[Column]) -> None:
        if self._header:
            self.write([tuple(column.name for column in columns)])
            rules = ["---:" if is_right_aligned(column) else "---" for column in columns]
            self._out.write(f"| {' | '.join(rules)} |\n".encode())

    def write(self, rows: Sequence[Row]) -> None:
        lines = [f"| {' | '.join(map(markdown_text, row))} |\n" for row in rows]
        self._out.write("".join(lines).encode())

    def end(self) -> None:
        pass


class VerticalWriter:
    """One line per value under a line per record; further lines of a value are marked with `+` as in psql.

    `first_record` is the number of the first row, for a result that began in another format.
    """

    def __init__(self, out: BinaryIO, options: RenderOptions, *, first_record: int = 1) -> None:
        self.notes: list[str] = []
        self._out = out
        self._header = not options.tuples_only
        self._names: list[str] = []
        self._width = 0
        self._record = first_record - 1
        self._has_written = False

    def begin(self, columns: Sequence[Column]) -> None:
        from rich.cells import cell_len

        names = [visible(column.name) for column in columns]
        self._width = max(map(cell_len, names), default=0)
        self._names = [name + " " * (self._width - cell_len(name)) for name in names]

    def write(self, rows: Sequence[Row]) -> None:
        lines: list[str] = []
        for row in rows:
            self._record += 1
            if self._header:
                lines.append(f"-[ RECORD {self._record} ]-".ljust(self._width + 3, "-"))
            elif self._has_written:
                lines.append("")
            self._has_written = True
            for name, value in zip(self._names, row, strict=True):
                lines.extend(self._value_lines(name, value))
        self._out.write("".join(f"{line}\n" for line in lines).encode())

    def end(self) -> None:
        pass

    def _value_lines(self, name: str, value: str | None) -> list[str]:
        if value is None:
            return [f"{name} | NULL"]
        first, *others = visible_lines(value)
        margin = " " * self._width
        texts = [f"{name} | {first}", *(f"{margin} | {other}" for other in others)]
        return [f"{text}+" for text in texts[:-1]] + [texts[-1].rstrip()]


def markdown_text(value: str | None) -> str:
    """A value as markdown shows it: what would mean something there is escaped."""
    if value is None:
        return "*NULL*"
    return "<br>".join(_MARKDOWN_SPECIAL.sub(r"\\\g<0>", line) for line in visible_lines(value))
