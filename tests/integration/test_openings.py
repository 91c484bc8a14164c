"""A transaction that opens with a statement, in one round trip: set up before it, bounded, and nobody else's after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any, Protocol
from uuid import uuid4

import pytest

from tests.small_data import ORDERS, Walls
from zava_cli.data.callers import Caller
from zava_cli.data.connections import OwnConnection
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.errors import (
    AuthorizationError,
    ContextRefusedError,
    DatabaseError,
    DatabaseUnavailableError,
    QueryTimeoutError,
)
from zava_cli.infra.operations import OperationRecord, operation

COUNT = "SELECT current_user::text, count(*), current_setting('application_name') FROM orders"
LOCKING = "SELECT pg_advisory_lock($1)::text"
SLOW = "SELECT count(*)::text FROM generate_series(1, $1::bigint) /* slow opening */"
ENDLESS = 100_000_000_000


@pytest.fixture
async def serving(own_walls: Walls) -> AsyncIterator[PostgreSQLProvider]:
    """A server's pools with one connection of each kind, so that everybody borrows the same one."""
    provider = PostgreSQLProvider(Target(own_walls.target.settings.model_copy(update={"pool_max": 2})), serving=True)
    yield provider
    await provider.close()


class Opened(Protocol):
    """Runs a statement that opens a session; returns its rows."""

    async def __call__(
        self, provider: PostgreSQLProvider, who: Caller, sql: str, *values: object, timeout: float | None = None
    ) -> list[tuple[object, ...]]:
        """`timeout` is in seconds."""
        ...


@pytest.fixture(params=[False, True], ids=["with others to come", "alone"])
def opened(request: pytest.FixtureRequest) -> Opened:
    async def opened(
        provider: PostgreSQLProvider, who: Caller, sql: str, *values: object, timeout: float | None = None
    ) -> list[tuple[object, ...]]:
        async with provider.reader(who, timeout=timeout, alone=request.param) as session:
            return [tuple(row) for row in await session.records(sql, *values)]

    return opened


async def held_locks(walls: Walls) -> list[int]:
    """The numbers that `LOCKING` was given and that are still locked."""
    rows = await walls.as_superuser(
        "SELECT objid::integer FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND classid = 0 AND datname = current_database() ORDER BY objid"
    )
    return [row[0] for row in rows]


async def until(walls: Walls, busy: int) -> None:
    """Waits until so many backends work on the slow statement."""
    working = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = $1"
    async with asyncio.timeout(20):
        while (await walls.as_superuser(working, SLOW))[0][0] != busy:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def ignored(record: OperationRecord) -> None:
    """Takes a finished record."""


async def test_each_caller_gets_their_own_rows_in_their_own_role_one_after_the_other(
    serving: PostgreSQLProvider, own_walls: Walls, opened: Opened
) -> None:
    callers = {city: await serving.identify(city) for city in ORDERS}
    office = await serving.identify("Hedda Office")
    for _ in range(3):
        for city, orders in ORDERS.items():
            role = own_walls.role("store_managers")
            assert await opened(serving, callers[city], COUNT) == [(role, orders, "zava-mcp-server")]
        assert await opened(serving, office, COUNT) == [
            (own_walls.role("head_office"), sum(ORDERS.values()), "zava-mcp-server")
        ]


async def test_the_transaction_goes_on_as_that_caller_and_ends_with_nothing_left(serving: PostgreSQLProvider) -> None:
    sam = await serving.identify("seattle")
    for _ in range(3):
        async with serving.reader(sam) as session:
            await session.records(COUNT)
            assert (await session.row("SELECT count(*) AS n FROM orders"))["n"] == ORDERS["Seattle"]
    async with serving.open_connection() as connection:
        left = await connection.fetchrow(
            "SELECT current_user = session_user, current_setting('zava.context', true),"
            " current_setting('search_path'), current_setting('transaction_read_only')"
        )
    assert left is not None and [value or "" for value in left] == [True, "", '"$user", public', "off"]


