"""What the guard lets through, what it refuses, and how well it says so."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.hostile_statements import attack_statements
from zava_cli.data.guard import names
from zava_cli.data.guard.check import SHORT, check_query
from zava_cli.data.guard.placeholders import bind_named, original_position
from zava_cli.infra.errors import DatabaseError, QueryRefusedError, ValidationError
from zava_cli.infra.operations import OperationRecord, Way, operation

HERE = Path(__file__).parent


def read(file: str) -> dict[str, Any]:
    return tomllib.loads((HERE / file).read_text(encoding="utf-8"))


ALLOWED = [(kind, sql) for group in read("guard_allowed.toml")["allowed"] for kind, sql in group["cases"]]
REFUSED = [
    (construct, at[0] if at else None, sql)
    for group in read("guard_refused.toml")["refused"]
    for construct, sql, *at in group["cases"]
]
ATTACKS = attack_statements()


@pytest.mark.parametrize(("kind", "sql"), ALLOWED)
def test_an_honest_statement_passes_as_what_it_is(kind: str, sql: str) -> None:
    checked = check_query(sql)
    assert checked.kind == kind
    assert check_query(checked.sql) == checked


@pytest.mark.parametrize(("construct", "at", "sql"), REFUSED)
def test_a_refusal_names_the_construct_its_place_and_the_way_out(construct: str, at: str | None, sql: str) -> None:
    with pytest.raises(QueryRefusedError) as caught:
        check_query(sql)
    error = caught.value
    assert error.construct == construct
    assert error.hint
    if construct == "empty query":
        return
    assert error.position is not None
    assert 1 <= error.position <= len(sql)
    if at is not None:
        assert sql[error.position - 1 :].lower().startswith(at.lower())


def test_no_statement_of_an_independent_attacker_passes() -> None:
    passed: list[str] = []
    for sql in ATTACKS:
        try:
            check_query(sql)
        except QueryRefusedError as error:
            assert error.hint, sql
        except DatabaseError as error:
            assert error.sqlstate == "42601", sql
        else:
            passed.append(sql)
    assert passed == []
    assert len(ATTACKS) >= 600


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len({sql for _, sql in ALLOWED}) >= 200
    assert len({sql for _, _, sql in REFUSED}) >= 400


def test_every_case_has_its_reason() -> None:
    for file, key in (("guard_allowed.toml", "allowed"), ("guard_refused.toml", "refused")):
        assert all(len(group["reason"]) > 10 and group["cases"] for group in read(file)[key])


def test_the_refusal_of_a_function_reads_well() -> None:
    with pytest.raises(QueryRefusedError) as caught:
        check_query("select '€ä', set_config('a', 'b', true)")
    assert caught.value.message == "set_config() is not allowed here"
    assert caught.value.position == 14
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Queries may only read;")


def test_a_function_of_another_database_gets_that_of_postgresql() -> None:
    with pytest.raises(QueryRefusedError, match=r"^there is no year\(\) here$") as caught:
        check_query("select year(order_date) from orders")
    assert caught.value.hint == "PostgreSQL has it as extract(year from …)."


def test_no_function_that_may_be_called_counts_as_one_of_another_database() -> None:
    assert names.OTHER_DIALECTS.keys() & names.ALLOWED_FUNCTIONS == set()


@pytest.mark.parametrize("text", ["\\d orders", "DESCRIBE orders", "desc orders", "show tables", "\\d" + " " * SHORT])
@pytest.mark.parametrize(("way", "place"), [(Way.TERMINAL, "`zava schema`"), (Way.MCP_HTTP, "get_table_schemas")])
def test_commands_of_other_clients_are_told_where_the_tables_are_listed(text: str, way: Way, place: str) -> None:
    with pytest.raises(DatabaseError) as caught, operation(OperationRecord("query", way), lambda _: None):
        check_query(text)
    assert place in (caught.value.hint or "")


def test_a_mistyped_function_gets_a_suggestion() -> None:
    with pytest.raises(QueryRefusedError) as caught:
        check_query("select date_trunk('month', now())")
    assert caught.value.hint is not None
    assert "date_trunc()" in caught.value.hint


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("selct 1", 'syntax error at or near "selct"', 1),
        ("select '€', from t", 'syntax error at or near "from"', 13),
        ("select 1 from", "syntax error at end of input", 14),
        ("select 'a", 'unterminated quoted string at or near "\'a"', 8),
        ("select 'ä', \"b", 'unterminated quoted identifier at or near ""b"', 13),
        ("select 1; selct 2", 'syntax error at or near "selct"', 11),
        ("select $name", 'syntax error at or near "$"', 8),
    ],
)
def test_a_syntax_error_is_postgresqls_own(sql: str, message: str, position: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        check_query(sql)
    assert not isinstance(caught.value, QueryRefusedError)
    assert (caught.value.message, caught.value.position) == (message, position)
    assert caught.value.sqlstate == "42601"


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("select 1;", "select 1"),
        (" select 1 -- end", " select 1"),
        ("select 1 /* a */ ; /* b */ ;", "select 1"),
        (";; select 1", "   select 1"),
        ("-- head\nselect ';' ;", "-- head\nselect ';'"),
        ("select 'ä' ;\n", "select 'ä'"),
    ],
)
def test_the_sent_text_ends_with_the_statement_and_keeps_its_places(sql: str, sent: str) -> None:
    assert check_query(sql).sql == sent


@pytest.mark.parametrize(
    ("sql", "construct", "position"),
    [
        ("select '\0'", "a NUL character", 9),
        ("select '\ud800'", "half of a surrogate pair", 9),
        ("select '" + "x" * 65_536 + "'", "query size", None),
        ("select '" + "€" * 30_000 + "'", "query size", None),
    ],
)
def test_a_text_that_postgresql_cannot_hold_is_refused(sql: str, construct: str, position: int | None) -> None:
    with pytest.raises(QueryRefusedError) as caught:
        check_query(sql)
    assert (caught.value.construct, caught.value.position) == (construct, position)


def test_the_size_cap_is_the_callers() -> None:
    sql = "select " + ", ".join(["1"] * 50)
    assert check_query(sql, max_bytes=len(sql)).sql == sql
    with pytest.raises(QueryRefusedError):
        check_query(sql, max_bytes=len(sql) - 1)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 where 1 in (" + ",".join(map(str, range(5_000))) + ")",
        "select 1 where 'a' in (" + ",".join(f"'{n:x}'" for n in range(5_000)) + ")",
        "values " + ",".join(f"({n})" for n in range(5_000)),
        "select true" + " and true" * 5_000,
        "select ''" + " || 'a'" * 300,
        "select 1" + " union all select 1" * 300,
        "select " + "(" * 200 + "1" + ")" * 200,
    ],
    ids=["numbers", "texts", "values", "and", "concatenation", "union", "parentheses"],
)
def test_a_long_honest_query_passes(sql: str) -> None:
    assert check_query(sql).kind == "select"


def test_a_tree_that_would_outgrow_the_memory_is_refused() -> None:
    columns = ",".join(["a"] * 15_000)
    with pytest.raises(QueryRefusedError) as caught:
        check_query(f"update t set ({columns}) = ({columns.replace('a', '1')})")
    assert caught.value.construct == "UPDATE"


def test_many_threads_may_check_at_once() -> None:
    before = threading.stack_size()
    deep = "select 1" + " + 1" * 10_000

    def outcome(number: int) -> str:
        try:
            return check_query(deep if number % 2 else "select 1").kind
        except QueryRefusedError as error:
            return error.construct

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, range(64)))
    assert outcomes == ["select", "nesting"] * 32
    assert threading.stack_size() == before


async def test_it_may_be_called_on_an_event_loop() -> None:
    assert check_query("select 1").kind == "select"
    assert (await asyncio.to_thread(check_query, "show timezone")).kind == "show"


def test_the_function_lists_are_sorted_and_share_no_name() -> None:
    for file in ("repeatable_functions.txt", "changing_functions.txt", "refused_fields.txt"):
        lines = (Path(names.__file__).parent / file).read_text(encoding="utf-8").splitlines()
        assert lines == sorted(set(lines))
    assert not names.ALLOWED_FUNCTIONS & names.REFUSED_FIELDS
    assert not names.REPEATABLE_FUNCTIONS & names.CHANGING_FUNCTIONS


@pytest.mark.parametrize(
    "name",
    """set_config current_setting ts_stat ts_rewrite query_to_xml pg_sleep nextval lo_import pg_read_file
    pg_terminate_backend pg_stat_get_activity pg_total_relation_size pg_advisory_lock dblink textin""".split(),  # noqa: SIM905
)
def test_a_rebuilt_list_still_leaves_the_dangerous_ones_out(name: str) -> None:
    assert name not in names.ALLOWED_FUNCTIONS


@pytest.mark.parametrize(
    ("sql", "parameters", "text", "values"),
    [
        ("select 1", {}, "select 1", []),
        ("select $1, '$name'", {}, "select $1, '$name'", []),
        ("select $a, $b, $a", {"b": "2", "a": "1"}, "select $1, $2, $1", ["1", "2"]),
        ("select $on::date, $a||$b", {"a": "1", "b": None, "on": "x"}, "select $1::date, $2||$3", ["x", "1", None]),
        ("select '$a', \"$a\", /* $a */ $x$ $a $x$, $a -- $b", {"a": "1"}, None, ["1"]),
        ("select $a$ $a $a$, $a", {"a": "1"}, "select $a$ $a $a$, $1", ["1"]),
        ("select x$a, $a", {"a": "1"}, "select x$a, $1", ["1"]),
        ("select $select, $_1, $From", {"select": "1", "_1": "2", "From": "3"}, "select $1, $2, $3", ["1", "2", "3"]),
        ("select 'ä€', $a", {"a": "1"}, "select 'ä€', $1", ["1"]),
    ],
)  # fmt: skip
def test_names_become_numbers_outside_of_literals_only(
    sql: str, parameters: dict[str, str | None], text: str | None, values: list[str | None]
) -> None:
    expected = sql.replace("$x$, $a", "$x$, $1") if text is None else text
    assert bind_named(sql, parameters) == (expected, values)


@pytest.mark.parametrize(
    ("sql", "parameters", "words"),
    [
        ("select $a, $b", {"a": "1", "c": "2"}, ["$b", "$a, $c"]),
        ("select $a", {}, ["$a", "none"]),
        ("select $a", {"a": "1", "z": "2"}, ["$z", "$a"]),
        ("select 1", {"z": "2"}, ["$z", "none"]),
        ("select $a, $2", {"a": "1"}, ["mixed", "$name"]),
    ],
)
def test_a_wrong_name_is_told_together_with_the_right_ones(
    sql: str, parameters: dict[str, str | None], words: list[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        bind_named(sql, parameters)
    assert words[0] in caught.value.message
    assert words[1] in (caught.value.hint or "")


def test_a_position_in_the_rewritten_text_finds_its_place_in_the_original() -> None:
    sql = "select 'ä', $since, x, $a, $since, y"
    text, _ = bind_named(sql, {"since": "1", "a": "2"})
    for mark in ("x", "y", "select", "'ä'"):
        assert original_position(sql, text.index(mark) + 1) == sql.index(mark) + 1
    assert original_position(sql, text.index("$2") + 2) == sql.index("$a") + 1
    assert original_position("select 1", 8) == 8


def test_a_placeholder_text_is_bounded_like_a_query() -> None:
    with pytest.raises(QueryRefusedError):
        bind_named("select $a, '" + "x" * 65_536 + "'", {"a": "1"})
    with pytest.raises(DatabaseError):
        bind_named("select $a, 'x", {"a": "1"})


def test_a_process_that_checked_thousands_of_queries_can_still_start_tls() -> None:
    program = (
        "import ssl\n"
        "from zava_cli.data.guard.check import check_query\n"
        "for _ in range(1_100): check_query('select 1')\n"
        "ssl.create_default_context()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
