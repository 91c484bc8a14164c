"""parquet through pyarrow (the extra `parquet`): typed columns, one row group per 65,536 rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from zava_cli.commands.output.columns import (
    BOOLEAN_TYPES,
    FLOAT_TYPES,
    INTEGER_TYPES,
    NUMERIC_TYPES,
    unique_names,
)
from zava_cli.infra.errors import ConfigurationError, ValidationError
from zava_cli.models.query import Column, Row

_GROUP_ROWS = 65_536
_DECIMAL_DIGITS = 38
_TIMESTAMP_TYPES = frozenset({"timestamp", "timestamp without time zone"})
_TIMESTAMPTZ_TYPES = frozenset({"timestamptz", "timestamp with time zone"})


class ParquetResultWriter:
    """Integers, floats, booleans, dates and times become Arrow's own types, numeric a decimal, the rest text.

    A numeric column's scale is taken from the first row group; a column that holds NaN there, or more than
    38 digits, is text. A later value that does not fit its column raises ValidationError: nothing is rounded.
    """

    def __init__(self, out: BinaryIO) -> None:
        self.notes: list[str] = []
        self._arrow = _import_pyarrow()
        if out.isatty():
            raise ConfigurationError(
                "Parquet is a binary format and cannot be shown in a terminal.",
                hint="Write it to a file with --output result.parquet.",
            )
        self._out = out
        self._columns: Sequence[Column] = ()
        self._names: list[str] = []
        self._pending: list[Row] = []
        # pyarrow has no types, hence Any for what comes from it.
        self._schema: Any = None
        self._writer: Any = None

    def begin(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._names, self.notes = unique_names(columns)

    def write(self, rows: Sequence[Row]) -> None:
        self._pending.extend(rows)
        while len(self._pending) >= _GROUP_ROWS:
            group = self._pending[:_GROUP_ROWS]
            del self._pending[:_GROUP_ROWS]
            self._write_group(group)

    def end(self) -> None:
        if self._pending or self._writer is None:
            self._write_group(self._pending)
            self._pending = []
        self._writer.close()

    def _write_group(self, rows: Sequence[Row]) -> None:
        arrow = self._arrow
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._columns)
        if self._schema is None:
            types = [
                self._arrow_type(column, values)
                for column, values in zip(self._columns, columns, strict=True)
            ]
            self._schema = arrow.schema(list(zip(self._names, types, strict=True)))
        arrays = [
            self._array(column, values, field.type)
            for column, values, field in zip(self._columns, columns, self._schema, strict=True)
        ]
        batch = arrow.Table.from_arrays(arrays, schema=self._schema)
        # Opened after the values were converted, so that an error above leaves no half-open writer behind.
        if self._writer is None:
            self._writer = arrow.parquet.ParquetWriter(self._out, self._schema, compression="zstd")
        self._writer.write_table(batch)

    def _arrow_type(self, column: Column, values: Sequence[str | None]) -> Any:
        arrow, name = self._arrow, column.type
        if name in INTEGER_TYPES:
            return {
                "int2": arrow.int16(),
                "smallint": arrow.int16(),
                "int4": arrow.int32(),
                "integer": arrow.int32(),
            }.get(name, arrow.int64())
        if name in FLOAT_TYPES:
            return arrow.float32() if name in ("float4", "real") else arrow.float64()
        if name in NUMERIC_TYPES:
            scale = _decimal_scale(values)
            return arrow.string() if scale is None else arrow.decimal128(_DECIMAL_DIGITS, scale)
        if name in BOOLEAN_TYPES:
            return arrow.bool_()
        if name == "date":
            return arrow.date32()
        if name in _TIMESTAMP_TYPES:
            return arrow.timestamp("us")
        return arrow.timestamp("us", tz="UTC") if name in _TIMESTAMPTZ_TYPES else arrow.string()

    def _array(self, column: Column, values: Sequence[str | None], type_: Any) -> Any:
        arrow = self._arrow
        text = arrow.array(values, type=arrow.string())
        if arrow.types.is_string(type_):
            return text
        if arrow.types.is_boolean(type_):
            return arrow.compute.equal(text, "t")
        try:
            return arrow.compute.cast(text, type_)
        except arrow.ArrowInvalid as error:
            raise ValidationError(
                column.name,
                column.type,
                f"this {column.type} column holds a value that parquet's {type_} cannot",
                hint="Cast the column to text in the query, or to numeric(p,s) if it holds long fractions.",
            ) from error


def _decimal_scale(values: Sequence[str | None]) -> int | None:
    """Digits after the point that a 38-digit decimal needs for all values; None when no such decimal can."""
    whole_digits = scale = 0
    for value in values:
        if value is None:
            continue
        if not value[-1].isdigit():
            return None
        whole, _, fraction = value.partition(".")
        whole_digits = max(whole_digits, len(whole.lstrip("-")))
        scale = max(scale, len(fraction))
    return scale if whole_digits + scale <= _DECIMAL_DIGITS else None


def _import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigurationError(
            "Writing parquet needs the library pyarrow, which is not installed.",
            hint="pip install 'zava[parquet]'",
        ) from error
    return pyarrow
