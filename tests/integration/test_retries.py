"""A server that goes and comes back: reads wait for it, nobody hammers it, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import opened
from tests.own_shop import own_shop
from tests.small_data import ORDERS
from zava_cli.data.admin import admin_connection
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embedded import EmbeddedServer
from zava_cli.data.retries import retried
from zava_cli.data.target import Target
from zava_cli.infra.deadline import bounded
from zava_cli.infra.errors import (
    DatabaseBusyError,
    DatabaseError,
    DatabaseUnavailableError,
    DatabaseUnusableError,
    MCPError,
    QueryTimeoutError,
    ShareBusyError,
)
from zava_cli.infra.settings import Settings
from zava_cli.models.query import QueryRequest
from zava_cli.models.schema import SchemaRequest
from zava_cli.services.query import run_query
from zava_cli.services.schema import get_table_schemas

COUNT = QueryRequest(sql="select count(*) from orders")
CALLERS = 200


@pytest.fixture(scope="module")
def shop() -> Iterator[Target]:
    """A server to be stopped and killed, with the small known database."""
    with own_shop() as target:
        yield target


def elsewhere(target: Target, url: str, **changes: Any) -> Target:
    """The same database by another way."""
    return Target(
        Settings.model_validate({**target.settings.model_dump(exclude_unset=True), "database_url": url, **changes})
    )


@asynccontextmanager
async def pools(target: Target) -> AsyncIterator[PostgreSQLProvider]:
    """The pools of a server."""
    async with opened(target, serving=True) as provider:
        yield provider


@pytest.fixture
async def serving(shop: Target) -> AsyncIterator[PostgreSQLProvider]:
    """The pools of a server whose database is not started by it."""
    assert shop.embedded is not None
    await asyncio.to_thread(shop.embedded.start)
    async with pools(elsewhere(shop, shop.gateway_dsn)) as provider:
        yield provider


def server(target: Target) -> EmbeddedServer:
    """The server of a database."""
    return EmbeddedServer(target.settings.data_dir, 18)


async def count_of(provider: PostgreSQLProvider, caller: Caller) -> int:
    """How many orders the caller sees."""
    return int((await run_query(provider, caller, COUNT)).rows[0][0] or "")


def failing(*errors: MCPError) -> tuple[Callable[[], Awaitable[str]], list[MCPError]]:
    """A read that fails with these errors one after another, and those that are still to come."""
    left = list(errors)

    async def read() -> str:
        if left:
            raise left.pop(0)
        return "rows"

    return read, left


def passing() -> DatabaseError:
    """What a standby says that had to cancel a query."""
    error = DatabaseError("conflict with recovery", sqlstate="40001")
    error.retry_after = 0.0
    return error


async def test_a_read_that_breaks_for_a_passing_reason_is_done_again() -> None:
    read, left = failing(DatabaseUnavailableError("gone"), passing())
    assert await retried(Settings(), read) == "rows"
    assert left == []


@pytest.mark.parametrize(
    "error",
    [
        DatabaseError("syntax"),
        QueryTimeoutError("slow"),
        DatabaseBusyError("full"),
        ShareBusyError("yours"),
        DatabaseUnusableError("no login"),
    ],
)
async def test_a_read_that_would_fail_again_or_has_waited_already_is_not(error: MCPError) -> None:
    read, left = failing(error, error)
    with pytest.raises(type(error)):
        await retried(Settings(), read)
    assert left == [error]


async def test_a_read_is_tried_so_often_and_not_past_its_deadline() -> None:
    read, left = failing(*(DatabaseUnavailableError("gone") for _ in range(9)))
    with pytest.raises(DatabaseUnavailableError):
        await retried(Settings(read_attempts=3), read)
    assert len(left) == 6
    with bounded(0.5), pytest.raises(DatabaseUnavailableError):
        await retried(Settings(), read)
    assert len(left) == 5


async def test_a_read_waits_for_a_server_that_is_restarted(serving: PostgreSQLProvider, shop: Target) -> None:
    seattle = await serving.identify("seattle")
    await asyncio.to_thread(server(shop).stop)
    reads = [asyncio.create_task(count_of(serving, seattle)) for _ in range(16)]
    schema = asyncio.create_task(get_table_schemas(serving, seattle, SchemaRequest()))
    await asyncio.to_thread(server(shop).start)
    assert await asyncio.gather(*reads) == [ORDERS["Seattle"]] * 16
    assert (await schema).tables


async def test_while_the_server_is_away_everybody_is_told_soon_and_few_knock_at_it(shop: Target) -> None:
    knocks = 0

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal knocks
        knocks += 1
        writer.close()

    door = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = door.sockets[0].getsockname()[1]
    url = f"postgresql://zava_gateway@127.0.0.1:{port}/zava?sslmode=disable"
    async with door, pools(elsewhere(shop, url, read_attempts=3)) as provider:
        asked = [provider.identify("seattle") for _ in range(CALLERS)]
        async with asyncio.timeout(20):
            errors = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(error) for error in errors} == {DatabaseUnavailableError}
    assert all(isinstance(error, MCPError) and error.retry_after for error in errors)
    assert 1 <= knocks <= 20


async def test_a_query_whose_backend_is_ended_is_not_run_again(serving: PostgreSQLProvider, shop: Target) -> None:
    seattle = await serving.identify("seattle")
    slow = QueryRequest(sql="select count(*) from (select generate_series(1, 1000000000000)) n")
    task = asyncio.create_task(run_query(serving, seattle, slow))
    async with admin_connection(shop) as connection, asyncio.timeout(20):
        end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'active'"
        while not await connection.fetchval(f"{end} AND query ~ '10{{12}}\\)'"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    with pytest.raises(DatabaseUnavailableError):
        await task


class Wire:
    """Carries connections to a server's socket until it falls silent, as a network does that is cut."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._tasks: list[asyncio.Task[None]] = []
        self._ends: list[asyncio.StreamWriter] = []

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes one connection."""
        there, back = await asyncio.open_unix_connection(str(self._socket))
        self._ends += [writer, back]
        self._tasks += [asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer))]

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    def cut(self) -> None:
        """What is connected now hears nothing any more, not even an end."""
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """Closes everything."""
        self.cut()
        for end in self._ends:
            end.close()
        await asyncio.gather(*self._tasks, *(end.wait_closed() for end in self._ends), return_exceptions=True)


@asynccontextmanager
async def wired(shop: Target) -> AsyncIterator[tuple[PostgreSQLProvider, Wire]]:
    """Pools that reach the server by a wire."""
    await asyncio.to_thread(server(shop).start)
    wire = Wire(server(shop).socket_folder / ".s.PGSQL.5432")
    door = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    url = f"postgresql://zava_gateway@127.0.0.1:{door.sockets[0].getsockname()[1]}/zava?sslmode=disable"
    async with door, pools(elsewhere(shop, url, connect_timeout=1.0, serve_grace=0.5)) as provider:
        yield provider, wire
    await wire.end()


async def test_connections_that_fell_silent_cost_one_wait_and_not_one_each(shop: Target) -> None:
    async with wired(shop) as (provider, wire):
        seattle = await provider.identify("seattle")
        assert await asyncio.gather(*(count_of(provider, seattle) for _ in range(10))) == [ORDERS["Seattle"]] * 10
        await asyncio.gather(*provider._pools._releases)
        wire.cut()
        async with asyncio.timeout(8):
            await provider.identify("tacoma")
            for _ in range(10):
                assert await count_of(provider, seattle) == ORDERS["Seattle"]


async def test_the_question_before_a_kept_answer_waits_for_no_silent_connection(shop: Target) -> None:
    async with wired(shop) as (provider, wire):
        seattle = await provider.identify("seattle")
        _, before = await provider.reading_state(seattle)
        await asyncio.gather(*provider._pools._releases)
        wire.cut()
        async with asyncio.timeout(8):
            assert await provider.reading_state(seattle) == (seattle, before)
