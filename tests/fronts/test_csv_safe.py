"""csv and tsv for spreadsheets: no text of the database becomes a formula, and numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pytest

from zava_cli.commands.output.formats import Format, RenderOptions, make_writer, write_result
from zava_cli.models.query import Column, QueryResult

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM(A1)", " =1", "\u00a0=1",
    "\ufeff=1", "\u200b=1", '=cmd|" /C calc"!A0', "-3.5", "-infinity", "-1 days", "=a,b", '="x"',
]  # fmt: skip
HARMLESS = ["", "a=1", "1-2", "Hammer -10%", "'=1", "zwölf", "a\n=1", "(1)"]


def written(format: Format, columns: list[Column], *rows: tuple[str | None, ...], csv_safe: bool = True) -> str:
    """What a writer makes of the rows."""
    out = io.BytesIO()
    result = QueryResult(columns=columns, rows=list(rows), truncated=False, elapsed=0)
    write_result(make_writer(format, out, RenderOptions(csv_safe=csv_safe)), result)
    return out.getvalue().decode()


@pytest.mark.parametrize("kind", ["text", "varchar", "jsonb", "interval", "date", "?"])
@pytest.mark.parametrize("value", FORMULAS)
def test_a_text_that_looks_like_a_formula_gets_a_quote(value: str, kind: str) -> None:
    text = written(Format.CSV, [Column("n", kind), Column("m", kind)], (value, None))
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [[f"'{value}", ""]]


@pytest.mark.parametrize("value", HARMLESS)
def test_other_texts_stay_as_they_are(value: str) -> None:
    columns = [Column("n", "text"), Column("m", "text")]
    assert written(Format.CSV, columns, (value, value)) == written(Format.CSV, columns, (value, value), csv_safe=False)


@pytest.mark.parametrize("kind", ["int4", "int8", "numeric", "float8", "money"])
@pytest.mark.parametrize("format", [Format.CSV, Format.TSV])
def test_a_number_stays_a_number(format: Format, kind: str) -> None:
    assert written(format, [Column("n", kind)], ("-3.5",), ("-Infinity",)) == "n\n-3.5\n-Infinity\n"


def test_headers_are_made_safe_whatever_the_type_of_their_column() -> None:
    assert written(Format.CSV, [Column("=1+1", "int4"), Column("-x", "text")], ("1", "y")) == "'=1+1,'-x\n1,y\n"


def test_tsv_keeps_its_own_escapes() -> None:
    columns = [Column("n", "text"), Column("m", "text")]
    assert written(Format.TSV, columns, ("\t=1", None), ("-a\nb", "")) == "n\tm\n'\\t=1\t\\N\n'-a\\nb\t\n"