async def test_where_the_only_statement_is_answered_nothing_stays_open_and_the_connection_is_everybodys(
    serving: PostgreSQLProvider, own_walls: Walls
) -> None:
    sam, bella = await serving.identify("seattle"), await serving.identify("bellevue")
    for _ in range(2):
        async with serving.reader(sam, alone=True) as session:
            first = await session.row(COUNT)
            async with serving.reader(bella, alone=True) as other:
                assert (await other.row(COUNT))["count"] == ORDERS["Bellevue"]
            is_open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'zava-mcp-server'"
            assert await own_walls.as_superuser(is_open) == [(0,)]
            # Others may follow all the same.
            assert await session.row(COUNT) == first
            assert first["count"] == ORDERS["Seattle"]
            assert (await session.row("SELECT now() < statement_timestamp() AS goes_on"))["goes_on"]


async def test_a_connection_that_is_opened_ahead_waits_in_no_transaction(own_walls: Walls) -> None:
    settings = own_walls.target.settings.model_copy(update={"pool_max": 8, "pool_min": 8})
    provider = PostgreSQLProvider(Target(settings), serving=True)
    try:
        sam = await provider.identify("seattle")
        async with provider.reader(sam) as own, provider.text_reader(sam):
            await own.records("SELECT 1")
        states = "SELECT state, count(*) FROM pg_stat_activity WHERE usename = $1 GROUP BY state"
        found, until = [], time.monotonic() + 10
        while found != [("idle", 10)] and time.monotonic() < until:
            await asyncio.sleep(0.02)
            found = await own_walls.as_superuser(states, own_walls.role("gateway"))
        assert found == [("idle", 10)]
    finally:
        await provider.close()


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_decides_which_rows_one_sees_is_noted_as_by_any_other_transaction_where_an_answer_is_kept(
    serving: PostgreSQLProvider, keeps: bool, opened: Opened
) -> None:
    sam, noted = await serving.identify("seattle"), list[str | None]()
    # A statement that begins with something else than a text is sent behind it.
    for sql in (COUNT, COUNT, *["SELECT 1, gen_random_uuid()"] * 2):
        with operation(record := OperationRecord("test", keeps_answer=keeps), ignored):
            assert await opened(serving, sam, sql)
            noted.append(record.reading_state)
    assert noted == [noted[0]] * 4 and (noted[0] is not None) == keeps


async def test_nothing_of_the_statement_runs_where_the_set_up_refuses(
    serving: PostgreSQLProvider, own_walls: Walls, opened: Opened
) -> None:
    await own_walls.as_superuser("GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC")
    sam = await serving.identify("seattle")
    forged = [
        replace(sam, key=b"\x5a" * 32),
        replace(sam, identity=sam.identity.model_copy(update={"manager_id": uuid4()})),
    ]
    for number in (1, 2):
        await opened(serving, sam, LOCKING, number)
        assert await held_locks(own_walls) == [*range(1, number + 1)]
    for caller in forged:
        with pytest.raises(ContextRefusedError):
            await opened(serving, caller, LOCKING, 3)
        assert await held_locks(own_walls) == [1, 2]
    with (
        operation(OperationRecord("test", token="nobodys"), ignored),
        pytest.raises(AuthorizationError, match="revoked"),
    ):
        await opened(serving, sam, LOCKING, 3)
    assert await held_locks(own_walls) == [1, 2]
    assert (await opened(serving, sam, COUNT))[0][1] == ORDERS["Seattle"]


