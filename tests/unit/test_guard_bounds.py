"""No text keeps the guard busy: below the cap an answer in under 200 ms, above it at once."""

from __future__ import annotations

import time

import pytest

from zava_cli.data.guard.check import check_query
from zava_cli.data.guard.explain import explained
from zava_cli.data.guard.placeholders import bind_named, original_position
from zava_cli.infra.errors import DatabaseError, MCPError

CAP = 65_536
BELOW = 0.2
TRIES = 5
ABOVE = 0.02


def chain(start: str, link: str, end: str = "", *, size: int = CAP) -> str:
    """As many links as fit."""
    return start + link * ((size - len((start + end).encode())) // len(link.encode())) + end


def nest(before: str, opening: str, core: str, closing: str, after: str = "", *, size: int = CAP) -> str:
    """As many brackets of a kind as fit around the core."""
    count = (size - len(before + core + after)) // len(opening + closing)
    return before + opening * count + core + closing * count + after


HEAVY = {
    "30,000 terms": "select 1" + "+1" * 30_000,
    "4,000 terms": "select 1" + " + 1" * 4_000,
    "numbers": chain("select 1", ",1"),
    "as many numbers as pass": "select 1" + ",1" * 10_200,
    "an IN list": chain("select 1 where 1 in (1", ",1", ")"),
    "an IN list of texts": chain("select 1 where 'a' in ('a'", ",'abcdef'", ")"),
    "values": chain("values (1)", ",(1)"),
    "AND": chain("select a", " and b"),
    "unions": chain("select 1", " union select 1"),
    "statements": chain("select 1", ";select 1"),
    "semicolons": ";" * CAP,
    "operators": "select 1 " + "+-*/<>=~!@#%^&|" * 4_000,
    "broken operators": chain("select 1", " <> - 1"),
    "casts": chain("select 1", "::int"),
    "columns with casts": chain("select 1", ",1::int"),
    "subscripts": chain("select a", "[1]"),
    "fields": chain("select a", ".b"),
    "stars": chain("select a.*", ",a.*"),
    "joins": chain("select 1 from a", " cross join a"),
    "tables": chain("select 1 from a", ", a"),
    "calls": chain("select now()", ",now()"),
    "a mistyped call after many": chain("select now()", ",now()", ",nowx()"),
    "catalog columns": chain("select c.oid", ",c.oid", " from pg_class c"),
    "catalog tables": chain("select 1 from pg_class", ", pg_class"),
    "INTO at the end": chain("select 1", ",1", " into t"),
    "locks": chain("select (select 1 for update)", ",(select 1 for update)"),
    "placeholders": chain("select $a", ",$a"),
    "numbered placeholders": chain("select $1", ",$1"),
    "different placeholders": "select " + ",".join(f"$a{n}" for n in range(8_000)),
    "placeholders that are open": chain("select $a", ",$a", ",'"),
    "dollar quotes": chain("select ", "$a$"),
    "open dollar quotes": chain("select ", "$a$ $b$ "),
    "dollars": "$" * CAP,
    "quotes": chain("select '", "''"),
    "wide literals": chain("select 1", ",'€'"),
    "wide names": chain("select 1", ',"€"'),
    "one wide literal": chain("select '", "€", "'"),
    "escapes": chain("select E'", "\\u0041", "'"),
    "unicode escapes": chain("select U&'", "\\0041", "'"),
    "comments": chain("select 1 ", "/**/"),
    "nested comments": nest("", "/*", "", "*/", "select 1"),
    "open comments": "/*" * (CAP // 2),
    "comment starts": chain("select 1 ", "/* "),
    "lines of comments": "--\n" * (CAP // 3),
    "dashes": "-" * CAP,
    "one long name": "select " + "a" * 65_000,
    "one long call": "select " + "a" * 65_000 + "()",
    "one long regproc": "select '" + "a(" + "a," * 30_000 + "'::regproc",
    "blanks": " " * CAP,
    "NUL": "select 1" + " " * 60_000 + "\0",
    "half a surrogate": "select 1" + " " * 60_000 + "\ud800",
    "brackets": nest("select ", "(", "1", ")"),
    "open brackets": "select " + "(" * 65_000,
    "arrays": nest("select ", "array[", "1", "]"),
    "rows": nest("select ", "row(", "1", ")"),
    "CASE": nest("select ", "case when true then ", "1", " end"),
    "branches of CASE": chain("select case", " when a then b", " end"),
    "sub-queries": nest("select ", "(select ", "1", ")"),
    "tables in tables": nest("select * from ", "(select * from ", "t", ") x"),
    "joins in brackets": nest("select 1 from ", "(", "a", " cross join a)"),
    "CTEs in CTEs": nest("", "with a as (", "select 1", ") select 1"),
    "CTEs": chain("with a as (select 1)", ",a as (select 1)", " select 1"),
    "jsonpath": chain("select '$", "[*]", "'::jsonpath"),
    "nested paths": nest("select * from json_table('', '$' columns (", "nested path '' columns (", "a int", ")", "))"),
    "NOT": chain("select ", "not ", "true"),
    "signs": chain("select ", "- ", "1"),
    "EXPLAIN": chain("", "explain ", "select 1"),
    "options of EXPLAIN": chain("explain (costs off", ", costs off", ") select 1"),
    "columns of an UPDATE": "update t set (" + "a," * 15_000 + "a) = (" + "1," * 15_000 + "1)",
}  # fmt: skip


def _seconds(sql: str) -> float:
    """CPU seconds of all threads, since other tests share the machine."""
    started = time.process_time()
    _answered(sql)
    return time.process_time() - started


VALUES = {"a": "x"}
MANY_VALUES = {f"a{n}": "x" for n in range(8_000)}


def _answered(sql: str) -> None:
    """What services.query does with a text before it is sent."""
    try:
        text, _ = bind_named(sql, MANY_VALUES if "$a7999" in sql else VALUES if "$a," in sql else {})
        query = check_query(text)
        explained(query, wanted=True, costs=False).original_position(len(sql))
        original_position(sql, len(text))
    except MCPError as error:
        assert error.message


@pytest.mark.parametrize("kind", HEAVY)
def test_every_text_below_the_cap_is_answered_in_time(kind: str) -> None:
    sql = HEAVY[kind]
    assert len(sql.encode("utf-8", "surrogatepass")) <= CAP
    assert any(_seconds(sql) < BELOW for _ in range(TRIES))


@pytest.mark.parametrize(
    "text", ["x" * 10_000_000, "€" * 4_000_000, "\0" * 10_000_000, "$a," * 4_000_000, "(" * 10_000_000]
)
def test_every_text_above_the_cap_is_refused_at_once(text: str) -> None:
    for work in (check_query, lambda sql: bind_named(sql, {"a": "x"})):
        started = time.process_time()
        with pytest.raises(DatabaseError, match="longer than"):
            work(text)
        assert time.process_time() - started < ABOVE
