"""One line per row: csv and tsv byte for byte as PostgreSQL's COPY writes them, and psql's unaligned format.

On a terminal characters that would steer it are visible escapes instead.

Rows are encoded column by column: whether any value of a column needs quoting is then a handful of
searches over one joined string instead of a decision per value, which is what makes large exports fast.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from zava_cli.commands.output.columns import is_right_aligned
from zava_cli.commands.output.formats import RenderOptions
from zava_cli.infra.visible import visible

if TYPE_CHECKING:
    from zava_cli.models.query import Column, Row

_COPY_ESCAPES = {"\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v", "\\": r"\\"}
_COPY_TRANSLATION = str.maketrans(_COPY_ESCAPES)
# What a spreadsheet may take for a formula, also in full width; it skips what it does not show in front of one.
_FORMULA = re.compile(r"[\t\r\n]|[\s\u200b\u2060\ufeff]*[=+\-@＝＋－＠]")


class _DelimitedWriter(ABC):
    separator: str

    def __init__(self, out: BinaryIO, options: RenderOptions) -> None:
        self.notes: list[str] = []
        self._out = out
        self._header = not options.tuples_only
        self._is_for_eyes = out.isatty()
        self._is_for_spreadsheets = options.csv_safe
        self._width = 0
        self._are_texts: Sequence[bool] = ()

    def begin(self, columns: Sequence[Column]) -> None:
        self._width = len(columns)
        self._are_texts = [True] * self._width
        if self._header:
            self.write([tuple(column.name for column in columns)])
        self._are_texts = [not is_right_aligned(column) for column in columns]

    def write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        if self._width == 0:
            self._out.write(b"\n" * len(rows))
            return
        encoded = [self._cells(*column) for column in zip(zip(*rows, strict=True), self._are_texts, strict=True)]
        lines = map(self.separator.join, zip(*encoded, strict=True))
        self._out.write(("\n".join(lines) + "\n").encode())

    def end(self) -> None:
        self._out.flush()

    def _cells(self, values: Sequence[str | None], is_text: bool) -> Sequence[str]:
        if self._is_for_spreadsheets and is_text:
            values = list(map(_not_a_formula, values))
        encoded = self._encode(values)
        return list(map(visible, encoded)) if self._is_for_eyes else encoded

    @abstractmethod
    def _encode(self, values: Sequence[str | None]) -> Sequence[str]:
        """The values of one column as they stand in the line."""


class CsvWriter(_DelimitedWriter):
    """RFC 4180 with `\\n` line ends: NULL is empty, an empty string is `""`, quotes only where needed."""

    separator = ","

    def _encode(self, values: Sequence[str | None]) -> Sequence[str]:
        present = _without_nulls(values)
        joined = "\0".join(present)
        # A lone `\.` ends a COPY, so the server quotes it when it is a whole line.
        has_end_marker = self._width == 1 and "\\." in joined
        if has_end_marker or "" in present or any(special in joined for special in ',"\n\r'):
            return [self._quote(value) for value in values]
        return present if present is values else [value or "" for value in values]

    def _quote(self, value: str | None) -> str:
        if value is None:
            return ""
        if '"' in value:
            return '"' + value.replace('"', '""') + '"'
        if not value or "," in value or "\n" in value or "\r" in value or (self._width == 1 and value == "\\."):
            return f'"{value}"'
        return value


class TsvWriter(_DelimitedWriter):
    """PostgreSQL's COPY text format: backslash escapes, NULL is `\\N`."""

    separator = "\t"

    def _encode(self, values: Sequence[str | None]) -> Sequence[str]:
        present = _without_nulls(values)
        joined = "\0".join(present)
        if any(special in joined for special in _COPY_ESCAPES):
            return [r"\N" if value is None else value.translate(_COPY_TRANSLATION) for value in values]
        return present if present is values else [r"\N" if value is None else value for value in values]


class UnalignedWriter(_DelimitedWriter):
    """psql's `-A`: raw values between separators, NULL is empty, nothing is quoted."""

    separator = "|"

    def _encode(self, values: Sequence[str | None]) -> Sequence[str]:
        return [value or "" for value in values]


def _not_a_formula(value: str | None) -> str | None:
    """As OWASP says: the quote in front makes a spreadsheet take the cell for text."""
    return f"'{value}" if value is not None and _FORMULA.match(value) else value


def _without_nulls(values: Sequence[str | None]) -> Sequence[str]:
    """The values that are not NULL; `values` itself, not a copy, when there is no NULL."""
    if None in values:
        return [value for value in values if value is not None]
    return cast("Sequence[str]", values)
