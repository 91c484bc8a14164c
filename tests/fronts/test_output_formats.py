"""Every output format, byte for byte, over values that have broken exporters before."""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from zava_cli.commands.output.formats import (
    Format,
    RenderOptions,
    choose_format,
    make_writer,
    write_result,
    write_stream,
)
from zava_cli.infra.errors import ConfigurationError, ValidationError
from zava_cli.models.query import Column, QueryResult, QueryStream, Row

GOLDEN = Path(__file__).parent / "golden"

HARD_COLUMNS = [
    Column("id", "int8"),
    Column("total", "numeric"),
    Column("ratio", "float8"),
    Column("ok", "bool"),
    Column("at", "timestamptz"),
    Column("span", "interval"),
    Column("tags", "text[]"),
    Column("doc", "json"),
    Column("raw", "bytea"),
    Column('say "%s"', "text"),
    Column("a|b,c", "text"),
    Column("id", "text"),
]
HARD_ROWS: list[Row] = [
    (
        "9223372036854775807",
        "12345678901234567890.1200",
        "0.1",
        "t",
        "2025-03-01 09:30:00.5-08",
        "1 mon 3 days -04:05:06.7",
        '{red,"two words",NULL}',
        '{"a": [1,\r\n 2.50]}',
        "\\xdeadbeef",
        'she said "hi", twice',
        "naïve 木 🔨 café",
        "plain",
    ),
    (
        "-1",
        "-0.001",
        "NaN",
        "f",
        "infinity",
        "00:00:00",
        "{}",
        "null",
        "\\x",
        "line one\nline two\ttab",
        "a|b*c_d <b>&amp;</b> `x` [l] C:\\new",
        "",
    ),
    (None,) * 12,
    (
        "0",
        "NaN",
        "-Infinity",
        "t",
        "0044-03-15 12:00:00+00 BC",
        "-1 days",
        "{1}",
        '"x"',
        "\\x00",
        "\x1b[31mred\x1b[0m \u202eright to left\u2066 \x08\x0b\x0c\r",
        " spaces ",
        "\\.",
    ),
]
HARD = QueryResult(HARD_COLUMNS, HARD_ROWS, truncated=False, elapsed=0.0)
SALES = QueryResult(
    [Column("store", "text"), Column("revenue", "numeric"), Column("day", "date"), Column("remark", "text")],
    [
        ("Seattle", "1234567.50", "2025-03-01", "A very long remark that no terminal has room for " * 3),
        ("Zürich 木", "-0.25", "2025-03-02", None),
    ],
    truncated=False,
    elapsed=0.0,
)


def rendered(result: QueryResult, format: Format, options: RenderOptions | None = None) -> bytes:
    out = io.BytesIO()
    write_result(make_writer(format, out, options or RenderOptions()), result)
    return out.getvalue()


def table_of(type_name: str, *values: str | None) -> QueryResult:
    return QueryResult([Column("x", type_name)], [(value,) for value in values], truncated=False, elapsed=0.0)


@pytest.mark.parametrize("format", [format for format in Format if format is not Format.PARQUET])
def test_hard_values_are_written_byte_for_byte_as_in_the_golden_file(format: Format) -> None:
    assert rendered(HARD, format) == (GOLDEN / f"hard_values.{format}").read_bytes()


def test_the_table_for_eighty_columns_matches_its_golden_file() -> None:
    written = rendered(SALES, Format.TABLE, RenderOptions(width=80))
    assert written == (GOLDEN / "eighty_columns.table").read_bytes()
    assert max(map(len, written.decode().splitlines())) <= 80


@pytest.mark.parametrize("format", [Format.CSV, Format.TSV, Format.JSON, Format.JSONL, Format.UNALIGNED])
def test_batches_give_the_same_bytes_as_one_write(format: Format) -> None:
    out = io.BytesIO()
    writer = make_writer(format, out, RenderOptions())
    writer.begin(HARD_COLUMNS)
    for row in HARD_ROWS:
        writer.write([row])
        writer.write([])
    writer.end()
    assert out.getvalue() == rendered(HARD, format)


async def test_a_stream_is_written_as_it_arrives_and_counted() -> None:
    out, before_the_second = io.BytesIO(), []

    async def batches() -> AsyncIterator[Sequence[Row]]:
        yield [("1",), ("2",)]
        before_the_second.append(out.getvalue())
        yield [("3",)]

    stream = QueryStream([Column("n", "int4")], batches())
    count = await write_stream(make_writer(Format.CSV, out, RenderOptions()), stream)
    assert (count, before_the_second, out.getvalue()) == (3, [b"n\n1\n2\n"], b"n\n1\n2\n3\n")


@pytest.mark.parametrize(
    ("format", "empty"),
    [
        (Format.CSV, b"x\n"),
        (Format.TSV, b"x\n"),
        (Format.JSON, b"[\n]\n"),
        (Format.JSONL, b""),
        (Format.MARKDOWN, b"| x |\n| ---: |\n"),
        (Format.VERTICAL, b""),
        (Format.UNALIGNED, b"x\n"),
        (Format.TABLE, "x\n─\n".encode()),
    ],
)
def test_a_result_without_rows_is_still_well_formed(format: Format, empty: bytes) -> None:
    assert rendered(table_of("int4"), format) == empty


@pytest.mark.parametrize(
    ("format", "bare"),
    [
        (Format.CSV, b"1\n\n"),
        (Format.TSV, b"1\n\\N\n"),
        (Format.UNALIGNED, b"1\n\n"),
        (Format.MARKDOWN, b"| 1 |\n| *NULL* |\n"),
        (Format.TABLE, b"   1\nNULL\n"),
        (Format.VERTICAL, b"x | 1\n\nx | NULL\n"),
    ],
)
def test_tuples_only_leaves_out_headers(format: Format, bare: bytes) -> None:
    assert rendered(table_of("int4", "1", None), format, RenderOptions(tuples_only=True)) == bare


