"""Through PgBouncer in transaction mode, with one connection that everybody shares."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import opened
from tests.pooler import folder_of_a_pooler, pooled
from tests.small_data import ORDERS, Walls
from zava_cli.data.admin import admin_connection
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.keys import bind_backend
from zava_cli.data.target import Target
from zava_cli.infra.errors import ContextRefusedError, DatabaseError, DatabaseUnusableError, QueryTimeoutError
from zava_cli.models.health import HealthStatus
from zava_cli.models.query import QueryRequest
from zava_cli.models.schema import SchemaRequest
from zava_cli.models.search import SearchMode, SearchRequest
from zava_cli.models.store import StoreRequest
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.health import check_health
from zava_cli.services.query import copy_query, open_query, run_query
from zava_cli.services.schema import get_table_schemas
from zava_cli.services.search import search_products
from zava_cli.services.store import SalesAnalyticsService

COUNT = "select count(*) from orders"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for the pooler."""
    with folder_of_a_pooler() as folder:
        yield folder


@asynccontextmanager
async def through(target: Target, *, many: bool = False) -> AsyncIterator[PostgreSQLProvider]:
    """The pools of a server behind the pooler."""
    async with opened(target, serving=True, many=many) as provider:
        yield provider


@pytest.fixture
async def shared(own_walls: Walls, place: Path) -> AsyncIterator[Target]:
    """The known database behind a pooler with one connection."""
    await bind_backend(own_walls.target, False)
    with pooled(own_walls.target, place) as target:
        yield target


async def count_of(provider: PostgreSQLProvider, caller: Caller) -> int:
    """How many orders the caller sees."""
    return int((await run_query(provider, caller, QueryRequest(sql=COUNT))).rows[0][0] or "")


async def test_managers_who_take_turns_on_one_connection_see_their_own_rows_alone(shared: Target) -> None:
    async with through(shared, many=True) as provider:
        callers = {city: await provider.identify(city) for city in ORDERS}
        cities = [*ORDERS] * 20
        counts = await asyncio.gather(*(count_of(provider, callers[city]) for city in cities))
    assert counts == [ORDERS[city] for city in cities]


async def test_every_way_to_read_works(shared: Target) -> None:
    async with through(shared) as provider, EmbedderSource(shared.settings) as source:
        seattle = await provider.identify("seattle")
        tables = (await get_table_schemas(provider, seattle, SchemaRequest())).tables
        assert "orders" in [table.name for table in tables]
        found = await search_products(
            provider, seattle, SearchRequest(query_description="product", mode=SearchMode.KEYWORD), source
        )
        assert found.mode is SearchMode.KEYWORD
        report = await SalesAnalyticsService(provider, seattle).performance(StoreRequest(store="Seattle"))
        assert report.store == "Zava Retail Seattle"
        out = io.BytesIO()
        request = QueryRequest(sql="select order_id from orders", limit=None)
        assert await copy_query(provider, seattle, request, "csv", out.write, header=False) == ORDERS["Seattle"]
        assert len(out.getvalue().splitlines()) == ORDERS["Seattle"]
        async with open_query(
            provider, seattle, QueryRequest(sql="select generate_series(1, 1000)"), page=10
        ) as stream:
            pages = [page async for page in stream.batches]
        assert [len(page) for page in pages if page] == [10] * 100
        sum_of = await run_query(provider, seattle, QueryRequest(sql="select $n::int + 1", parameters={"n": "41"}))
        assert sum_of.rows == [("42",)]
        with pytest.raises(DatabaseError, match="nothing_like_it"):
            await run_query(provider, seattle, QueryRequest(sql="select * from nothing_like_it"))


async def test_what_a_query_sets_does_not_reach_the_next_caller(shared: Target, own_walls: Walls) -> None:
    await own_walls.as_superuser("GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO PUBLIC")
    sets = "SELECT set_config('TimeZone', 'Asia/Tokyo', false), set_config('role', 'none', false), pg_backend_pid()"
    async with through(shared) as provider:
        seattle, tacoma = await provider.identify("seattle"), await provider.identify("tacoma")
        async with provider.text_reader(seattle) as session:
            (first,) = await session._connection.fetch(sets)
        await asyncio.gather(*provider._pools._releases)
        async with provider.gateway_reader() as session:
            left = await session.row(
                "SELECT current_setting('TimeZone') AS zone, current_setting('zava.context', true) AS context,"
                " current_user::text AS role, pg_backend_pid()::text AS backend"
            )
        assert left["backend"] == first[2]
        assert (left["context"], left["role"]) == ("", own_walls.role("gateway"))
        assert left["zone"] != "Asia/Tokyo"
        assert await count_of(provider, tacoma) == ORDERS["Tacoma"]


async def test_a_query_past_its_time_and_one_whose_caller_left_free_the_connection(shared: Target) -> None:
    endless = "select count(*) from (select generate_series(1, 1000000000000)) n"
    async with through(shared) as provider:
        seattle = await provider.identify("seattle")
        with pytest.raises(QueryTimeoutError):
            await run_query(provider, seattle, QueryRequest(sql=endless, timeout=0.5))
        task = asyncio.create_task(run_query(provider, seattle, QueryRequest(sql=endless)))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait([task])
        async with asyncio.timeout(10):
            assert await count_of(provider, seattle) == ORDERS["Seattle"]


async def test_a_context_that_is_bound_to_a_backend_is_refused_with_the_way_out(shared: Target) -> None:
    await bind_backend(shared, True)
    async with through(shared) as provider:
        seattle = await provider.identify("seattle")
        with pytest.raises(ContextRefusedError) as caught:
            await count_of(provider, seattle)
        assert "zava security bind-backend off" in (caught.value.hint or "")
        await bind_backend(shared, False)
        assert await count_of(provider, seattle) == ORDERS["Seattle"]


async def test_a_pooler_that_keeps_no_prepared_statements_is_told_with_the_name_of_the_setting(shared: Target) -> None:
    target = Target(shared.settings.model_copy(update={"prepared_statements": True}))
    async with through(target) as provider:
        with pytest.raises(DatabaseUnusableError, match="does not keep prepared statements") as caught:
            # The second pool sets the same thing up on the one connection.
            for _ in range(3):
                await count_of(provider, await provider.identify("seattle"))
                await provider.reading_state(await provider.identify("seattle"))
    assert "ZAVA_PREPARED_STATEMENTS=false" in (caught.value.hint or "")
    assert "cache_size" not in (caught.value.hint or "")


async def test_health_is_as_good_as_without(shared: Target) -> None:
    async with through(shared) as provider:
        report = await check_health(provider, "seattle")
    failed = [(c.component, c.detail) for c in report.components if c.status is HealthStatus.FAIL]
    assert failed == []
    async with admin_connection(shared) as connection:
        assert await connection.fetchval("SELECT bind_backend FROM security.settings") is False
