"""What one caller's SQL leaves on a pooled connection must not reach the next caller, not even without the guard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.attacks import extended, simple
from tests.conftest import opened
from tests.small_data import Walls, expected
from zava_cli.data.attacks.unguarded import unchecked
from zava_cli.data.callers import Caller
from zava_cli.data.connections import SET_UP
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.errors import MCPError
from zava_cli.infra.settings import Settings
from zava_cli.services.prove import bounded

LEFT_BEHIND = bounded.LEFT_BEHIND | {
    "a cursor of a foreign table": "DECLARE left_behind CURSOR WITH HOLD FOR SELECT email FROM retail.customers",
    "a lock for the transaction": "SELECT pg_advisory_xact_lock(4711)",
    "a shared lock": "SELECT pg_advisory_lock_shared(4711), pg_advisory_lock(47, 11)",
    "a lock of a table": "LOCK TABLE retail.orders IN ACCESS SHARE MODE",
    "a temporary view": "CREATE TEMP VIEW left_behind AS SELECT 1",
    "a temporary sequence": "CREATE TEMP SEQUENCE left_behind",
    "a temporary function": "CREATE FUNCTION pg_temp.left_behind() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "a notification": "NOTIFY left_behind, 'a private question'",
    "an output format": "SET bytea_output = 'escape'",
    "an encoding": "SET client_encoding = 'LATIN1'",
    "a session's role": "SET SESSION AUTHORIZATION DEFAULT",
    "a snapshot": "SELECT pg_export_snapshot()",
    "no prepared statement": "DEALLOCATE ALL",
    "another statement that sets up": f"""DO $$ BEGIN
        EXECUTE 'DEALLOCATE ALL';
        EXECUTE 'PREPARE {SET_UP} (text, text, text, text, text, text, text) AS
            SELECT set_config(''role'', ''{{head_office}}'', false), $1, $2, $3, $4, $5, $6, $7';
    END $$""",
}

STOPPED = {
    "a lock": "SELECT pg_advisory_lock(4711), pg_sleep(60)",
    "a setting": "SELECT set_config('TimeZone', 'Asia/Tokyo', false), pg_sleep(60)",
    "a large answer": "SELECT n, repeat('a private question', 100) FROM generate_series(1, 10000000) n",
    "a join": "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    "an error after a lock": "SELECT pg_advisory_lock(4711), 1 / (count(*) - count(*)) FROM orders",
}
"""Statements that end before their time: by their caller's leaving, by their deadline or by themselves."""

# Without the timeout, which is what is left of the request's time.
STATE = """
SELECT 'setting ' || name, setting FROM pg_settings
WHERE source = 'session' AND name NOT IN ('application_name', 'statement_timeout')
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


LOCKS = """
SELECT locktype, mode, coalesce(relation::regclass::text, objid::text) FROM pg_locks
WHERE pid = $1 AND locktype IN ('advisory', 'relation') ORDER BY 1, 2, 3
"""


@pytest.fixture
async def gateway(walls: Walls) -> AsyncIterator[PostgreSQLProvider]:
    """One connection of each kind, kept from caller to caller as a server keeps it."""
    settings = Settings.model_validate({**walls.target.settings.model_dump(exclude_unset=True), "pool_max": 2})
    async with opened(Target(settings), serving=True) as provider:
        yield provider


async def _state(provider: PostgreSQLProvider, caller: Caller) -> str:
    return await extended(provider, caller, STATE)


async def _backend(provider: PostgreSQLProvider, caller: Caller) -> int:
    async with provider.text_reader(caller) as session:
        return session._connection.get_server_pid()


async def _locks(walls: Walls, provider: PostgreSQLProvider, caller: Caller) -> list[str]:
    """Locks of the pooled connection while nobody has it."""
    backend = await _backend(provider, caller)
    await asyncio.gather(*provider._pools._releases)
    return [str(row) for row in await walls.as_superuser(LOCKS, backend)]


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
        assert await _locks(walls, gateway, tom) == []
    async with gateway.text_reader(tom) as session:
        assert session._connection.get_server_pid() == backend


async def test_users_sql_never_runs_on_the_connections_of_zavas_own_statements(gateway: PostgreSQLProvider) -> None:
    sam = await gateway.identify("Sam Seattle")
    async with gateway.reader(sam) as own, gateway.text_reader(sam) as text:
        backend = (await own.row("SELECT pg_backend_pid() AS pid"))["pid"]
        assert backend != text._connection.get_server_pid()


async def test_two_callers_in_turn_on_one_connection_each_see_their_own(gateway: PostgreSQLProvider) -> None:
    names = ["Sam Seattle", "Hedda Office", "Tom Tacoma", "Rita Region", "Sam Seattle"]
    for name in names:
        caller = await gateway.identify(name)
        async with gateway.reader(caller) as session:
            counted = (await session.row("SELECT count(*) AS n FROM orders"))["n"]
        assert counted == expected(name, "orders")
        assert f"('{expected(name, 'orders')}',)" in await extended(gateway, caller, "SELECT count(*) FROM orders")


async def _leave(provider: PostgreSQLProvider, caller: Caller, sql: str) -> None:
    """A caller who goes away in the middle of the answer, as a client that closes its connection."""

    async def ask() -> None:
        async with provider.text_reader(caller, timeout=30) as session:
            stream = await session.stream(unchecked(sql), [], limit=None)
            async for _ in stream.batches:
                pass

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.3)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError, MCPError):
        await asking


async def _outlast(provider: PostgreSQLProvider, caller: Caller, sql: str) -> None:
    """A caller whose statement runs into its deadline."""
    with contextlib.suppress(MCPError):
        async with provider.text_reader(caller, timeout=0.3) as session:
            stream = await session.stream(unchecked(sql), [], limit=None)
            async for _ in stream.batches:
                pass


Ending = Callable[[PostgreSQLProvider, Caller, str], Awaitable[None]]


@pytest.mark.parametrize("end", [_leave, _outlast], ids=["cancelled", "timed out"])
@pytest.mark.parametrize("left", STOPPED)
async def test_nothing_of_a_query_that_was_stopped_reaches_the_next_caller(
    walls: Walls,
    gateway: PostgreSQLProvider,
    left: str,
    end: Callable[[PostgreSQLProvider, Caller, str], Awaitable[None]],
) -> None:
    hedda, tom = await gateway.identify("Hedda Office"), await gateway.identify("Tom Tacoma")
    clean = await _state(gateway, tom)
    await end(gateway, hedda, STOPPED[left])
    assert await _state(gateway, tom) == clean
    assert await _locks(walls, gateway, tom) == []
    busy = await walls.as_superuser(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND pid <> pg_backend_pid()"
    )
    assert busy == []


async def test_the_reset_happens_after_the_answer_and_before_the_next_caller(gateway: PostgreSQLProvider) -> None:
    hedda, tom = await gateway.identify("Hedda Office"), await gateway.identify("Tom Tacoma")
    await extended(gateway, hedda, "SELECT set_config('TimeZone', 'Asia/Tokyo', false)")
    assert gateway._pools._releases
    assert "Asia/Tokyo" not in await extended(gateway, tom, "SHOW TimeZone")
