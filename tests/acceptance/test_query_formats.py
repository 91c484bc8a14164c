"""What `zava query` writes, in which form and where to."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.command_line import ZAVA, CommandLine

HARD = r"""
select 1.1000::numeric(10, 4) as exact, 12345678901234567890.123456789 as long, 0.1::float8 + 0.2 as float,
       'NaN'::float8 as nan, 'NaN'::numeric as exact_nan, '-Infinity'::float8 as less,
       'infinity'::timestamptz as forever, '-infinity'::date as never, '1 mon -2 days 03:00'::interval as span,
       '0044-03-15 BC'::date as ides, '2025-07-01 12:00:00.5+00'::timestamptz as summer,
       '2025-01-01 12:00+00'::timestamptz as winter, '20000-01-01'::date as far, '24:00'::time as late,
       NULL::text as nothing, ARRAY[1, NULL, 3] as list, ARRAY[['a b', 'c,d'], ['"', '{}']] as grid,
       '{"b": [1, 2], "a": null}'::jsonb as object, '{"b" : 1}'::json as text_object, '\xdeadbeef'::bytea as bytes,
       '[1,2.5,-3]'::vector as vector, E'a,b"c\nd\te\\f' as text, true as yes, 1 as x, 2 as x,
       'zwölf 東京 🔨' as words, int4range(1, 5) as span_of_ints, '10.0.0.1/8'::inet as net, B'101' as bits,
       'a'::"char" as one, 'pg_class'::name as name
