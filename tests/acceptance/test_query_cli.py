"""`zava query` as a process: who asks, what with, and what they may see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.small_data import ORDERS, PRODUCTS, Walls

# Who, and where the SQL comes from


def test_everybody_sees_their_stores_rows_only(seattle: CommandLine, head_office: CommandLine) -> None:
    count = "select count(*) from orders"
    assert seattle("query", count, "-t").out == f"{ORDERS['Seattle']}\n"
    assert head_office("query", count, "-t").out == f"{sum(ORDERS.values())}\n"
    assert head_office("query", count, "-t", "--as", "tacoma").out == f"{ORDERS['Tacoma']}\n"


def test_the_sql_comes_from_an_argument_standard_input_or_a_file(seattle: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("\ufeffselect 'zwölf' as n;\n", encoding="utf-8")
    for arguments, stdin in ((("select 'zwölf' as n",), ""), (("-",), "select 'zwölf' as n"),
                             (("-f", "-"), "select 'zwölf' as n\n"), (("-f", file), "")):  # fmt: skip
        done = seattle("query", *arguments, stdin=stdin)
        assert (done.code, done.out, done.err) == (0, "n\nzwölf\n", "")


@pytest.mark.parametrize(
    "arguments",
    [(), ("select 1", "-f", "x.sql"), ("-f", "nowhere.sql"), ("-f", "."), ("",), ("select 1", "--limit", "-1"),
     ("select 1", "--timeout", "0"), ("select 1", "--format", "xls"), ("select 1", "--json", "--csv"),
     ("select 1", "-o", "result.xls"), ("select 1", "-o", "nowhere/result.csv"), ("select 1", "--what"),
     ("select $a", "-p", "a"), ("select $a", "-p", "1a=1"), ("select $a::int",), ("select 1", "-p", "a=1"),
     ("select $1::int",), ("select $1::int", "--json")],
)  # fmt: skip
def test_a_mistake_in_the_command_line_ends_with_2_and_says_what(
    seattle: CommandLine, arguments: tuple[str, ...]
) -> None:
    done = seattle("query", *arguments)
    assert (done.code, done.out) == (2, ""), done
    assert done.err
    assert "Traceback" not in done.err


def test_input_that_is_not_text_is_said(seattle: CommandLine) -> None:
    done = seattle("query", "-", stdin=b"select '\xff'")
    assert (done.code, done.err.splitlines()[0]) == (2, "Error: standard input cannot be read: it is not UTF-8 text.")


def test_nobody_and_a_stranger_get_nothing_and_are_told_how_to_say_who_they_are(database: Walls) -> None:
    nobody = CommandLine(database.target)("query", "select 1")
    assert (nobody.code, nobody.out) == (2, "")
    assert "--as" in nobody.err
    stranger = CommandLine(database.target, "mallory")("query", "select 1")
    assert (stranger.code, stranger.out) == (1, "")
    assert "exactly one manager" in stranger.err


def test_the_catalogue_is_the_same_for_everybody(seattle: CommandLine, head_office: CommandLine) -> None:
    sql = "select count(*) from products"
    assert seattle("query", sql, "-t").out == head_office("query", sql, "-t").out == f"{PRODUCTS}\n"


# Parameters


@pytest.mark.parametrize(
    ("sql", "value", "answer"),
    [("select $v::int + 1", "41", "42"),
     ("select $v * 1.0 from (select $v::numeric(12, 4)) x", "12.5000", "12.50000"),
     ("select date '2025-01-01' + $v::int", "31", "2025-02-01"),
     ("select count(*) from orders where order_date < $v", "2025-01-01 05:30-08", "1"),
     ("select $v::interval", "1 mon", "1 mon"),
     ("select $v::boolean", "yes", "t"),
     ("select cardinality($v::text[])", '{a,"b c",NULL}', "3"),
     ("select $v::jsonb -> 'a'", '{"a": [1, 2]}', '"[1, 2]"'),
     ("select count(*) from stores where store_id = $v", "a000a000-a000-a000-a000-a000a000a000", "1"),
     ("select length($v)", "", "0"),
     ("select $v::text", "a=b=c", "a=b=c"),
     ("select '$v' || $v /* $v */ -- $v", "東京", "$v東京"),
     ("select count(*) from stores where name = $v", "x' or '1'='1", "0"),
     ("select $v::vector <=> '[1,0,0]'", "[1,0,0]", "0")],
)  # fmt: skip
@pytest.mark.parametrize("format", ["csv", "unaligned"])
def test_a_parameter_is_converted_by_the_server_and_never_spliced(
    seattle: CommandLine, sql: str, value: str, answer: str, format: str
) -> None:
    done = seattle("query", sql, "-p", f"v={value}", "-t", "--format", format)
    expected = answer if format == "csv" else answer.strip('"')
    assert (done.code, done.out, done.err) == (0, f"{expected}\n", "")


def test_one_parameter_may_stand_in_several_places_beside_others(seattle: CommandLine) -> None:
    done = seattle("query", "select $b, $a, $b from stores", "-p", "a=1", "-p", "b=2", "-t", "-A")
    assert done.out == "2|1|2\n"


def test_a_value_that_does_not_fit_is_an_error_of_the_server(seattle: CommandLine) -> None:
    done = seattle("query", "select $v::int", "-p", "v=many")
    assert (done.code, done.out) == (1, "")
    assert "invalid input syntax for type integer" in done.err


# Plans


def test_a_plan_for_a_store_manager_has_no_costs_and_one_for_head_office_has(
    seattle: CommandLine, head_office: CommandLine
) -> None:
    for arguments in (("select * from orders", "--explain"), ("explain select * from orders",),
                      ("explain verbose select * from orders",), ("explain (costs on) select * from orders",),
                      ("explain (format json, costs) select * from orders",)):  # fmt: skip
        own = seattle("query", *arguments)
        assert own.code == 0
        assert "orders" in own.out
        assert "cost" not in own.out.lower()
        assert "rows" not in own.out.lower()
        assert "cost" in head_office("query", *arguments).out.lower()


def test_the_format_of_a_plan_stays_as_it_was_asked_for(seattle: CommandLine) -> None:
    done = seattle(
        "query", "explain (format json) select * from orders where total_amount > $v", "-p", "v=1", "-t", "-A"
    )
    assert json.loads(done.out)[0]["Plan"]["Relation Name"] == "orders"