def test_csv_tells_null_from_the_empty_string_and_quotes_a_lone_end_marker() -> None:
    assert rendered(table_of("text", None, "", "\\."), Format.CSV) == b'x\n\n""\n"\\."\n'


def test_json_keeps_every_digit_and_only_finite_numbers_are_numbers() -> None:
    values = ["1.10", "12345678901234567890.5", "NaN", "Infinity", None]
    written = rendered(table_of("numeric", *values), Format.JSON)
    parsed = json.loads(written, parse_float=Decimal)
    assert [row["x"] for row in parsed] == [
        Decimal("1.10"),
        Decimal("12345678901234567890.5"),
        "NaN",
        "Infinity",
        None,
    ]


@pytest.mark.parametrize("format", [Format.JSON, Format.JSONL, Format.PARQUET])
def test_duplicate_column_names_are_numbered_and_noted(format: Format) -> None:
    columns = [Column(name, "int4") for name in ("n", "n", "n_2", "n")]
    writer = make_writer(format, io.BytesIO(), RenderOptions())
    write_result(writer, QueryResult(columns, [("1", "2", "3", "4")], truncated=False, elapsed=0.0))
    assert writer.notes == ["Columns with the same name were renamed: n_3, n_4"]


def test_each_line_of_jsonl_is_one_object() -> None:
    lines = rendered(HARD, Format.JSONL).decode().removesuffix("\n").split("\n")
    assert [json.loads(line)["id_2"] for line in lines] == ["plain", "", None, "\\."]
    assert json.loads(lines[0])["doc"] == {"a": [1, 2.5]}


@pytest.mark.parametrize("format", [Format.TABLE, Format.MARKDOWN, Format.VERTICAL])
def test_no_control_or_bidi_character_reaches_a_reader(format: Format) -> None:
    text = rendered(HARD, format).decode()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert r"\x1b[31mred" in text.replace("\\[", "[")


def test_a_table_cuts_text_but_never_numbers_and_says_so() -> None:
    out = io.BytesIO()
    writer = make_writer(Format.TABLE, out, RenderOptions(width=60))
    write_result(writer, SALES)
    assert "1234567.50" in out.getvalue().decode()
    assert "…" in out.getvalue().decode()
    assert writer.notes == ["Long values were cut to the width of the terminal; --format vertical shows them whole."]


def test_a_table_cuts_no_sku() -> None:
    columns = [Column("sku", "text"), Column("name", "text")]
    hits = QueryResult(columns, [("PTHM001600-GREY", "a claw hammer")], truncated=False, elapsed=0.0)
    assert "PTHM001600-GREY  a cla…" in rendered(hits, Format.TABLE, RenderOptions(width=23)).decode()


def test_a_table_without_a_width_cuts_nothing() -> None:
    assert SALES.rows[0][3].strip() in rendered(SALES, Format.TABLE).decode()  # type: ignore[union-attr]


def test_a_single_column_is_folded_so_that_a_plan_can_be_read_whole() -> None:
    plan = "Seq Scan on orders  (cost=0.00..1.01 rows=1 width=40) (actual rows=1)"
    written = rendered(table_of("text", plan), Format.TABLE, RenderOptions(width=30)).decode()
    assert written.splitlines()[2:] != [plan]
    assert "".join(written.splitlines()[2:]).replace(" ", "") == plan.replace(" ", "")


def test_rows_too_wide_for_a_table_are_written_vertically_with_running_numbers() -> None:
    narrow = [(str(number), "x") for number in range(1000)]
    wide = [("9" * 70, "wide value")]
    result = QueryResult([Column("n", "numeric"), Column("t", "text")], narrow + wide, truncated=False, elapsed=0.0)
    written = rendered(result, Format.TABLE, RenderOptions(width=60)).decode()
    assert written.endswith(f"-[ RECORD 1001 ]-\nn | {'9' * 70}\nt | wide value\n")


def test_null_is_dim_on_a_colour_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert b"\x1b[2mNULL" in rendered(table_of("text", None), Format.TABLE, RenderOptions(width=80, color=True))


def test_options_follow_the_terminal_and_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "97")
    monkeypatch.delenv("NO_COLOR", raising=False)
    controller, terminal = os.openpty()
    with open(terminal, "wb", buffering=0) as raw, open(controller, "rb", buffering=0):  # noqa: PTH123  # descriptors
        out = io.BufferedWriter(raw)
        assert RenderOptions.for_output(out) == RenderOptions(width=97, color=True)
        monkeypatch.setenv("NO_COLOR", "1")
        assert not RenderOptions.for_output(out).color
        with pytest.raises(ConfigurationError, match="cannot be shown in a terminal"):
            make_writer(Format.PARQUET, out, RenderOptions())


def test_a_file_is_never_cut_to_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert RenderOptions.for_output(io.BytesIO()) == RenderOptions(width=None, color=False)


def test_the_suffix_chooses_the_format_unless_one_is_asked_for() -> None:
    assert choose_format(Path("sales.CSV"), None) is Format.CSV
    assert choose_format(Path("sales.csv"), Format.JSONL) is Format.JSONL
    assert choose_format(Path("-"), None) is Format.TABLE
    assert choose_format(None, None, default=Format.CSV) is Format.CSV
    assert choose_format(Path("/dev/null"), None) is Format.TABLE


def test_an_unknown_suffix_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match=r"sales\.xlsx") as caught:
        choose_format(Path("sales.xlsx"), None)
    assert ".csv, .tsv, .json, .jsonl, .md, .txt, .parquet" in (caught.value.hint or "")