"""


def test_csv_has_the_very_bytes_that_psql_writes(seattle: CommandLine) -> None:
    settings = "set timezone to 'America/Los_Angeles'"
    psql = seattle("db", "psql", "--admin", "-q", "--csv", "-c", settings, "-c", HARD)
    assert (psql.code, psql.err) == (0, "")
    for arguments in (("--csv",), (), ("--csv", "--limit", "5")):
        done = seattle("query", HARD, *arguments)
        assert (done.code, done.out, done.err) == (0, psql.out, "")


def test_null_and_an_empty_text_differ_in_every_format(seattle: CommandLine) -> None:
    sql = "select null::text as a, '' as b, 'x' as c"
    expected = {
        "csv": 'a,b,c\n,"",x\n',
        "tsv": "a\tb\tc\n\\N\t\tx\n",
        "json": None,
        "jsonl": '{"a":null,"b":"","c":"x"}\n',
    }
    for name, text in expected.items():
        done = seattle("query", sql, "--format", name)
        assert done.code == 0
        if text is not None:
            assert done.out == text
    assert json.loads(seattle("query", sql, "--json").out) == [{"a": None, "b": "", "c": "x"}]
    for name in ("table", "markdown", "vertical"):
        assert "NULL" in seattle("query", sql, "--format", name).out, name


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_a_limited_answer_is_written_as_an_unlimited_one(seattle: CommandLine, format: str) -> None:
    sql = HARD.replace("NULL::text as nothing", "NULL::text as nothing, '' as empty")
    streamed = seattle("query", sql, "--format", format)
    assert streamed.code == 0
    assert seattle("query", sql, "--format", format, "--limit", "1").out == streamed.out


@pytest.mark.parametrize(
    ("short", "long"),
    [("--csv", "csv"), ("--tsv", "tsv"), ("--json", "json"), ("--jsonl", "jsonl"), ("--markdown", "markdown"),
     ("-x", "vertical"), ("--expanded", "vertical"), ("-A", "unaligned"), ("--no-align", "unaligned")],
)  # fmt: skip
def test_the_shorthands_of_psql_mean_the_same_as_the_format(seattle: CommandLine, short: str, long: str) -> None:
    sql = "select sku, price from products order by sku"
    assert seattle("query", sql, short).out == seattle("query", sql, "--format", long).out != ""


@pytest.mark.parametrize("format", ["csv", "tsv", "table", "unaligned", "markdown"])
def test_tuples_only_leaves_out_the_header(seattle: CommandLine, format: str) -> None:
    with_header = seattle("query", "select sku from products", "--format", format).out
    without = seattle("query", "select sku from products", "--format", format, "-t").out
    assert ("SKU1" in without, "sku" in with_header, "sku" in without) == (True, True, False)


def test_a_terminal_gets_a_table_and_a_pipe_gets_csv(seattle: CommandLine) -> None:
    sql = "select sku, price from products order by sku limit 1"
    assert seattle("query", sql).out == "sku,price\nSKU1,2.0000\n"
    shown = seattle.on_terminal("query", sql)
    assert (shown.code, shown.err) == (0, "")
    assert [line.split() for line in shown.out.splitlines() if "─" not in line] == [
        ["sku", "price"],
        ["SKU1", "2.0000"],
    ]


def test_a_terminal_shows_500_rows_and_says_so_and_a_pipe_gets_all(seattle: CommandLine) -> None:
    sql = "select n from generate_series(1, 501) n"
    shown = seattle.on_terminal("query", sql, "-t")
    assert shown.out.split() == [str(n) for n in range(1, 501)]
    assert shown.err == "First 500 rows; there are more (--limit 0 shows all).\n"
    assert len(seattle("query", sql, "-t").out.split()) == 501
    assert len(seattle("query", sql, "-t", "--format", "table").out.split()) == 501
    whole = seattle.on_terminal("query", sql, "-t", "--limit", "0")
    assert (len(whole.out.split()), whole.err) == (501, "")
    exactly = seattle.on_terminal("query", "select n from generate_series(1, 500) n", "-t")
    assert (len(exactly.out.split()), exactly.err) == (500, "")


def test_a_reader_is_told_that_there_are_no_rows_and_a_program_is_not(seattle: CommandLine) -> None:
    assert seattle.on_terminal("query", "select name from stores where false").err == "No rows.\n"
    assert seattle("query", "select name from stores where false").err == ""
    assert seattle("token", "list", "--format", "vertical").err == "No rows.\n"
    assert seattle("audit", "--until", "2000-01-01", "--format", "markdown").err == "No rows.\n"
    assert seattle("audit", "--until", "2000-01-01", "--format", "csv").err == ""


def test_a_limit_is_said_wherever_the_answer_goes(seattle: CommandLine) -> None:
    done = seattle("query", "select n from generate_series(1, 5000) n", "-t", "--limit", "3")
    assert (done.out, done.err) == ("1\n2\n3\n", "First 3 rows; there are more (--limit 0 shows all).\n")


def test_an_answer_without_rows_still_has_its_header(seattle: CommandLine) -> None:
    assert seattle("query", "select sku, price from products where false").out == "sku,price\n"
    assert json.loads(seattle("query", "select sku from products where false", "--json").out) == []


# Files


@pytest.mark.parametrize(
    ("name", "start"),
    [("r.csv", b"n,t\n1,"), ("r.tsv", b"n\tt\n1\t"), ("r.jsonl", b'{"n":1,'), ("r.json", b"["), ("r.md", b"|"),
     ("r.parquet", b"PAR1")],
)  # fmt: skip
def test_the_suffix_of_a_file_says_its_format(seattle: CommandLine, tmp_path: Path, name: str, start: bytes) -> None:
    done = seattle("query", "select n, 'x' as t from generate_series(1, 1000) n", "-o", tmp_path / name)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_csv_safe_makes_a_file_that_spreadsheets_read_as_text(
    seattle: CommandLine, tmp_path: Path, format: str
) -> None:
    sql = "select '=1+1' as \"@a\", -3.5 as n, sku from products where sku = 'SKU1'"
    separator = {"csv": ",", "tsv": "\t"}[format]
    expected = f"'@a{separator}n{separator}sku\n'=1+1{separator}-3.5{separator}SKU1\n"
    for more in ((), ("--limit", "5")):
        assert seattle("query", sql, "--csv-safe", "--format", format, *more).out == expected
        done = seattle("query", sql, "--csv-safe", "-o", tmp_path / f"result.{format}", *more)
        assert (done.code, (tmp_path / f"result.{format}").read_text()) == (0, expected)


def test_csv_safe_means_csv_on_a_terminal_too_and_goes_with_no_other_format(seattle: CommandLine) -> None:
    assert seattle.on_terminal("query", "select '-1' as n", "--csv-safe").out == "n\n'-1\n"
    for format in ("table", "json", "jsonl", "markdown", "vertical", "unaligned", "parquet"):
        done = seattle("query", "select 1", "--csv-safe", "--format", format)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"Error: csv-safe: {format} is no format that spreadsheets")


@pytest.mark.parametrize("format", ["csv", "json"])
def test_a_query_that_fails_late_leaves_the_old_file_as_it_was(
    seattle: CommandLine, tmp_path: Path, format: str
) -> None:
    file = tmp_path / f"result.{format}"
    file.write_text("old")
    done = seattle("query", "select 1 / (99999 - n) from generate_series(1, 100000) n", "-o", file)
    assert (done.code, file.read_text()) == (1, "old")
    assert "division by zero" in done.err
    assert list(tmp_path.iterdir()) == [file]


def test_a_reader_that_goes_away_ends_the_query_quietly(seattle: CommandLine) -> None:
    command = " ".join([*ZAVA, "query", "'select n from generate_series(1, 3000000) n'", "|", "head", "-n", "2"])
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        env=seattle.environment(),
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"n\n1\n", b"")
