"""What one caller's SQL leaves on a pooled connection must not reach the next caller, not even without the guard."""

from __future__ import annotations

import pytest

from tests.attacks import extended, simple
from tests.small_data import Walls, expected
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider

LEFT_BEHIND = {
    "a time zone": "SET TimeZone = 'Asia/Tokyo'",
    "a time zone by function": "SELECT set_config('TimeZone', 'Asia/Tokyo', false)",
    "a context": "SET zava.context = 'left behind'",
    "a context by function": "SELECT set_config('zava.context', 'left behind', false)",
    "a role": "SET ROLE {head_office}",
    "a role by function": "SELECT set_config('role', '{head_office}', false)",
    "a search path": "SET search_path = pg_catalog",
    "no timeout": "SET statement_timeout = 0",
    "read-write by default": "SET default_transaction_read_only = off",
    "a date style": "SET DateStyle = 'German'",
    "a setting that never was": "SELECT set_config('left.behind', 'x', false)",
    "a prepared statement": "PREPARE left_behind AS SELECT 'a private question'",
    "a cursor": "DECLARE left_behind CURSOR WITH HOLD FOR SELECT email FROM retail.customers",
    "a lock": "SELECT pg_advisory_lock(4711)",
    "a registration": "LISTEN left_behind",
    "a temporary table": "CREATE TEMP TABLE left_behind AS SELECT 1",
    "a question": "SELECT 'a private question'",
    "a question that fails": "SELECT 'a private question'::integer",
}

STATE = """
SELECT 'setting ' || name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name'
UNION ALL SELECT 'prepared', statement FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prepared_statements%'
UNION ALL SELECT 'cursor', statement FROM pg_cursors WHERE statement NOT LIKE '%pg_prepared_statements%'
UNION ALL SELECT 'listening', c FROM pg_listening_channels() c
UNION ALL SELECT 'temporary', relname FROM pg_class WHERE relpersistence = 't'
UNION ALL SELECT 'role', current_user::text
UNION ALL SELECT 'left', coalesce(current_setting('left.behind', true), '')
UNION ALL SELECT 'orders', count(*)::text FROM retail.orders
UNION ALL SELECT 'manager', security.context_manager()::text
ORDER BY 1, 2
"""


async def _state(provider: PostgreSQLProvider, caller: Caller) -> str:
    return await extended(provider, caller, STATE)


@pytest.mark.parametrize("prefix", ["", "COMMIT; ", "COMMIT; BEGIN READ WRITE; "])
@pytest.mark.parametrize("left", LEFT_BEHIND)
async def test_nothing_of_one_callers_query_reaches_the_next(
    walls: Walls, gateway: PostgreSQLProvider, left: str, prefix: str
) -> None:
    hedda, tom = await gateway.identify("Hedda Office"), await gateway.identify("Tom Tacoma")
    async with gateway.text_reader(tom) as session:
        backend = session._connection.get_server_pid()
    clean = await _state(gateway, tom)
    assert f"('orders', '{expected('Tom Tacoma', 'orders')}')" in clean
    sql = LEFT_BEHIND[left].replace("{head_office}", walls.role("head_office"))
    for _ in range(2):
        await (simple(gateway, hedda, prefix + sql) if prefix else extended(gateway, hedda, sql))
        assert await _state(gateway, tom) == clean
    async with gateway.text_reader(tom) as session:
        assert session._connection.get_server_pid() == backend


async def test_users_sql_never_runs_on_the_connections_of_zavas_own_statements(gateway: PostgreSQLProvider) -> None:
    sam = await gateway.identify("Sam Seattle")
    async with gateway.reader(sam) as own, gateway.text_reader(sam) as text:
        assert own._connection.get_server_pid() != text._connection.get_server_pid()


async def test_two_callers_in_turn_on_one_connection_each_see_their_own(gateway: PostgreSQLProvider) -> None:
    names = ["Sam Seattle", "Hedda Office", "Tom Tacoma", "Rita Region", "Sam Seattle"]
    for name in names:
        caller = await gateway.identify(name)
        async with gateway.reader(caller) as session:
            counted = (await session.row("SELECT count(*) AS n FROM orders"))["n"]
        assert counted == expected(name, "orders")
        assert f"('{expected(name, 'orders')}',)" in await extended(gateway, caller, "SELECT count(*) FROM orders")
