"""The bounded transaction: read-only, on time, cancelled in the server, and honest about a lost connection."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from tests.attacks import extended
from tests.backends import PATIENCE, deaf, until_busy, until_idle
from tests.conftest import opened
from tests.small_data import Walls, expected
from zava_cli.data.attacks.unguarded import unchecked
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.deadline import bounded
from zava_cli.infra.errors import DatabaseUnavailableError, MCPError, QueryTimeoutError

ENDLESS = "SELECT count(*) FROM generate_series(1, 100000000000)"


async def _read_all(provider: PostgreSQLProvider, sql: str, *, timeout: float, page: int = 2_000) -> int:
    caller = await provider.identify("Sam Seattle")
    rows = 0
    async with provider.text_reader(caller, timeout=timeout) as session:
        stream = await session.stream(unchecked(sql), [], limit=None, page=page)
        async for batch in stream.batches:
            rows += len(batch)
    return rows


async def test_a_statement_past_its_time_is_cancelled_in_the_server(walls: Walls, gateway: PostgreSQLProvider) -> None:
    with pytest.raises(QueryTimeoutError) as caught:
        await _read_all(gateway, f"{ENDLESS} -- too slow", timeout=0.3)
    assert caught.value.sqlstate == "57014" and caught.value.hint is not None
    await until_idle(walls, "too slow")
    assert await _read_all(gateway, "SELECT 1", timeout=5) == 1


async def test_many_quick_pages_do_not_add_up_to_more_than_the_limit(gateway: PostgreSQLProvider) -> None:
    slow = "SELECT pg_sleep(0.05) FROM generate_series(1, 1000)"
    with pytest.raises(QueryTimeoutError):
        await _read_all(gateway, slow, timeout=0.5, page=2)
    assert await _read_all(gateway, "SELECT 1", timeout=5) == 1


async def test_a_statement_cannot_lift_its_own_time_limit_for_later_pages(
    own_walls: Walls,
) -> None:
    await own_walls.as_superuser("GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO PUBLIC")
    sql = (
        "SELECT CASE WHEN n < 3 THEN set_config('statement_timeout', '0', false) ELSE pg_sleep(60)::text END"
        " FROM generate_series(1, 3) n"
    )
    async with opened(own_walls.target) as provider:
        with pytest.raises(QueryTimeoutError):
            await asyncio.wait_for(_read_all(provider, sql, timeout=0.5, page=1), PATIENCE)
        await until_idle(own_walls, "pg_sleep(60)")
        assert await _read_all(provider, "SELECT 1", timeout=5) == 1


async def test_an_export_past_its_time_is_cancelled_as_well(walls: Walls, gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Sam Seattle")
    with pytest.raises(QueryTimeoutError):
        async with gateway.text_reader(caller, timeout=0.3) as session:
            await session.copy_out(unchecked(f"{ENDLESS} /* slow export */"), "csv", lambda _: None, header=False)
    await until_idle(walls, "slow export")


@pytest.mark.parametrize("way", ["query", "export"])
async def test_a_statement_that_hears_no_cancel_keeps_nobody_waiting(own_walls: Walls, way: str) -> None:
    sql = f"{ENDLESS} /* deaf */"

    async def ask(provider: PostgreSQLProvider) -> None:
        if way == "export":
            caller = await provider.identify("Sam Seattle")
            async with provider.text_reader(caller, timeout=10) as session:
                await session.copy_out(unchecked(sql), "csv", lambda _: None, header=False)
        else:
            await _read_all(provider, sql, timeout=10)

    async with opened(own_walls.target) as provider:
        asking = asyncio.create_task(ask(provider))
        with deaf(await until_busy(own_walls, "deaf")), pytest.raises(QueryTimeoutError):
            await asyncio.wait_for(asking, PATIENCE)
        await until_idle(own_walls, "deaf")


async def test_zavas_own_statements_are_bounded_too(gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Sam Seattle")
    with pytest.raises(QueryTimeoutError):
        async with gateway.reader(caller, timeout=0.3) as session:
            await session.rows(ENDLESS)
    async with gateway.reader(caller) as session:
        assert (await session.row("SELECT count(*) AS n FROM orders"))["n"] == expected("Sam Seattle", "orders")


@pytest.mark.parametrize("way", ["query", "export", "own"])
async def test_when_the_caller_goes_away_the_backend_stops(walls: Walls, gateway: PostgreSQLProvider, way: str) -> None:
    caller = await gateway.identify("Sam Seattle")
    mark = f"abandoned {way}"
    sql = f"{ENDLESS} /* {mark} */"

    async def ask() -> None:
        if way == "own":
            async with gateway.reader(caller) as session:
                await session.rows(sql)
        elif way == "export":
            async with gateway.text_reader(caller) as session:
                await session.copy_out(unchecked(sql), "csv", lambda _: None, header=False)
        else:
            await _read_all(gateway, sql, timeout=60)

    task = asyncio.create_task(ask())
    await until_busy(walls, mark)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_idle(walls, mark)
    assert await _read_all(gateway, "SELECT 1", timeout=5) == 1


async def test_the_transaction_is_read_only_and_cannot_be_made_otherwise(gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Hedda Office")
    assert "('on',)" in await extended(gateway, caller, "SHOW transaction_read_only")
    for sql in ("SET TRANSACTION READ WRITE", "SET transaction_read_only = off"):
        assert "read-write mode must be set before any query" in await extended(gateway, caller, sql)
    for sql in ("CREATE TABLE public.t (a int)", "NOTIFY a", "COMMENT ON TABLE retail.orders IS 'x'"):
        answer = await extended(gateway, caller, sql)
        assert "read-only transaction" in answer or "permission denied" in answer or "NOTIFY" in sql, answer


@pytest.mark.parametrize("name", ["Sam Seattle", "Rita Region", "Hedda Office"])
async def test_no_caller_sets_a_transaction_up(gateway: PostgreSQLProvider, name: str) -> None:
    values = "'', 'none', '0', 'UTC', 'off', '4MB', 'me', '', ''"
    answer = await extended(gateway, await gateway.identify(name), f"SELECT security.set_up({values})")
    assert "permission denied for function set_up" in answer


async def test_a_transaction_runs_in_the_business_time_zone_and_path(gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Sam Seattle")
    settings = {
        "TimeZone": "America/Los_Angeles",
        "search_path": "retail, public",
        "jit": "off",
        "work_mem": "4MB",
        "application_name": "zava-cli",
    }
    for setting, value in settings.items():
        assert f"('{value}',)" in await extended(gateway, caller, f"SHOW {setting}")


async def test_a_statement_gets_what_its_request_has_left(gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Sam Seattle")
    wanted = "SELECT extract(epoch FROM current_setting('statement_timeout')::interval)"
    for outer, inner in ((5, 20), (20, 5)):
        with bounded(outer):
            async with gateway.text_reader(caller, timeout=inner) as session:
                stream = await session.stream(unchecked(wanted), [], limit=1)
                ((left,),) = [row async for page in stream.batches for row in page]
        assert 4 < float(left or "") < 5


async def test_nothing_of_the_set_up_survives_the_transaction(walls: Walls, gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Sam Seattle")

    async def begin(connection: asyncpg.Connection) -> None:
        await connection.execute("BEGIN")

    for kind, reader in (("own", gateway.reader), ("text", gateway.text_reader)):
        async with reader(caller):
            pass
        with (lent := await gateway._pools.lend(kind, begin)):
            row = await lent.connection.fetchrow(
                "SELECT current_user::text, current_setting('zava.context', true), current_setting('search_path'),"
                " current_setting('default_transaction_read_only'), current_setting('statement_timeout')"
            )
        assert row is not None
        assert [value or "" for value in row] == [walls.role("gateway"), "", '"$user", public', "off", "0"]


@pytest.mark.parametrize("kind", ["own", "text"])
async def test_a_lost_connection_is_said_and_the_next_question_gets_a_new_one(
    walls: Walls, gateway: PostgreSQLProvider, kind: str
) -> None:
    caller = await gateway.identify("Sam Seattle")
    mark = f"doomed {kind}"
    sql = f"{ENDLESS} /* {mark} */"

    async def ask() -> None:
        if kind == "own":
            async with gateway.reader(caller) as session:
                await session.rows(sql)
        else:
            await _read_all(gateway, sql, timeout=60)

    task = asyncio.create_task(ask())
    pid = await until_busy(walls, mark)
    await walls.as_superuser("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(DatabaseUnavailableError) as caught:
        await asyncio.wait_for(task, PATIENCE)
    assert caught.value.hint is not None
    assert await _read_all(gateway, "SELECT 1", timeout=5) == 1
    async with gateway.reader(caller) as session:
        assert (await session.row("SELECT count(*) AS n FROM orders"))["n"] == expected("Sam Seattle", "orders")


async def test_a_connection_lost_while_idle_is_replaced_without_a_word(
    walls: Walls, gateway: PostgreSQLProvider
) -> None:
    caller = await gateway.identify("Sam Seattle")
    async with gateway.text_reader(caller) as session:
        pid = session._connection.get_server_pid()
    assert await _read_all(gateway, "SELECT 1", timeout=5) == 1
    await walls.as_superuser("SELECT pg_terminate_backend($1)", pid)
    deadline = time.monotonic() + PATIENCE
    while (await walls.as_superuser("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid))[0][0]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)
    assert await _read_all(gateway, "SELECT 1", timeout=5) == 1


async def test_an_error_in_a_query_leaves_the_connection_good(gateway: PostgreSQLProvider) -> None:
    for sql in ("SELECT 1/0", "SELECT nonsense", "SELEC", "SELECT * FROM security.manager_keys"):
        with pytest.raises(MCPError):
            await _read_all(gateway, sql, timeout=5)
        assert await _read_all(gateway, "SELECT 1", timeout=5) == 1


async def test_an_answer_that_is_not_read_to_its_end_leaves_the_connection_good(gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("Sam Seattle")
    async with gateway.text_reader(caller) as session:
        stream = await session.stream(unchecked("SELECT generate_series(1, 100000)"), [], limit=None, page=10)
        async for _ in stream.batches:
            break
    assert await _read_all(gateway, "SELECT generate_series(1, 5000)", timeout=5) == 5000
