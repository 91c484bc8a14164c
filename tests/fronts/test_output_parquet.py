"""Parquet files hold typed, exact values, or an error says which column cannot."""

from __future__ import annotations

import gc
import io
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyarrow import parquet

from zava_cli.commands.output.formats import Format, RenderOptions, make_writer, write_result
from zava_cli.infra.errors import ConfigurationError, ValidationError
from zava_cli.models.query import Column, QueryResult


def parquet_of(result: QueryResult) -> bytes:
    out = io.BytesIO()
    write_result(make_writer(Format.PARQUET, out, RenderOptions()), result)
    return out.getvalue()


def read_back(data: bytes) -> Any:
    return parquet.read_table(io.BytesIO(data))  # pyright: ignore[reportUnknownVariableType]  # pyarrow is untyped


def table_of(type_name: str, *values: str | None) -> QueryResult:
    return QueryResult([Column("x", type_name)], [(value,) for value in values], truncated=False, elapsed=0.0)


def test_parquet_keeps_types_and_exact_decimals() -> None:
    result = QueryResult(
        [Column(name, name) for name in ("int2", "numeric", "float8", "bool", "date", "timestamptz", "uuid")],
        [
            ("7", "1234.5600", "NaN", "t", "2025-03-01", "2025-03-01 09:30:00.25-08", "u-1"),
            (None,) * 7,
            ("-7", "-0.1", "1e-07", "f", "0001-01-01", "2025-03-01 09:30:00+05:30", ""),
        ],
        truncated=False,
        elapsed=0.0,
    )
    table = read_back(parquet_of(result))
    first, second, third = (tuple(row.values()) for row in table.to_pylist())
    assert str(table.schema.field("int2").type) == "int16"
    assert first[1] == Decimal("1234.5600") and third[1] == Decimal("-0.1")
    assert first[3:] == (True, date(2025, 3, 1), datetime(2025, 3, 1, 17, 30, 0, 250_000, UTC), "u-1")
    assert second == (None,) * 7
    assert third[2:] == (1e-07, False, date(1, 1, 1), datetime(2025, 3, 1, 4, 0, tzinfo=UTC), "")


def test_parquet_writes_numbers_that_no_decimal_holds_as_text() -> None:
    for value in ("NaN", "1" * 39):
        table = read_back(parquet_of(table_of("numeric", "1.5", value)))
        assert table.column("x").to_pylist() == ["1.5", value]


@pytest.mark.parametrize(
    ("type_name", "value"),
    [("date", "infinity"), ("timestamptz", "0044-03-15 12:00:00+00 BC"), ("date", "20000-01-01")],
)
def test_parquet_names_the_column_whose_value_does_not_fit(type_name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=r"^x: ") as caught:
        parquet_of(table_of(type_name, value))
    assert "Cast the column to text" in (caught.value.hint or "")


def test_parquet_refuses_a_later_value_rather_than_round_it() -> None:
    rows = ["1.25"] * 65_536 + ["1.255"]
    with pytest.raises(ValidationError, match="numeric"):
        parquet_of(table_of("numeric", *rows))


def test_half_a_result_never_looks_like_a_whole_parquet_file() -> None:
    out = io.BytesIO()
    writer = make_writer(Format.PARQUET, out, RenderOptions())
    writer.begin([Column("x", "int4")])
    writer.write([("1",)] * 100_000)
    del writer
    gc.collect()
    with pytest.raises(ValueError, match="Parquet"):
        read_back(out.getvalue())


def test_parquet_without_its_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError) as caught:
        make_writer(Format.PARQUET, io.BytesIO(), RenderOptions())
    assert caught.value.hint == "pip install 'zava[parquet]'"
