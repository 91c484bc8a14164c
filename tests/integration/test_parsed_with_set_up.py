"""A caller's statement goes out with the set-up of its transaction: nobody's before that has verified who asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.backends import PATIENCE, until_busy, until_idle
from tests.small_data import ORDERS, Walls
from zava_cli.data.callers import Caller
from zava_cli.data.connections import TextConnection, TransactionConnection
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError, ContextRefusedError, DatabaseError, QueryTimeoutError
from zava_cli.infra.operations import OperationRecord, operation
from zava_cli.models.query import QueryRequest
from zava_cli.services.query import run_query

COUNT = "select count(*) from orders"
FIELDS = "select one /* locked */ from public.door"
DOOR = (
    "GRANT USAGE ON SCHEMA public TO PUBLIC; CREATE TABLE public.door AS SELECT 1 AS one; GRANT ALL ON door TO PUBLIC"
)
"""A table that also the login finds by itself, so that it would wait there if it came to parse such a statement."""
NO_NUMBER = "select 'seven'::integer"


@asynccontextmanager
async def one_connection(walls: Walls, **settings: Any) -> AsyncIterator[PostgreSQLProvider]:
    """A server's pools in which everybody borrows the same one."""
    changed = walls.target.settings.model_copy(update={"pool_max": 2, **settings})
    provider = PostgreSQLProvider(Target(changed), serving=True)
    yield provider
    await provider.close()


@pytest.fixture
async def serving(own_walls: Walls) -> AsyncIterator[PostgreSQLProvider]:
    """Those of a server as it comes."""
    async with one_connection(own_walls) as provider:
        yield provider


@asynccontextmanager
async def locked(walls: Walls) -> AsyncIterator[None]:
    """Nobody can parse a statement about the door meanwhile."""
    connection = await asyncpg.connect(walls.superuser_dsn)
    await connection.execute(DOOR)
    async with connection.transaction():
        await connection.execute("LOCK TABLE public.door IN ACCESS EXCLUSIVE MODE")
        yield
    await connection.close()


async def answer(provider: PostgreSQLProvider, who: Caller, sql: str, **bounds: float) -> list[tuple[str | None, ...]]:
    """All its rows."""
    return list((await run_query(provider, who, QueryRequest.model_validate({"sql": sql, **bounds}))).rows)


async def counted(provider: PostgreSQLProvider, who: Caller) -> int:
    """How many orders they see."""
    return int((await answer(provider, who, COUNT))[0][0] or 0)


@pytest.mark.parametrize("sql", [FIELDS, NO_NUMBER, "select nonsense from nowhere"])
async def test_nothing_is_parsed_for_whom_the_set_up_refuses(
    serving: PostgreSQLProvider, own_walls: Walls, sql: str
) -> None:
    sam = await serving.identify("seattle")
    forged = [
        replace(sam, key=b"\x5a" * 32),
        replace(sam, identity=sam.identity.model_copy(update={"manager_id": uuid4()})),
    ]
    async with asyncio.timeout(PATIENCE), locked(own_walls):
        for caller in forged:
            with pytest.raises(ContextRefusedError):
                await answer(serving, caller, sql)
        with (
            operation(OperationRecord("test", token="nobodys"), lambda _: None),
            pytest.raises(AuthorizationError, match="revoked"),
        ):
            await answer(serving, sam, sql)
    assert await counted(serving, sam) == ORDERS["Seattle"]


async def test_the_set_up_takes_no_round_trip_of_its_own(
    serving: PostgreSQLProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = await serving.identify("seattle")
    assert await counted(serving, sam) == ORDERS["Seattle"]
    monkeypatch.delattr(TransactionConnection, "begin")
    assert await counted(serving, sam) == ORDERS["Seattle"]


async def test_a_statement_that_waits_to_be_parsed_may_be_left_or_outlast_its_time(
    serving: PostgreSQLProvider, own_walls: Walls
) -> None:
    sam, bella = await serving.identify("seattle"), await serving.identify("bellevue")
    assert await counted(serving, sam) == ORDERS["Seattle"]
    async with locked(own_walls):
        leaving = asyncio.create_task(answer(serving, sam, FIELDS))
        await until_busy(own_walls, "/* locked */")
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await until_idle(own_walls, "/* locked */")
        with pytest.raises(QueryTimeoutError) as caught:
            await answer(serving, sam, FIELDS, timeout=0.3)
    assert (caught.value.sqlstate, caught.value.query) == ("57014", FIELDS)
    assert await counted(serving, bella) == ORDERS["Bellevue"]


async def test_one_that_waits_longer_than_a_connection_may_take_is_answered(own_walls: Walls) -> None:
    # A single attempt: it is the server's lock that is waited for, and no connection that broke.
    async with one_connection(own_walls, connect_timeout=0.5, read_attempts=1) as provider:
        sam = await provider.identify("seattle")
        assert await counted(provider, sam) == ORDERS["Seattle"]
        async with locked(own_walls):
            waiting = asyncio.create_task(answer(provider, sam, FIELDS))
            await asyncio.sleep(2.5)
        assert len(await waiting) == 1


async def test_an_error_in_it_points_into_its_text_and_costs_the_connection_nothing(
    serving: PostgreSQLProvider,
) -> None:
    sam = await serving.identify("seattle")
    for _ in range(2):
        with pytest.raises(DatabaseError) as caught:
            await answer(serving, sam, "select 1 from orders where  nothing = 1")
        error = caught.value
        assert (error.sqlstate, error.position, error.query) == ("42703", 29, "select 1 from orders where  nothing = 1")
        with pytest.raises(DatabaseError, match="invalid input syntax"):
            await answer(serving, sam, NO_NUMBER)
        assert await counted(serving, sam) == ORDERS["Seattle"]


async def test_types_that_nobody_has_heard_of_are_named_and_read(serving: PostgreSQLProvider) -> None:
    sam = await serving.identify("seattle")
    sql = "select description_embedding, $1::integer as n from product_description_embeddings limit 2"
    for number in ("5", "6"):
        request = QueryRequest(sql=sql.replace("$1", "$number"), parameters={"number": number})
        result = await run_query(serving, sam, request)
        assert [column.type for column in result.columns] == ["vector", "int4"]
        assert [row[1] for row in result.rows] == [number] * 2
        assert all((row[0] or "").startswith("[") for row in result.rows)


async def test_what_decides_which_rows_one_sees_is_noted_for_an_answer_that_is_kept(
    serving: PostgreSQLProvider,
) -> None:
    sam = await serving.identify("seattle")
    _, state = await serving.reading_state(sam)
    for keeps, noted in ((True, state), (False, None)):
        with operation(record := OperationRecord("test", keeps_answer=keeps), lambda _: None):
            assert await counted(serving, sam) == ORDERS["Seattle"]
        assert record.reading_state == noted


async def test_it_opens_one_attempt_however_often_that_is_repeated(
    serving: PostgreSQLProvider, own_walls: Walls, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = await serving.identify("seattle")
    assert await counted(serving, sam) == ORDERS["Seattle"]
    openings, begin_with = list[str](), TextConnection.begin_with

    async def and_break(connection: Any, values: Any, timeout: Any, opening: Any, limit: Any) -> Any:
        openings.append(opening.sql)
        await own_walls.as_superuser("SELECT pg_terminate_backend($1, 10000)", connection.get_server_pid())
        return await begin_with(connection, values, timeout, opening, limit)

    monkeypatch.setattr(TextConnection, "begin_with", and_break)
    assert await counted(serving, sam) == ORDERS["Seattle"]
    assert openings == [COUNT]
