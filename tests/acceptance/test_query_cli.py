"""`zava query` as a process: what it answers, in which form, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import ZAVA, CommandLine
from tests.small_data import ORDERS, PRODUCTS, Walls, make_walls, remove_walls

ENDLESS = "select count(*) from generate_series(1, 1000000000000)"


@pytest.fixture(scope="module")
def database() -> Iterator[Walls]:
    """A database whose rows are known."""
    walls = asyncio.run(make_walls("PostgreSQL 18"))
    yield walls
    asyncio.run(remove_walls(walls))


@pytest.fixture
def seattle(database: Walls) -> CommandLine:
    """The command line of a store manager."""
    return CommandLine(database.target, "seattle")


@pytest.fixture
def head_office(database: Walls) -> CommandLine:
    """The command line of the analyst who sees every store."""
    return CommandLine(database.target, "head office")


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


# Values and formats

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


# Errors


def caret(err: str) -> str:
    """What stands above the caret, to the end of the line."""
    lines = err.splitlines()
    [place] = [number for number, line in enumerate(lines) if line.strip() == "^"]
    return lines[place - 1][lines[place].index("^") :]


@pytest.mark.parametrize("mode", [(), ("--json",), ("--explain",)], ids=["csv", "json", "explain"])
@pytest.mark.parametrize(
    ("sql", "place"),
    [("select nme from stores", "nme from stores"),
     ("\n\n  -- which?\n /* é */ select 'é', nme\nfrom stores", "nme"),
     ("; select nme from stores;", "nme from stores;"),
     ("select name from stroes", "stroes"),
     ("select * form stores", "form stores"),
     ("select pg_sleep(1)", "pg_sleep(1)"),
     ("select 'abc'::int", "'abc'::int"),
     ("select 'é' from stores; delete from stores", "delete from stores")],
)  # fmt: skip
def test_the_caret_stands_under_the_place_that_the_user_typed(
    seattle: CommandLine, sql: str, place: str, mode: tuple[str, ...]
) -> None:
    done = seattle("query", sql, *mode)
    assert (done.code, done.out) == (1, "")
    assert caret(done.err) == place
    line = sql[: sql.index(place)].count("\n") + 1
    assert f"LINE {line}: " in done.err


@pytest.mark.parametrize("mode", [(), ("--explain",)], ids=["plain", "explain"])
@pytest.mark.parametrize(
    ("sql", "place"),
    [("select $quite_long::int, $b::int, nme, $quite_long from stores", "nme, $quite_long from stores"),
     ("select nme, $quite_long::int, $b::int from stores", "nme, $quite_long::int, $b::int from stores"),
     ("select $quite_long::int + $b::int, pg_sleep(1)", "pg_sleep(1)"),
     ("select $quite_long::int + $b::int form stores", "stores"),
     ("select $b::int, length($quite_long::date)", "length($quite_long::date)")],
)  # fmt: skip
def test_the_caret_stands_right_also_behind_parameters(
    seattle: CommandLine, sql: str, place: str, mode: tuple[str, ...]
) -> None:
    done = seattle("query", sql, "-p", "quite_long=1", "-p", "b=2", *mode)
    assert done.code == 1
    assert caret(done.err) == place


@pytest.mark.parametrize("who", ["seattle", "head office"])
@pytest.mark.parametrize(
    "start", ["explain", "EXPLAIN VERBOSE", "explain (format json)", "explain(verbose, costs on)\n", "/* é */ explain"]
)
def test_the_caret_stands_right_in_an_explain(database: Walls, who: str, start: str) -> None:
    done = CommandLine(database.target, who)("query", f"{start} select $a::int, nme from stores", "-p", "a=1")
    assert (done.code, caret(done.err)) == (1, "nme from stores")


@pytest.mark.parametrize(
    ("sql", "suggestion"),
    [("select * from ordrs", "orders"), ("select * from retail.stroes", "stores"),
     ("select nam from stores", "stores.name"), ("select o.ordr_id from orders o", "o.order_id"),
     ("select * from xyzzy", "There are: ")],
)  # fmt: skip
def test_a_misspelt_name_gets_a_suggestion(seattle: CommandLine, sql: str, suggestion: str) -> None:
    done = seattle("query", sql)
    assert done.code == 1
    assert suggestion in done.err.split("Hint:")[1]


@pytest.mark.parametrize("format", ["csv", "json"])
def test_a_query_past_its_timeout_ends_with_4(seattle: CommandLine, format: str) -> None:
    done = seattle("query", ENDLESS, "--timeout", "0.3", "--format", format)
    assert (done.code, done.out) == (4, "")
    assert "--timeout" in done.err


SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    ("url", "code"),
    [(f"postgresql://zava_gateway:{SECRET}@127.0.0.1:1/zava", 3),
     (f"postgresql://zava_gateway:{SECRET}@no-such-host.invalid/zava", 3),
     (f"postgresql://zava_gateway:{SECRET}@127.0.0.1:port/zava", 2),
     (f"postgresql://zava_gateway:{SECRET}@127.0.0.1/zava?sslmode=maybe", 2),
     (f"zava_gateway:{SECRET}@127.0.0.1", 2)],
)  # fmt: skip
@pytest.mark.parametrize("level", ["warning", "debug"])
def test_a_database_that_cannot_be_reached_is_said_without_its_url(
    seattle: CommandLine, url: str, code: int, level: str
) -> None:
    done = seattle("query", "select 1", "--log-level", level, ZAVA_DATABASE_URL=url)
    assert (done.code, done.out) == (code, ""), done
    assert SECRET not in done.err
    assert "Traceback" not in done.err


def test_a_parameter_stays_out_of_the_log(seattle: CommandLine, tmp_path: Path) -> None:
    log = tmp_path / "zava.log"
    for sql in ("select length($v)", "select $v::int", "select $v, 1/0"):
        seattle("query", sql, "-p", f"v={SECRET}", "--log-level", "debug", "--log-file", log)
    assert log.read_text().count('"operation": "query"') >= 3
    assert SECRET not in log.read_text()


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


# Interrupts


@pytest.mark.parametrize("format", ["csv", "json"])
def test_an_interrupt_ends_with_130_and_cancels_in_the_server(
    seattle: CommandLine, database: Walls, format: str
) -> None:
    marked = ENDLESS.replace("1000000000000", f"1000000000000, {len(format)}")

    def running() -> int:
        sql = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE state = 'active' AND strpos(query, $1) > 0 AND pid <> pg_backend_pid()"
        )
        return asyncio.run(database.as_superuser(sql, marked))[0][0]

    process = seattle.start("query", marked, "--format", format)
    _poll(lambda: running() == 1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "Interrupted.\n")
    _poll(lambda: running() == 0)


def _poll(happened: object) -> None:
    assert callable(happened)
    for _ in range(300):
        if happened():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen within 30 s")


def test_the_catalogue_is_the_same_for_everybody(seattle: CommandLine, head_office: CommandLine) -> None:
    sql = "select count(*) from products"
    assert seattle("query", sql, "-t").out == head_office("query", sql, "-t").out == f"{PRODUCTS}\n"
