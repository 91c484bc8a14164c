"""parquet through pyarrow (the extra `parquet`): typed columns, one row group per 65,536 rows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from zava_cli.commands.output.columns import BOOLEAN_TYPES, NUMERIC_TYPES, unique_names
from zava_cli.infra.errors import ConfigurationError, ValidationError

if TYPE_CHECKING:
    from zava_cli.models.query import Column, Row

_GROUP_ROWS = 65_536
_DECIMAL_DIGITS = 38
_TIMESTAMPTZ_TYPES = frozenset({"timestamptz", "timestamp with time zone"})
_ARROW_NAMES = {
    **dict.fromkeys(("int2", "smallint"), "int16"),
    **dict.fromkeys(("int4", "integer"), "int32"),
    **dict.fromkeys(("int8", "bigint"), "int64"),
    **dict.fromkeys(("float4", "real"), "float32"),
    **dict.fromkeys(("float8", "double precision"), "float64"),
    **dict.fromkeys(BOOLEAN_TYPES, "bool"),
    **dict.fromkeys(("timestamp", "timestamp without time zone"), "timestamp[us]"),
    "date": "date32",
}


class ParquetResultWriter:
    """Integers, floats, booleans, dates and times become Arrow's own types, numeric a decimal, the rest text.

    A numeric column's scale is taken from the first row group; a column that holds NaN there, or more than
    38 digits, is text. A later value that does not fit its column raises ValidationError: nothing is rounded.
    """

    def __init__(self, out: BinaryIO) -> None:
        self.notes: list[str] = []
        self._arrow, self._compute, self._parquet = _import_pyarrow()
        if out.isatty():
            raise ConfigurationError(
                "Parquet is a binary format and cannot be shown in a terminal.",
                hint="Write it to a file with --output result.parquet.",
            )
        self._sink = _Sink(out)
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
        if self._pending or not self._writer:
            self._write_group(self._pending)
            self._pending = []
        self._sink.is_listening = True
        self._writer.close()

    def _write_group(self, rows: Sequence[Row]) -> None:
        arrow = self._arrow
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._columns)
        if self._schema is None:
            types = [self._arrow_type(column, values) for column, values in zip(self._columns, columns, strict=True)]
            self._schema = arrow.schema(list(zip(self._names, types, strict=True)))
        arrays = [
            self._array(column, values, field.type)
            for column, values, field in zip(self._columns, columns, self._schema, strict=True)
        ]
        batch = arrow.Table.from_arrays(arrays, schema=self._schema)
        self._sink.is_listening = True
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._writer.write_table(batch)
        self._sink.is_listening = False

    def _arrow_type(self, column: Column, values: Sequence[str | None]) -> Any:
        arrow = self._arrow
        if column.type in NUMERIC_TYPES:
            scale = _decimal_scale(values)
            return arrow.string() if scale is None else arrow.decimal128(_DECIMAL_DIGITS, scale)
        if column.type in _TIMESTAMPTZ_TYPES:
            return arrow.timestamp("us", tz="UTC")
        return arrow.type_for_alias(_ARROW_NAMES.get(column.type, "string"))

    def _array(self, column: Column, values: Sequence[str | None], type_: Any) -> Any:
        arrow = self._arrow
        text = arrow.array(values, type=arrow.string())
        if arrow.types.is_string(type_):
            return text
        if arrow.types.is_boolean(type_):
            return self._compute.equal(text, "t")
        try:
            return self._compute.cast(text, type_)
        except arrow.ArrowInvalid as error:
            raise ValidationError(
                column.name,
                column.type,
                f"this {column.type} column holds a value that parquet's {type_} cannot",
                hint="Cast the column to text in the query, or to numeric(p,s) if it holds long fractions.",
            ) from error


class _Sink:
    """The file as pyarrow sees it; what pyarrow writes at other times than ours is dropped.

    Its writer adds the footer even when it is only garbage-collected after an error, and half a result would
    look whole.
    """

    closed = False

    def __init__(self, out: BinaryIO) -> None:
        self.is_listening = False
        self._out = out
        self._position = 0

    def write(self, data: bytes) -> int:
        if self.is_listening:
            self._out.write(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """`out` is flushed by whoever opened it."""

    def close(self) -> None:
        """`out` stays open, as with every other writer."""


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


def _import_pyarrow() -> tuple[Any, Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.compute"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigurationError(
            "Writing parquet needs the library pyarrow, which is not installed.", hint="pip install 'zava[parquet]'"
        ) from error
