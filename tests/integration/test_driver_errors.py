"""A wrong use of the driver is a mistake of zava's; only a connection that went away is worth another try."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import asyncpg
import pytest

from tests.conftest import opened
from tests.small_data import Walls
from zava_cli.data.admin import admin_connection
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.driver_errors import translated
from zava_cli.data.guard.check import check_query
from zava_cli.data.retries import retried
from zava_cli.data.session import Session
from zava_cli.infra.errors import DatabaseUnavailableError, DatabaseUnusableError, InternalError
from zava_cli.infra.operations import OperationRecord, Outcome, operation


async def too_few_values(session: Session) -> None:
    """The statement takes one."""
    await session.rows("SELECT $1::int")


async def two_at_once(session: Session) -> None:
    """A connection does one thing at a time."""
    await asyncio.gather(session.rows("SELECT pg_sleep(0.1)"), session.rows("SELECT 1"))


MISTAKES = [too_few_values, two_at_once]
KERBEROS, GSSAPI = 2, 7
"""As a server asks for them, in the protocol."""
Mistake = Callable[[Session], Awaitable[None]]


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_of_ours_is_no_unreachable_database_and_is_not_made_again(
    gateway: PostgreSQLProvider, mistake: Mistake
) -> None:
    caller = await gateway.identify("seattle")
    times = 0

    async def read() -> None:
        nonlocal times
        times += 1
        async with gateway.reader(caller) as session:
            await mistake(session)

    with pytest.raises(asyncpg.InterfaceError):
        await retried(gateway.settings, read)
    assert times == 1


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_among_single_statements_does_not_reach_the_next_caller(
    gateway: PostgreSQLProvider, mistake: Mistake
) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with gateway.gateway_reader() as session:
            await mistake(session)
    async with gateway.gateway_reader() as session:
        assert await session.row("SELECT 1 AS one") == {"one": 1}


async def test_a_statement_of_a_session_that_is_over_is_a_mistake_too(gateway: PostgreSQLProvider) -> None:
    caller = await gateway.identify("seattle")
    for statements in (["SELECT 1"], []):
        async with gateway.reader(caller) as session:
            for sql in statements:
                await session.rows(sql)
        with pytest.raises(asyncpg.InterfaceError, match="over"):
            await session.rows("SELECT 1")
    async with gateway.gateway_reader() as session:
        pass
    await asyncio.gather(*gateway._pools._releases)
    with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
        await session.rows("SELECT 1")


async def test_a_mistake_is_told_as_an_unforeseen_error_with_a_reference(gateway: PostgreSQLProvider) -> None:
    record = OperationRecord("query")
    with pytest.raises(InternalError, match=record.request_id), operation(record, lambda _: None):
        async with gateway.gateway_reader() as session:
            await too_few_values(session)
    assert (record.outcome, record.error_code) == (Outcome.FAILED, InternalError.error_code)


async def ended(walls: Walls, pid: Any) -> None:
    """Ends a backend from elsewhere and waits until it is gone and the driver knows."""
    async with admin_connection(walls.target) as connection:
        assert await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", int(pid))
    await asyncio.sleep(0.2)


async def test_a_connection_that_is_lost_between_two_statements_is_worth_another_try(own_walls: Walls) -> None:
    async with opened(own_walls.target) as provider:
        caller = await provider.identify("seattle")

        async def in_a_transaction(caller: Caller) -> None:
            async with provider.reader(caller) as session:
                await ended(own_walls, (await session.row("SELECT pg_backend_pid() AS pid"))["pid"])
                await session.rows("SELECT 1")

        async def in_single_statements(_: Caller) -> None:
            async with provider.gateway_reader() as session:
                await ended(own_walls, (await session.row("SELECT pg_backend_pid() AS pid"))["pid"])
                await session.rows("SELECT 1")

        async def between_two_pages(caller: Caller) -> None:
            async with provider.text_reader(caller) as session:
                query = check_query("SELECT generate_series(1, 100)")
                stream = await session.stream(query, [], limit=None, page=10)
                async for _ in stream.batches:
                    await ended(own_walls, session._connection.get_server_pid())

        for way in (in_a_transaction, in_single_statements, between_two_pages):
            with pytest.raises(DatabaseUnavailableError) as caught:
                await way(caller)
            assert caught.value.retry_after, way
        assert len(await retried(provider.settings, lambda: provider.key_versions())) == 1


async def test_a_closed_connection_and_a_closed_pool_are_unavailable(own_walls: Walls) -> None:
    connection = await asyncpg.connect(own_walls.target.gateway_dsn)
    pool = await asyncpg.create_pool(own_walls.target.gateway_dsn, min_size=1, max_size=1)
    prepared = await connection.prepare("SELECT 1")
    await connection.close()
    await pool.close()
    for use in (lambda: connection.fetch("SELECT 1"), prepared.fetch, lambda: pool.fetch("SELECT 1")):
        with pytest.raises(DatabaseUnavailableError), translated():
            await use()


@pytest.mark.parametrize("method", [KERBEROS, GSSAPI])
async def test_a_login_that_the_driver_cannot_do_is_not_tried_again(method: int) -> None:
    is_closed = asyncio.Event()

    async def wants_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"R" + (8).to_bytes(4, "big") + method.to_bytes(4, "big"))
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        is_closed.set()

    door = await asyncio.start_server(wants_it, "127.0.0.1", 0)
    port = door.sockets[0].getsockname()[1]
    async with door:
        with pytest.raises(DatabaseUnusableError) as caught, translated():
            await asyncpg.connect(f"postgresql://zava_gateway@127.0.0.1:{port}/zava?sslmode=disable", timeout=5)
        await is_closed.wait()
    assert caught.value.retry_after is None


async def test_a_database_that_lacks_what_this_zava_needs_says_what_to_run(own_walls: Walls) -> None:
    async with opened(own_walls.target) as provider:
        seattle = await provider.identify("Sam Seattle")
        await own_walls.as_superuser("ALTER FUNCTION security.require_token(text) RENAME TO token_of_another_version")
        for read in (provider.reader, provider.text_reader):
            with pytest.raises(DatabaseUnusableError, match="does not have what this zava needs") as caught:
                async with read(seattle) as session:
                    await cast("Session", session).rows("SELECT 1")
            assert "zava db migrate" in str(caught.value.hint)
