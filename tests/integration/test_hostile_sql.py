"""Hostile SQL with the guard taken away: the server alone must keep the other stores' rows.

The guard's own corpus runs in test_walls_behind_the_guard.py, and the totals that PostgreSQL shows to everybody
(`reltuples`, sizes of relations, places of rows) have a test of their own, test_totals.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.attacks import FORGED, exported, extended, fingerprint, simple
from tests.conftest import opened
from tests.hostile_statements import SEVERAL, STATEMENTS
from tests.small_data import FOREIGN_TO_SEATTLE, Walls, expected
from zava_cli.data.database import PostgreSQLProvider

PAYLOAD = "count(*) AS n, min(email), max(email), min(store_id::text), max(store_id::text)"

# Ways to have {set} evaluated by one SELECT before, while or after it reads customers.
SET_CONFIG_FORMS = {
    "materialised CTE": "WITH x AS MATERIALIZED (SELECT {set} s) SELECT {payload} FROM x, customers",
    "CTE that is read later": "WITH x AS MATERIALIZED (SELECT {set} s), y AS MATERIALIZED (SELECT s, (SELECT n FROM"
    " (SELECT count(*) n FROM customers) q) FROM x) SELECT * FROM y",
    "FROM": "SELECT {payload} FROM {set} s, customers",
    "LATERAL": "SELECT * FROM (SELECT {set} s OFFSET 0) x, LATERAL (SELECT {payload} FROM customers WHERE x.s <> '') y",
    "CASE": "SELECT CASE WHEN {set} <> '' THEN (SELECT max(email) FROM customers) END",
    "scalar sub-query": "SELECT (SELECT {set}), (SELECT max(email) FROM customers), (SELECT count(*) FROM orders)",
    "function argument": "SELECT length({set}), q.* FROM (SELECT {payload} FROM customers) q",
    "UNION ALL": "SELECT {set} UNION ALL SELECT email FROM customers",
    "VALUES": "VALUES ({set}), ((SELECT max(email) FROM customers))",
    "array": "SELECT ARRAY[{set}, (SELECT max(email) FROM customers)]",
    "jsonb": "SELECT jsonb_build_object('a', {set}, 'b', (SELECT jsonb_agg(c) FROM customers c))",
    "recursive CTE": "WITH RECURSIVE r(n, s) AS (SELECT 1, {set} UNION ALL"
    " SELECT n + 1, (SELECT max(email) FROM customers) FROM r WHERE n < 3) SELECT * FROM r",
    "WHERE": "SELECT {payload} FROM customers WHERE {set} IS NOT NULL",
    "WHERE of nothing": "SELECT email FROM customers WHERE length({set}) > 0 OR true",
    "ORDER BY": "SELECT email FROM customers ORDER BY {set}, email DESC",
    "HAVING": "SELECT {payload} FROM customers HAVING {set} <> ''",
    "GROUP BY": "SELECT {set}, {payload} FROM customers GROUP BY 1",
    "JOIN ON": "SELECT {payload} FROM (VALUES (1)) v LEFT JOIN customers ON {set} <> ''",
    "LIMIT": "SELECT email FROM customers LIMIT (SELECT 1000000 + length({set}))",
    "OFFSET": "SELECT email FROM customers OFFSET (SELECT 0 * length({set}))",
    "FILTER": "SELECT count(*) FILTER (WHERE {set} <> ''), max(email) FROM customers",
    "aggregate argument": "SELECT string_agg({set} || email, ',') FROM customers",
    "window": "SELECT email, lag({set}) OVER (ORDER BY email DESC) FROM customers",
    "IN": "SELECT {payload} FROM customers WHERE '' NOT IN (SELECT {set})",
    "EXISTS": "SELECT {payload} FROM customers WHERE EXISTS (SELECT {set} OFFSET 0)",
    "series": "SELECT g, (SELECT max(email) FROM customers WHERE g > 0) FROM generate_series(1, 2 + length({set})) g",
    "row": "SELECT ROW({set}, (SELECT max(c) FROM customers c))",
    "sample": "SELECT {payload} FROM customers TABLESAMPLE BERNOULLI (100 + 0 * length({set}))",
    "COALESCE": "SELECT coalesce(nullif({set}, {set}), (SELECT max(email) FROM customers))",
    "format": "SELECT format('%s %s', {set}, (SELECT max(email) FROM customers))",
    "ts_stat": "SELECT * FROM ts_stat('SELECT to_tsvector({quoted}) UNION ALL SELECT to_tsvector(email)"
    " FROM customers')",
    "ts_stat before": "SELECT (SELECT count(*) FROM ts_stat('SELECT to_tsvector({quoted})')), {payload} FROM customers",
    "ts_rewrite": "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, to_tsquery(max(email)) FROM customers"
    " WHERE {quoted} <> ''''')",
    "query_to_xml": "SELECT query_to_xml('SELECT {quoted}, max(email) FROM customers', true, true, '')",
    "query_to_xml, its error": "SELECT query_to_xml('SELECT {quoted}, max(email)::integer FROM customers', true,"
    " true, '')",
    "error of a cast": "WITH x AS MATERIALIZED (SELECT {set} s) SELECT (max(email) || min(s))::integer"
    " FROM x, customers",
    "division": "WITH x AS MATERIALIZED (SELECT {set} s) SELECT 1 / (count(*) - 2243) FROM x, customers",
}

SPELLINGS = {
    "plain": "set_config",
    "qualified": "pg_catalog.set_config",
    "quoted": '"pg_catalog"."set_config"',
    "escaped": 'U&"\\0073et_config"',
    "escaped with a letter of its own": "U&\"!0073et_!0063onfig\" UESCAPE '!'",
    "in capitals": "SET_CONFIG",
}


def _settings(walls: Walls, manager: str) -> dict[str, tuple[str, str]]:
    return {
        "a forged context": ("zava.context", FORGED.format(manager=manager)),
        "no context": ("zava.context", ""),
        "the role of head office": ("role", walls.role("head_office")),
        "the login's role": ("role", "none"),
        "the owner's role": ("role", walls.role("owner")),
        "the seed's own setting": ("app.current_rls_user_id", manager),
        "row security off": ("row_security", "off"),
        "read-write": ("transaction_read_only", "off"),
        "a search path of functions": ("search_path", "pg_temp, security, retail"),
    }


def _form(form: str, name: str, value: str, spelling: str = "set_config", local: str = "true") -> str:
    call = f"{spelling}('{name}', '{value}', {local})"
    return form.format(set=call, quoted=call.replace("'", "''"), payload=PAYLOAD)


async def _victims(walls: Walls) -> str:
    rows = await walls.as_superuser("SELECT manager_id::text FROM retail.managers WHERE role = 'head_office'")
    return rows[0][0]


Way = Callable[[PostgreSQLProvider, object, str], Awaitable[str]]


async def _every_form(walls: Walls, provider: PostgreSQLProvider, forms: list[str], spelling: str) -> int:
    caller = await provider.identify("Sam Seattle")
    settings = _settings(walls, await _victims(walls))
    tried = 0
    for form in forms:
        for name, value in settings.values():
            # Beyond the transaction only what says who one is could matter.
            for local in ("true", "false") if name in ("zava.context", "role") else ("true",):
                sql = _form(SET_CONFIG_FORMS[form], name, value, spelling, local)
                for way in (extended, exported):
                    answer = await way(provider, caller, sql)
                    assert not FOREIGN_TO_SEATTLE.search(answer), (sql, answer)
                    tried += 1
    assert await extended(provider, caller, "SELECT count(*) FROM orders") == (
        f"Column(name='count', type='int8')\n('{expected('Sam Seattle', 'orders')}',)"
    )
    return tried


@pytest.mark.parametrize("form", SET_CONFIG_FORMS)
async def test_no_form_of_set_config_shows_a_foreign_row(walls: Walls, gateway: PostgreSQLProvider, form: str) -> None:
    before = await fingerprint(walls)
    assert await _every_form(walls, gateway, [form], "set_config") == 28
    assert await fingerprint(walls) == before


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_set_config_shows_a_foreign_row(
    walls: Walls, gateway: PostgreSQLProvider, spelling: str
) -> None:
    before = await fingerprint(walls)
    forms = ["materialised CTE", "FROM", "ts_stat"]
    assert await _every_form(walls, gateway, forms, SPELLINGS[spelling]) >= len(forms)
    assert await fingerprint(walls) == before


async def test_no_form_helps_where_everybody_may_execute_set_config(own_walls: Walls) -> None:
    for function in ("set_config(text, text, boolean)", "ts_stat(text)", "ts_rewrite(tsquery, text)",
                     "query_to_xml(text, boolean, boolean, text)"):  # fmt: skip
        await own_walls.as_superuser(f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO PUBLIC")
    await own_walls.as_superuser("GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC")
    async with opened(own_walls.target) as provider:
        before = await fingerprint(own_walls)
        await _every_form(own_walls, provider, list(SET_CONFIG_FORMS), "set_config")
        await _all_attacks(own_walls, provider)
        assert await fingerprint(own_walls) == before


async def _filled(walls: Walls, sql: str) -> str:
    names = {name: f'"{role}"' for name, role in walls.target.roles.placeholders().items()}
    forged = FORGED.format(manager=await _victims(walls))
    for name, value in {**names, "forged": forged}.items():
        sql = sql.replace("{" + name + "}", value)
    return sql


async def _all_attacks(walls: Walls, provider: PostgreSQLProvider) -> None:
    caller = await provider.identify("Sam Seattle")
    for statement in STATEMENTS:
        sql = await _filled(walls, statement)
        for way in (extended, exported, simple):
            answer = await way(provider, caller, sql)
            assert not FOREIGN_TO_SEATTLE.search(answer), (sql, answer)
    for several in SEVERAL:
        answer = await simple(provider, caller, await _filled(walls, several))
        assert not FOREIGN_TO_SEATTLE.search(answer), (several, answer)


async def test_no_hostile_statement_shows_a_foreign_row_or_writes(walls: Walls, gateway: PostgreSQLProvider) -> None:
    before = await fingerprint(walls)
    await _all_attacks(walls, gateway)
    assert await fingerprint(walls) == before


async def test_the_detector_recognises_what_head_office_would_see(gateway: PostgreSQLProvider) -> None:
    hedda = await gateway.identify("Hedda Office")
    for table in ("customers", "orders", "order_items"):
        assert FOREIGN_TO_SEATTLE.search(await extended(gateway, hedda, f"SELECT count(*) FROM {table}")), table
    for sql in ("SELECT email FROM customers", "SELECT name FROM stores", "SELECT store_id FROM inventory"):
        assert FOREIGN_TO_SEATTLE.search(await extended(gateway, hedda, sql)), sql
        assert FOREIGN_TO_SEATTLE.search(await exported(gateway, hedda, sql)), sql


async def test_the_extended_protocol_takes_one_statement_only(gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Sam Seattle")
    for sql in ("SELECT 1; SELECT 2", "COMMIT; SELECT 1", "SELECT 1;;; ROLLBACK"):
        assert "cannot insert multiple commands" in await extended(gateway, caller, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1) TO STDOUT; SET ROLE none; COPY (SELECT 'escaped'",
        "SELECT 1) TO STDOUT; DO $$BEGIN RAISE NOTICE 'escaped'; END$$; --",
        "SELECT 1; SELECT 'escaped'::integer",
        "SELECT 1) TO STDOUT; SELECT 'escaped'::integer; COPY (SELECT 1",
        "SELECT 1) TO PROGRAM 'echo escaped' --",
    ],
)
async def test_an_export_is_one_statement_too(gateway: PostgreSQLProvider, sql: str) -> None:
    caller = await gateway.identify("Sam Seattle")
    answer = await exported(gateway, caller, sql)
    assert "escaped" not in answer
    assert "syntax error" in answer or "cannot insert multiple commands" in answer


async def test_other_sessions_running_sql_is_not_shown(walls: Walls, gateway: PostgreSQLProvider) -> None:
    async with opened(walls.target) as other:
        tom = await other.identify("Tom Tacoma")
        sam = await gateway.identify("Sam Seattle")
        async with other.text_reader(tom) as session:
            await session._connection.fetch("SELECT 'a very private question'")
            for sql in ("SELECT query FROM pg_stat_activity", "SELECT pg_stat_get_activity(NULL)",
                        "SELECT pg_stat_get_backend_activity(b) FROM pg_stat_get_backend_idset() b"):  # fmt: skip
                assert "private" not in await extended(gateway, sam, sql)


async def test_one_caller_cannot_end_anothers_session(walls: Walls, gateway: PostgreSQLProvider) -> None:
    async with opened(walls.target) as other:
        tom = await other.identify("Tom Tacoma")
        sam = await gateway.identify("Sam Seattle")
        async with other.text_reader(tom) as session:
            pid = session._connection.get_server_pid()
            for function in ("pg_terminate_backend", "pg_cancel_backend"):
                assert "permission denied" in await extended(gateway, sam, f"SELECT {function}({pid})")
            assert await session._connection.fetchval("SELECT 1") == "1"


async def test_large_objects_are_not_a_place_to_leave_data(own_walls: Walls) -> None:
    connection = await asyncpg.connect(own_walls.target.gateway_dsn)
    try:
        for sql in ("SELECT lo_creat(-1)", "SELECT lo_create(4711)", "SELECT lo_from_bytea(0, 'x')"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
    finally:
        await connection.close()