async def test_a_statement_past_its_time_or_left_alone_is_cancelled_and_the_connection_stays_good(
    serving: PostgreSQLProvider, own_walls: Walls, opened: Opened
) -> None:
    sam, bella = await serving.identify("seattle"), await serving.identify("bellevue")
    for _ in range(2):
        assert await opened(serving, sam, SLOW, 3) == [("3",)]
    with pytest.raises(QueryTimeoutError) as caught:
        await opened(serving, sam, SLOW, ENDLESS, timeout=0.3)
    assert caught.value.sqlstate == "57014"
    task = asyncio.create_task(opened(serving, sam, SLOW, ENDLESS))
    await until(own_walls, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(own_walls, 0)
    assert (await opened(serving, bella, COUNT))[0][1] == ORDERS["Bellevue"]


@pytest.mark.parametrize("prepared", [1, 2], ids=["the statement", "its set-up"])
async def test_who_leaves_while_it_is_prepared_spoils_it_for_nobody(
    serving: PostgreSQLProvider, monkeypatch: pytest.MonkeyPatch, prepared: int, opened: Opened
) -> None:
    sam, bella = await serving.identify("seattle"), await serving.identify("bellevue")
    # The connection is there, with what it keeps from its start.
    await opened(serving, sam, "SELECT 1")
    prepare, statements = OwnConnection.prepare, count(1)

    async def and_leave(*arguments: Any, **options: Any) -> Any:
        if next(statements) == prepared:
            # Heard once the server has been asked.
            task.cancel()
        return await prepare(*arguments, **options)

    with monkeypatch.context() as patched, pytest.raises(asyncio.CancelledError):
        patched.setattr(OwnConnection, "prepare", and_leave)
        task = asyncio.create_task(opened(serving, sam, COUNT))
        await task
    for _ in range(2):
        assert (await opened(serving, bella, COUNT))[0][1] == ORDERS["Bellevue"]


async def test_a_value_that_cannot_be_sent_costs_its_own_caller_alone(
    serving: PostgreSQLProvider, opened: Opened
) -> None:
    sam, bella = await serving.identify("seattle"), await serving.identify("bellevue")
    await opened(serving, sam, SLOW, 3)
    with pytest.raises(DatabaseError, match="many"):
        await opened(serving, sam, SLOW, "many")
    backend = await opened(serving, sam, "SELECT pg_backend_pid()")
    # The server read those and has refused them itself.
    for _ in range(2):
        with pytest.raises(DatabaseError, match="0x00"):
            await opened(serving, sam, "SELECT $1::text", "\0")
    assert await opened(serving, sam, "SELECT pg_backend_pid()") == backend
    assert (await opened(serving, bella, COUNT))[0][1] == ORDERS["Bellevue"]


async def test_a_statement_whose_answer_looks_otherwise_now_is_asked_anew(
    serving: PostgreSQLProvider, own_walls: Walls, opened: Opened
) -> None:
    sam, all_columns = await serving.identify("seattle"), "SELECT sku, p.* FROM products p LIMIT 1"
    widths = [len((await opened(serving, sam, all_columns))[0]) for _ in range(2)]
    await own_walls.as_superuser("ALTER TABLE retail.products ADD COLUMN colour text")
    with pytest.raises(DatabaseError, match="cached plan"):
        await opened(serving, sam, all_columns)
    widths += [len((await opened(serving, sam, all_columns))[0]) for _ in range(2)]
    assert widths == [widths[0], widths[0], widths[0] + 1, widths[0] + 1]


async def test_a_statement_behind_its_settings_tells_of_a_lost_connection_as_any_other_does(
    serving: PostgreSQLProvider, own_walls: Walls
) -> None:
    sam = await serving.identify("seattle")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError):
            async with serving.reader(sam) as session:
                pid = (await session.row("SELECT pg_backend_pid() AS pid"))["pid"]
                assert await session.records_with(["SET LOCAL jit = off"], "SELECT 1 AS one") == [(1,)]
                await own_walls.as_superuser("SELECT pg_terminate_backend($1, 10000)", pid)
                await session.records_with(["SET LOCAL jit = off"], "SELECT 1 AS one")


async def test_a_connection_that_ends_under_its_opening_is_told_as_the_server_told_it(
    serving: PostgreSQLProvider, own_walls: Walls, opened: Opened
) -> None:
    sam = await serving.identify("seattle")
    await opened(serving, sam, SLOW, 3)
    task = asyncio.create_task(opened(serving, sam, SLOW, ENDLESS))
    await until(own_walls, 1)
    await own_walls.as_superuser(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE query = $1 AND state = 'active'", SLOW
    )
    with pytest.raises(DatabaseUnavailableError, match="administrator"):
        await task
