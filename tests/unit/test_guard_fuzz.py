"""Hypothesis against the guard: no text ends the process, and no wrapping hides a refused construct."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zava_cli.data.guard.check import check_query
from zava_cli.infra.errors import QueryRefusedError

CAP = 65_536

# Reads one JSON text per line and answers each with one word; a crash shows as a missing answer.
WORKER = """
import json, sys
from zava_cli.data.guard.check import check_query
from zava_cli.data.guard.placeholders import bind_named
from zava_cli.infra.errors import DatabaseError, MCPError
for line in sys.stdin:
    sql = json.loads(line)
    try:
        bind_named(sql, {})
    except MCPError:
        pass
    try:
        print(check_query(sql).kind, flush=True)
    except DatabaseError as error:
        print(error.error_code, flush=True)
"""

# (before, opening, core, closing, after): opening and closing are repeated.
NESTS = [
    ("select ", "(", "1", ")", ""),
    ("select ", "case when true then ", "1", " end", ""),
    ("select ", "(select ", "1", ")", ""),
    ("select * from ", "(select * from ", "t", ") x", ""),
    ("select 1 from ", "(", "a", " cross join a)", ""),
    ("select ", "not ", "true", "", ""),
    ("select ", "- ", "1", "", ""),
    ("select ", "exists (select ", "1", ")", ""),
    ("select ", "array[", "1", "]", ""),
    ("select ", "row(", "1", ")", ""),
    ("select ", "lower(", "'a'", ")", ""),
    ("select ", "json_object(1: ", "1", ")", ""),
    ("select ", "a and (b or ", "c", ")", ""),
    ("", "with a as (", "select 1", ") select 1", ""),
    ("select ", "sum(", "1", ") over ()", ""),
    ("select 1 group by ", "grouping sets (", "a", ")", ""),
    ("", "/* ", "", " */", "select 1"),
    ("", "/*", "", "*/", "select 1"),
    ("select ", "$a$ ", "", "", ""),
    ("explain ", "(", "select 1", ")", ""),
]
CHAINS = [
    ("select 1", "+1"), ("select 1", " union select 1"), ("select 1", " union all select 1"),
    ("select 'a'", "||'a'"), ("select a", "->'b'"), ("select a", "->>'b'"), ("select a", " and b"),
    ("select a", " or b"), ("select 1", "::int"), ("select 1 from a", " cross join a"), ("select 1 from a", ", a"),
    ("select a", "[1]"), ("select a", ".b"), ("select 1", " is null"), ("select a", ' collate "C"'),
    ("select a", " at time zone b"), ("select 1::int", "[]"), ("values (1)", ",(1)"), ("select 1", ",1"),
    ("select 1", ";select 1"), ("select 1 where 1 in (1)", " or 1 in (2)"), ("select 1 ", "+-"), ("select 1 ", "- "),
    ("select '", "''"), ("select ", "€"), ("select 1", ',"€"'), ("select ", "1.."), (";", ";"), ("select $a", ",$a"),
    ("update t set (a", ",a"), ("select 1 from t where a", " in (select 1)"), ("select a", " between b and c"),
    ("select case", " when a then b"), ("select 1 order by a", ",a"), ("select a(b", "=>c,b"), ("select \\", "\\"),
]  # fmt: skip


@st.composite
def heavy_texts(draw: st.DrawFn) -> str:
    """A nest or a chain, sometimes one within the other, up to the size cap."""
    size = draw(st.sampled_from([200, 900, 3_000, 12_000, 40_000, CAP]))
    start, link = draw(st.sampled_from(CHAINS))
    chain = start + link * max(1, (size - len(start.encode())) // len(link.encode()))
    if draw(st.booleans()):
        return chain
    before, opening, core, closing, after = draw(st.sampled_from(NESTS))
    if core and draw(st.booleans()):
        core = f"({start}{link * draw(st.integers(1, 50))})"
    count = max(1, (size - len(before + core + after)) // len(opening + closing))
    missing = draw(st.sampled_from([0, 0, 1]))
    return before + opening * count + core + closing * (count - missing) + after


@settings(max_examples=6, deadline=None)
@given(st.lists(heavy_texts() | st.text(max_size=200), min_size=25, max_size=40))
def test_every_heavy_text_gets_an_answer_and_the_process_lives(texts: list[str]) -> None:
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=lines, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split()
    assert len(answers) == len(texts)
    assert set(answers) <= {"select", "explain", "show", "QUERY_REFUSED", "DATABASE_ERROR"}


WRAPS = [
    "(select {})", "coalesce({}, 'a')", "array[{}]::text", "case when {} is null then 'a' end", "lower({})",
    "({}) || 'a'", "(select max({}) from orders)", "jsonb_build_object('a', {})::text", "json_object('a': {})::text",
    "(with a as (select {} as x) select x from a)", "(select x from (values ({})) as v(x))",
    "(select x::text from lateral (select {}) as l(x))", "string_agg({}, ',')", "cast({} as text)", "(row({}))::text",
    "(select 'a' union select {})", "(select y from unnest(array[{}]) as y)", "trim({})", "greatest({}, 'a')",
    "(with recursive r as (select {} as x union select x from r) select x from r)", 'upper({}) collate "C"',
    "(select sum(1) over (partition by {}) from orders)::text", "first_value({}) over (order by 1)",
    "(select 'a' where {} = 'b')", "(select 'a' order by {})", "(select 'a' from orders group by {})",
    "count(*) filter (where {} = 'a')::text", "exists (select {})::text", "('a' = any (array[{}]))::text",
]  # fmt: skip
REFUSED = {
    "set_config": "set_config('a', 'b', true)",
    "current_setting": "('a'::text).current_setting",
    "pg_sleep": 'U&"pg\\005fsleep"(1)::text',
    "ts_stat": "(select word from ts_stat('select 1'))",
    "pg_read_file": "pg_catalog.\"pg_read_file\"('a')",
    "DELETE": "(with d as (delete from orders returning 1) select 'a' from d)",
    "FOR UPDATE": "(select 'a' from orders for update)",
    "pg_stat_activity": "(select query from pg_stat_activity)",
    "security.keys": "(select pad from security.keys)",
    "regrole": "10::oid::regrole::text",
}
STATEMENTS = ["select {}", "values ({})", "explain select {}", "select * from orders where {} = 'a'", "(select {})"]


def wrapped(core: str, wraps: list[str], statement: str) -> str:
    for wrap in wraps:
        core = wrap.format(core)
    return statement.format(core)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(REFUSED)), st.lists(st.sampled_from(WRAPS), max_size=8), st.sampled_from(STATEMENTS))
def test_no_wrapping_hides_a_refused_construct(construct: str, wraps: list[str], statement: str) -> None:
    assert check_query(wrapped("upper('a')", wraps, statement)).kind in ("select", "explain")
    sql = wrapped(REFUSED[construct], wraps, statement)
    with pytest.raises(QueryRefusedError) as caught:
        check_query(sql)
    assert caught.value.construct == construct
