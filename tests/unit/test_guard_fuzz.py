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
    "(select 'a' from orders having {} = 'a')", "(select 'a' limit length({}))", "(select 'a' offset length({}))",
    "(select distinct on ({}) 'a')", "(select 'a' from orders a left join orders b on {} = 'a')",
    "(select x from (select {} offset 0) as s(x))", "(values ({}), ('a') order by 1 limit 1)",
    "(select 'a' except all select {})", "(select 'a' from generate_series(1, length({})))",
    "(select 'a' from rows from (unnest(array[{}]), generate_series(1, 2)) as r(a, b))",
    "(select 'a' from orders tablesample bernoulli (length({})))", "json_value('{{}}', '$.a' default {} on empty)",
    "(select a from json_table(({})::jsonb, '$' columns (a text path '$')) as j)", "xmlelement(name a, {})::text",
    "xmlserialize(content ({})::xml as text)", "(array['a', {}])[1]", "(array['a'])[length({})]",
    "('{{}}'::jsonb)[{}]::text", "mode() within group (order by {})", "string_agg('a', ',' order by {})",
    "lag('a', 1, {}) over (order by 1)", "sum(1) over (order by length({}) rows 1 preceding)::text",
    "(select sum(1) over w from orders window w as (partition by {}))::text", "nullif({}, 'b')",
    "(select 'a' group by grouping sets (({}), ()))", "case {0} when 'a' then 'b' else {0} end",
    "({} between 'a' and 'b')::text", "({} like 'a' escape 'b')::text", "({} is distinct from 'a')::text",
    "({} in ('a', 'b'))::text", "(not ({} = 'a'))::text", "substring({} from 1 for 2)",
    "overlay('a' placing {} from 1)", "(now() at time zone {})::text", "extract(day from ({})::date)::text",
    "format(fmt => {})", "concat(variadic array[{}])",
    "(with a as materialized (select {} as x), b as not materialized (table a) select x from b)",
    "(select x from lateral (values ({})) as v(x) cross join (select 1) as o)", "/* {{ */ ({}) -- }}\n",
    "(select l.x from orders o, lateral (select {} where o.store_id is not null) as l(x))",
    "(with recursive r(x) as (values ('a') union all select {} from r) cycle x set c using p select x from r)",
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
    "regproc": "'pg_sleep'::regproc::text",
    "nextval": "nextval('s')::text",
    "pg_advisory_lock": "pg_advisory_lock(1)::text",
    "lo_get": "lo_get(1)::text",
    "query_to_xml": "query_to_xml('select 1', true, true, '')::text",
    "pg_notify": "pg_notify('a', 'b')::text",
    "pg_relation_size": "pg_relation_size('orders')::text",
    "pg_stats": "(select tablename::text from only pg_catalog.pg_stats)",
    "pg_locks": "(table pg_locks)",
    "reltuples": "(select reltuples::text from pg_class)",
    "UPDATE": "(with u as (update orders set status = 'a' returning 1) select 'a')",
    "INSERT": "(with i as (insert into orders default values returning 1) select 'a')",
    "MERGE": "(with m as (merge into t using u on true when matched then delete returning 1) select 'a')",
    "security.+": "(1 operator(security.+) 2)::text",
}
STATEMENTS = [
    "select {}", "values ({})", "explain select {}", "select * from orders where {} = 'a'", "(select {})",
    "explain (format json, costs off) (select {})", "with a as (select {}) select * from a", "select 1 union select {}",
    ";; select {} ; ;", "select 'pg_sleep(1)', {}",
]  # fmt: skip
LONGEST = 20_000


def wrapped(core: str, wraps: list[str], statement: str) -> str:
    for wrap in wraps:
        around = wrap.format(core, core)
        # Some wraps hold what they wrap twice.
        core = around if len(around) < LONGEST else core
    return statement.format(core)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(sorted(REFUSED)), st.lists(st.sampled_from(WRAPS), max_size=8), st.sampled_from(STATEMENTS))
def test_no_wrapping_hides_a_refused_construct(construct: str, wraps: list[str], statement: str) -> None:
    assert check_query(wrapped("upper('a')", wraps, statement)).kind in ("select", "explain")
    sql = wrapped(REFUSED[construct], wraps, statement)
    with pytest.raises(QueryRefusedError) as caught:
        check_query(sql)
    assert caught.value.construct == construct


NAMES = [
    "set_config",
    "pg_sleep",
    "lo_import",
    "pg_read_file",
    "nextval",
    "ts_stat",
    "pg_notify",
    "pg_terminate_backend",
]
BLANKS = ["", " ", "\n", "/**/", " /* ( */ ", " -- (\n"]


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """A refused function's name, and a spelling of a call of it that PostgreSQL's parser takes for the same."""
    name = draw(st.sampled_from(NAMES))
    kind = draw(st.sampled_from(["plain", "quoted", "escaped", "own escape"]))
    if kind == "plain":
        written = "".join(draw(st.sampled_from([letter, letter.upper()])) for letter in name)
    elif kind == "quoted":
        written = f'"{name}"'
    else:
        sign = "\\" if kind == "escaped" else "!"
        spelt = (draw(st.sampled_from([c, f"{sign}{ord(c):04x}", f"{sign}+{ord(c):06X}"])) for c in name)
        written = f'{draw(st.sampled_from("uU"))}&"{"".join(spelt)}"' + ("" if sign == "\\" else " uescape '!'")
    blank = draw(st.sampled_from(BLANKS))
    schema = draw(st.sampled_from(["", "pg_catalog", '"pg_catalog"', "PG_CATALOG", 'U&"pg\\005fcatalog"']))
    call = f"{schema}{blank}.{blank}{written}" if schema else written
    form = draw(st.sampled_from(["{}{}('a')", "{}{}()", "{}{}(variadic array['a'])", "{}{}(a => 1)", "{}{}(distinct 1)",
                                 "{}{}(*)", "{}{}(1) over ()", "{}{}(1) filter (where true)",
                                 "{}{}(1) within group (order by 1)"]))  # fmt: skip
    return name, form.format(call, blank)


@settings(max_examples=400, deadline=None)
@given(
    spellings(),
    st.lists(st.sampled_from(WRAPS), max_size=3),
    st.sampled_from(["{}::text", "(select x::text from {} as x)"]),
)
def test_no_spelling_hides_a_refused_function(spelt: tuple[str, str], wraps: list[str], place: str) -> None:
    name, call = spelt
    from_clause = place.startswith("(") and any(word in call for word in ("over", "filter", "within", "*", "distinct"))
    sql = wrapped(f"{call}::text" if from_clause else place.format(call), wraps, "select {}")
    with pytest.raises(QueryRefusedError) as caught:
        check_query(sql)
    assert caught.value.construct == name


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["'{}'", "$q${}$q$", "E'{}'", '"{}"', "/* {} */ 1", "1 -- {}\n"]))
def test_what_stands_in_a_literal_a_name_or_a_remark_is_never_taken_for_sql(text: str, form: str) -> None:
    harmless = text.translate(dict.fromkeys(map(ord, "'\"\\$*/-\n\r\0"))) + "; delete from t; set_config()"
    if any("\ud800" <= character <= "\udfff" for character in harmless):
        return
    assert check_query("select " + form.format(harmless)).kind == "select"
