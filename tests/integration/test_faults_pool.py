"""More callers than connections: each gets their own answer or a plain refusal, and nothing is used up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.backends import deaf, until_busy
from tests.conftest import opened
from tests.small_data import ORDERS, Walls
from zava_cli.data import lent
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.deadline import bounded
from zava_cli.infra.errors import DatabaseBusyError, DatabaseUnavailableError, QueryTimeoutError, ShareBusyError
from zava_cli.infra.operations import OperationRecord, operation
from zava_cli.models.query import QueryRequest
from zava_cli.services.query import open_query, run_query

CALLERS = 200
COUNT = QueryRequest(sql="select count(*) from orders")
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
AT_WORK = f"{BACKENDS} AND usename <> current_user AND state <> 'idle'"
BEGINNING = f"{BACKENDS} AND wait_event_type = 'Lock'"
SLOW = QueryRequest(sql="select count(*) from (select generate_series(1, 1000000000000)) n")


async def connections(walls: Walls) -> int:
    """Of the gateway to this database."""
    rows = await walls.as_superuser(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1",
        walls.role("gateway"),
    )
    return rows[0][0]


async def until_closed(walls: Walls) -> None:
    """Waits until the gateway has gone."""
    async with asyncio.timeout(20):
        while await connections(walls):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def end_backends(walls: Walls) -> None:
    """Ends the gateway's connections from the server's side."""
    await walls.as_superuser(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE usename = $1 AND datname = current_database()",
        walls.role("gateway"),
    )


IMPATIENT = {"connect_timeout": 0.5, "pool_wait": 0.5, "serve_grace": 1.0}


@pytest.fixture
async def serving(own_walls: Walls) -> AsyncIterator[PostgreSQLProvider]:
    """The pools of a server that nobody waits for long."""
    settings = own_walls.target.settings.model_copy(update=IMPATIENT)
    async with opened(Target(settings), serving=True) as provider:
        yield provider
    await until_closed(own_walls)


async def until_backends(walls: Walls, question: str, number: int) -> list[int]:
    """Waits until so many are as the question says, on another connection: a transaction sees them as they were."""
    async with asyncio.timeout(20):
        while len(rows := await walls.as_superuser(question)) != number:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return [row[0] for row in rows]


async def count_of(provider: PostgreSQLProvider, caller: Caller) -> int:
    """How many orders the caller sees."""
    return int((await run_query(provider, caller, COUNT)).rows[0][0] or "")


async def test_two_hundred_callers_at_once_each_get_their_own_rows(own_walls: Walls) -> None:
    async with opened(own_walls.target, serving=True) as provider:
        callers = {city: await provider.identify(city) for city in ORDERS}
        cities = [city for _ in range(CALLERS) for city in ORDERS][:CALLERS]
        counts = await asyncio.gather(*(count_of(provider, callers[city]) for city in cities))
        assert counts == [ORDERS[city] for city in cities]
        assert await connections(own_walls) <= provider.settings.pool_max
    await until_closed(own_walls)


async def test_who_finds_every_connection_busy_is_told_so_and_the_next_one_is_answered(
    serving: PostgreSQLProvider, own_walls: Walls
) -> None:
    seattle = await serving.identify("seattle")
    busy = [asyncio.create_task(run_query(serving, seattle, SLOW)) for _ in range(serving.settings.pool_max)]
    await asyncio.sleep(0.3)
    refused = await asyncio.gather(*(count_of(serving, seattle) for _ in range(CALLERS)), return_exceptions=True)
    assert {type(error) for error in refused} == {DatabaseBusyError}
    assert {str(error) for error in refused} == {"All connections are busy with everybody's requests."}
    for task in busy:
        task.cancel()
    await asyncio.wait(busy)
    assert await count_of(serving, seattle) == ORDERS["Seattle"]
    assert await connections(own_walls) <= serving.settings.pool_max


async def test_a_request_that_has_waited_as_long_as_it_may_waits_for_no_other_connection(own_walls: Walls) -> None:
    settings = own_walls.target.settings.model_copy(update={"pool_wait": 60.0})
    async with opened(Target(settings), serving=True) as provider:
        seattle = await provider.identify("seattle")
        busy = [asyncio.create_task(run_query(provider, seattle, SLOW)) for _ in range(settings.pool_max)]
        await asyncio.sleep(0.3)
        async with asyncio.timeout(20):
            waited = OperationRecord("query", waited=settings.pool_wait)
            with pytest.raises((DatabaseBusyError, ShareBusyError)), operation(waited, lambda _: None):
                await count_of(provider, seattle)
        for task in busy:
            task.cancel()
        await asyncio.wait(busy)
    await until_closed(own_walls)


async def test_callers_who_leave_while_they_wait_use_nothing_up(serving: PostgreSQLProvider) -> None:
    seattle = await serving.identify("seattle")
    for _ in range(5):
        callers = [asyncio.create_task(run_query(serving, seattle, SLOW)) for _ in range(40)]
        await asyncio.sleep(0.1)
        for task in callers:
            task.cancel()
        await asyncio.wait(callers)
    counts = await asyncio.gather(*(count_of(serving, seattle) for _ in range(20)))
    assert counts == [ORDERS["Seattle"]] * 20


async def test_who_leaves_or_runs_out_of_time_while_a_transaction_begins_leaves_nothing_to_the_next(
    own_walls: Walls,
) -> None:
    # All connections are there from the first question on: what follows waits for nothing but its transaction.
    settings = own_walls.target.settings.model_copy(update={"pool_min": 4, "connect_timeout": 5.0, "read_attempts": 1})
    async with opened(Target(settings), serving=True) as provider:
        callers = {city: await provider.identify(city) for city in ORDERS}
        await count_of(provider, callers["Seattle"])
        await until_backends(own_walls, AT_WORK, 0)
        lock = await asyncpg.connect(own_walls.superuser_dsn)
        async with lock.transaction():
            # What begins a transaction asks this table who the caller is.
            await lock.execute("LOCK TABLE security.manager_keys IN ACCESS EXCLUSIVE MODE")
            leaving, waiting = [
                [asyncio.create_task(count_of(provider, callers["Seattle"])) for _ in range(2)] for _ in range(2)
            ]
            await until_backends(own_walls, BEGINNING, len(leaving + waiting))
            for task in leaving:
                task.cancel()
            await asyncio.wait(leaving + waiting)
        await lock.close()
        assert all(task.cancelled() for task in leaving)
        assert {type(task.exception()) for task in waiting} == {DatabaseUnavailableError}
        for city in ORDERS:
            counts = await asyncio.gather(*(count_of(provider, callers[city]) for _ in range(12)))
            assert counts == [ORDERS[city]] * 12
    await until_closed(own_walls)


async def test_callers_whose_backends_are_ended_are_told_so_and_the_next_one_is_answered(
    serving: PostgreSQLProvider, own_walls: Walls
) -> None:
    seattle = await serving.identify("seattle")
    busy = [asyncio.create_task(run_query(serving, seattle, SLOW)) for _ in range(4)]
    await asyncio.sleep(0.3)
    await end_backends(own_walls)
    ended = await asyncio.gather(*busy, return_exceptions=True)
    assert {type(error) for error in ended} == {DatabaseUnavailableError}
    for _ in range(10):
        assert await count_of(serving, seattle) == ORDERS["Seattle"]


async def test_a_connection_that_breaks_between_two_pages_is_an_unavailable_database(
    serving: PostgreSQLProvider, own_walls: Walls
) -> None:
    seattle = await serving.identify("seattle")
    request = QueryRequest(sql="select generate_series(1, 1000000000000)")
    with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
        async with open_query(serving, seattle, request, page=10) as stream:
            batches = aiter(stream.batches)
            assert len(await anext(batches)) == 10
            await end_backends(own_walls)
            await anext(batches)
    assert await count_of(serving, seattle) == ORDERS["Seattle"]


async def test_a_manager_with_endless_queries_holds_half_of_a_pool_that_many_share(own_walls: Walls) -> None:
    settings = own_walls.target.settings.model_copy(update=IMPATIENT)
    async with opened(Target(settings), serving=True, many=True) as provider:
        seattle, tacoma = await provider.identify("seattle"), await provider.identify("tacoma")
        busy = [asyncio.create_task(run_query(provider, seattle, SLOW)) for _ in range(20)]
        most = (settings.pool_max // 2 + 1) // 2
        async with asyncio.timeout(20):
            while sum(task.done() for task in busy) < len(busy) - most:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await count_of(provider, tacoma) == ORDERS["Tacoma"]
        refused = [task.exception() for task in busy if task.done()]
        assert len(refused) == len(busy) - most
        assert {type(error) for error in refused} == {ShareBusyError}
        assert {error.retry_after for error in refused if isinstance(error, ShareBusyError)} == {1.0}
        for task in busy:
            task.cancel()
        await asyncio.wait(busy)
        assert await count_of(provider, seattle) == ORDERS["Seattle"]
    await until_closed(own_walls)


async def test_a_manager_whose_connection_is_lost_gets_no_other_while_its_backend_works(own_walls: Walls) -> None:
    update = {"pool_max": 4, "pool_wait": 3.0, "connect_timeout": 5.0, "read_attempts": 1}
    async with opened(Target(own_walls.target.settings.model_copy(update=update)), serving=True, many=True) as provider:
        seattle = await provider.identify("seattle")
        lock = await asyncpg.connect(own_walls.superuser_dsn)
        async with lock.transaction():
            # What begins a transaction asks this table who the caller is.
            await lock.execute("LOCK TABLE security.manager_keys IN ACCESS EXCLUSIVE MODE")
            asking = asyncio.create_task(count_of(provider, seattle))
            (backend,) = await until_backends(own_walls, BEGINNING, 1)
            with deaf(backend):
                with pytest.raises(DatabaseUnavailableError):
                    await asking
                with pytest.raises(ShareBusyError):
                    await count_of(provider, seattle)
        await lock.close()
        assert await count_of(provider, seattle) == ORDERS["Seattle"]
    await until_closed(own_walls)


async def test_a_manager_whose_statement_hears_no_cancel_gets_no_other_backend_for_it(
    own_walls: Walls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lent, "RELEASE_SECONDS", 0.1)
    settings = own_walls.target.settings.model_copy(update={"pool_max": 4, "pool_wait": 2.0})
    async with opened(Target(settings), serving=True, many=True) as provider:
        seattle, tacoma = await provider.identify("seattle"), await provider.identify("tacoma")
        with bounded(10):
            asking = asyncio.create_task(run_query(provider, seattle, SLOW))
        with deaf(await until_busy(own_walls, SLOW.sql)):
            with pytest.raises(QueryTimeoutError):
                await asking
            for _ in range(2):
                with pytest.raises(ShareBusyError):
                    await count_of(provider, seattle)
                assert await count_of(provider, tacoma) == ORDERS["Tacoma"]
        assert await count_of(provider, seattle) == ORDERS["Seattle"]
    await until_closed(own_walls)
