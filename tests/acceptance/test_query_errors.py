"""How `zava query` ends when it does not end well."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.own_server import wait_until
from tests.small_data import Walls

ENDLESS = "select count(*) from generate_series(1, 1000000000000)"


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
     ("select name::nowhere.kind from stores", "nowhere.kind from stores"),
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
     ("select * from xyzzy", "There are: "), ("select xyzzy from stores", "`zava schema`"),
     ('select * from stores where name = "Claw"', "single quotes"),
     ("select * from orders where order_date > '2026-13-01'", "'2026-03-31'"),
     ("select * from orders where order_date > 2026-03-01", "'2026-03-31'"),
     ("select * from orders where order_date > order_date - 30", "interval '30 days'"),
     ("select now() - 30", "interval '30 days'")],
)  # fmt: skip
def test_a_usual_mistake_gets_a_hint_that_helps(seattle: CommandLine, sql: str, suggestion: str) -> None:
    done = seattle("query", sql)
    assert done.code == 1
    assert suggestion in done.err.split("Hint:")[1]


@pytest.mark.parametrize(
    "sql", ["select interval '1 mnth'", "select to_date('x', 'YYYY')", "select interval '1 day' * 1e18"]
)
def test_what_is_no_mistaken_date_gets_no_hint_about_dates(seattle: CommandLine, sql: str) -> None:
    done = seattle("query", sql)
    assert done.code == 1
    assert "year first" not in done.err


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
    wait_until(lambda: running() == 1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "Interrupted.\n")
    wait_until(lambda: running() == 0)
