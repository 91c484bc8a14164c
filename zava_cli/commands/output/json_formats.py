"""json and jsonl: one object per row and line, with numbers exactly as PostgreSQL wrote them.

On a terminal characters that would steer it are JSON's own escapes: the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json.encoder import encode_basestring as _quote
from typing import TYPE_CHECKING, BinaryIO

from zava_cli.commands.output.columns import BOOLEAN_TYPES, JSON_TYPES, NUMBER_TYPES, unique_names
from zava_cli.infra.visible import revealed_json

if TYPE_CHECKING:
    from zava_cli.models.query import Column, Row

_NON_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_ONE_LINE = str.maketrans("\n\r", "  ")


class JsonLinesWriter:
    """One JSON object per line; duplicate column names get a number."""

    _separator = "\n"

    def __init__(self, out: BinaryIO) -> None:
        self.notes: list[str] = []
        self._out = out
        self._is_for_eyes = out.isatty()
        self._template = ""
        self._encoders: list[Callable[[Sequence[str | None]], list[str]]] = []
        self._rows_written = False

    def begin(self, columns: Sequence[Column]) -> None:
        names, self.notes = unique_names(columns)
        members = (_quote(name).replace("%", "%%") + ":%s" for name in names)
        self._template = "{" + ",".join(members) + "}"
        self._encoders = [_encoder_for(column.type) for column in columns]

    def write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        if self._encoders:
            encoded = [encode(column) for encode, column in zip(self._encoders, zip(*rows, strict=True), strict=True)]
            lines = map(self._template.__mod__, zip(*encoded, strict=True))
        else:
            lines = iter(["{}"] * len(rows))
        text = self._separator.join(lines)
        if self._is_for_eyes:
            text = revealed_json(text)
        self._out.write((self._separator + text if self._rows_written else text).encode())
        self._rows_written = True

    def end(self) -> None:
        if self._rows_written:
            self._out.write(b"\n")


class JsonWriter(JsonLinesWriter):
    """One JSON array; its objects stand on a line each."""

    _separator = ",\n"

    def begin(self, columns: Sequence[Column]) -> None:
        super().begin(columns)
        self._out.write(b"[\n")

    def end(self) -> None:
        super().end()
        self._out.write(b"]\n")


def _encoder_for(type_name: str) -> Callable[[Sequence[str | None]], list[str]]:
    if type_name in NUMBER_TYPES:
        return _numbers
    if type_name in BOOLEAN_TYPES:
        return _booleans
    return _documents if type_name in JSON_TYPES else _strings


def _numbers(values: Sequence[str | None]) -> list[str]:
    if _NON_FINITE.isdisjoint(values):
        return ["null" if value is None else value for value in values]
    return ["null" if value is None else f'"{value}"' if value in _NON_FINITE else value for value in values]


def _booleans(values: Sequence[str | None]) -> list[str]:
    return ["null" if value is None else "true" if value == "t" else "false" for value in values]


def _documents(values: Sequence[str | None]) -> list[str]:
    # Type json keeps its line breaks. Inside valid JSON they are only ever white space between tokens.
    return ["null" if value is None else value.translate(_ONE_LINE) for value in values]


def _strings(values: Sequence[str | None]) -> list[str]:
    return ["null" if value is None else _quote(value) for value in values]
