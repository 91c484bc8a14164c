"""Answers that a server keeps, as agents meet them: when they are given again, and to whom never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.audit_log import awaited
from tests.conftest import opened
from tests.embedding_server import embedding_server
from tests.redis_server import redis_server
from tests.small_data import ORDERS, Walls
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed import ModelRow
from zava_cli.data.guard.repeatable import TABLES
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.cache_redis import PROBE
from zava_cli.infra.operations import OperationRecord, Way
from zava_cli.infra.settings import Settings
from zava_cli.models.query import QueryRequest
from zava_cli.server.app import server_of
from zava_cli.server.state import ServerState
from zava_cli.services.cache import place_of
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.query import is_repeatable

COUNT = "SELECT count(*) FROM orders"
SALES = "SELECT s.name, count(*) FROM orders o JOIN stores s USING (store_id) GROUP BY 1 ORDER BY 1"
JUST_NOW = pytest.approx(0, abs=60)
"""An age: how long a busy machine takes to ask again is nobody's concern."""
TACOMA = "(SELECT store_id FROM retail.stores WHERE name = 'Zava Retail Tacoma')"

# Of this database alone: roles belong to all of them, where other tests go on.
LIMIT = """DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT {}', current_database()); END $$"""


class Agent:
    """Calls the tools of one server as one manager."""

    def __init__(self, client: Client[Any], state: ServerState) -> None:
        self.client = client
        self.state = state

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer, or the error's parts."""
        answer = await self.client.call_tool(tool, arguments, raise_on_error=False)
        if answer.is_error:
            assert answer.structured_content is not None
            return answer.structured_content["error"]
        return json.loads(answer.content[0].text)

    async def ask(self, sql: str, **arguments: Any) -> dict[str, Any]:
        """The answer to a query."""
        return await self.call("execute_sales_query", postgresql_query=sql, **arguments)

    async def is_kept(self, tool: str, **arguments: Any) -> bool:
        """Whether the second of two equal calls gets the answer of the first."""
        await self.call(tool, **arguments)
        return "age_seconds" in await self.call(tool, **arguments)


@asynccontextmanager
async def agent(target: Target, who: str = "seattle", **settings: Any) -> AsyncIterator[Agent]:
    """An agent with a server of its own."""
    merged = Settings.model_validate({**target.settings.model_dump(exclude_unset=True), **settings})
    state = ServerState(Target(merged), who, Way.MCP_STDIO)
    async with Client(server_of(state)) as client:
        yield Agent(client, state)


async def load(target: Target, sql: str) -> None:
    """Changes data as seed, import and embed do."""
    async with admin_connection(target) as connection, owner_transaction(connection, target):
        await connection.execute(sql)
        await connection.execute(named_sql("admin")["record_load"], "import", "test", "", "{}", "{}")


async def test_a_repeated_query_says_how_old_its_answer_is_and_can_be_had_fresh(target: Target) -> None:
    async with agent(target) as seattle:
        first = await seattle.ask(COUNT)
        again = await seattle.ask(COUNT)
        assert again == first | {"age_seconds": JUST_NOW}
        assert await seattle.ask(COUNT, max_age_seconds=0) == first
        assert await seattle.ask(COUNT, max_age_seconds=60) == first | {"age_seconds": JUST_NOW}
        assert "age_seconds" not in await seattle.ask(COUNT.lower())
        assert (await seattle.ask("select 'A'"))["rows"] != (await seattle.ask("select 'a'"))["rows"]


@pytest.mark.parametrize(
    "sql", ["select now()", "select current_date", "select random()", "explain select 1", "show timezone", "select 1/0"]
)
async def test_what_changes_by_itself_is_asked_each_time(target: Target, sql: str) -> None:
    async with agent(target) as seattle:
        assert not await seattle.is_kept("execute_sales_query", postgresql_query=sql)


async def test_an_answer_that_was_cut_is_kept_as_cut(target: Target) -> None:
    async with agent(target, serve_rows=10) as seattle:
        await seattle.ask("SELECT order_id FROM orders")
        answer = await seattle.ask("SELECT order_id FROM orders")
        assert (answer["row_count"], answer["truncated"], answer["age_seconds"]) == (10, True, JUST_NOW)


async def test_searches_and_reports_on_past_periods_are_kept(target: Target) -> None:
    async with agent(target) as seattle:
        assert await seattle.is_kept("search_products", query_description="cordless drill")
        assert await seattle.is_kept("get_store_performance", store_id="Seattle", time_period="2026-03")
        assert await seattle.is_kept("get_store_performance", store_id="Seattle")
        assert not await seattle.is_kept("get_store_performance", store_id="Seattle", time_period="this-year")
        assert not await seattle.is_kept("get_store_performance", store_id="Seattle", time_period="today")


async def test_a_search_that_had_to_do_without_the_provider_is_not_kept(seeded_copy: Target) -> None:
    async with admin_connection(seeded_copy) as connection:
        await connection.execute("UPDATE retail.embedding_models SET provider = 'openai', provider_model = 'other'")
    elsewhere = {"embedding_provider": "openai", "embedding_base_url": "http://127.0.0.1:1/v1"}
    async with agent(seeded_copy, **elsewhere) as seattle:
        assert not await seattle.is_kept("search_products", query_description="cordless drill")


async def test_managers_with_the_same_redis_share_nothing(target: Target) -> None:
    async with admin_connection(target) as connection:
        managers = await connection.fetch("SELECT manager_id::text AS id, role FROM retail.managers ORDER BY role")
    assert {row["role"] for row in managers} == {"head_office", "regional_manager", "store_manager"}
    with redis_server() as redis:
        seen: dict[str, Any] = {}
        for row in managers:
            async with agent(target, row["id"], redis_url=redis.url) as manager:
                answer = await manager.ask(SALES)
                assert "age_seconds" not in answer
                assert await manager.state.cache.is_shared()
                seen[row["id"]] = answer
        for row in managers:
            async with agent(target, row["id"], redis_url=redis.url) as manager:
                assert await manager.ask(SALES) == seen[row["id"]] | {"age_seconds": JUST_NOW}
        # What was only asked whether it is there goes after a second.
        assert len(set(redis.names()) - {PROBE.encode()}) == len(managers)
        everything = b"".join(filter(None, map(redis.client.get, redis.names()))) + b"".join(redis.names())  # type: ignore[arg-type]
        assert not any(word in everything for word in (b"SELECT", b"orders", b"Zava", b"count"))


async def test_after_a_load_every_server_answers_anew_at_once(seeded_copy: Target) -> None:
    with redis_server() as redis:
        async with agent(seeded_copy, redis_url=redis.url) as one, agent(seeded_copy) as other:
            before = [(await server.ask(COUNT))["rows"] for server in (one, other, one, other)]
            await load(seeded_copy, "DELETE FROM order_items; DELETE FROM orders;")
            after = [await server.ask(COUNT) for server in (one, other)]
    assert [0] not in before[0]
    assert [answer["rows"] for answer in after] == [[[0]], [[0]]]
    assert not any("age_seconds" in answer for answer in after)


async def test_a_store_that_was_taken_away_is_in_no_answer_from_then_on(own_walls: Walls) -> None:
    async with agent(own_walls.target, "Rita Region") as rita:
        assert {name for name, _ in (await rita.ask(SALES))["rows"]} == {"Zava Retail Seattle", "Zava Retail Tacoma"}
        await own_walls.as_superuser(f"DELETE FROM retail.manager_stores WHERE store_id = {TACOMA}")
        assert (await rita.ask(SALES))["rows"] == [["Zava Retail Seattle", ORDERS["Seattle"]]]
        kept = await rita.ask(SALES)
        assert (kept["rows"], kept["age_seconds"]) == ([["Zava Retail Seattle", ORDERS["Seattle"]]], JUST_NOW)


async def test_a_right_that_came_and_went_leaves_no_answer_behind(own_walls: Walls) -> None:
    async with opened(own_walls.target) as provider:
        caller = await provider.identify("Sam Seattle")
        _, before = await provider.reading_state(caller)
        whose, which = caller.identity.manager_id, f"manager_id = $1 AND store_id = {TACOMA}"
        await own_walls.as_superuser(f"INSERT INTO retail.manager_stores VALUES ($1, {TACOMA})", whose)
        await own_walls.as_superuser(f"DELETE FROM retail.manager_stores WHERE {which}", whose)
        assert (await provider.reading_state(caller))[1] != before


async def test_whose_key_has_ended_gets_no_answer_that_was_kept(own_walls: Walls) -> None:
    async with agent(own_walls.target, "Sam Seattle") as sam:
        assert (await sam.ask(COUNT))["rows"] == [[ORDERS["Seattle"]]]
        await own_walls.as_superuser("UPDATE security.manager_keys SET valid_until = now() - interval '1 second'")
        assert (await sam.ask(COUNT))["code"] == "AUTHORIZATION_ERROR"


async def test_without_the_database_nothing_is_answered(own_walls: Walls) -> None:
    async with agent(own_walls.target, "Sam Seattle", connect_timeout=1.0) as sam:
        await sam.ask(COUNT)
        await own_walls.as_superuser(LIMIT.format("0"))
        try:
            await own_walls.as_superuser(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1"
                " AND datname = current_database()",
                own_walls.role("gateway"),
            )
            assert "rows" not in await sam.ask(COUNT)
        finally:
            await own_walls.as_superuser(LIMIT.format("-1"))


async def test_every_kind_of_server_tells_what_an_answer_depends_on(walls: Walls, gateway: PostgreSQLProvider) -> None:
    states = {}
    for who in ("Sam Seattle", "Rita Region", "Hedda Office"):
        caller = await gateway.identify(who)
        (_, states[who]), (_, again) = [await gateway.reading_state(caller) for _ in range(2)]
        assert states[who] == again
    assert [len(state.split()[4].split(",")) for state in list(states.values())[:2]] == [1, 2]
    assert [state.split()[3] for state in states.values()] == ["store_manager", "regional_manager", "head_office"]


async def test_the_place_of_an_answer_depends_on_all_that_the_answer_depends_on(
    gateway: PostgreSQLProvider,
) -> None:
    sam, tom = [await gateway.identify(who) for who in ("Sam Seattle", "Tom Tacoma")]
    settings, request = gateway.settings, QueryRequest(sql="select 1", limit=10)
    places = [
        place_of(sam, request, settings),
        place_of(tom, request, settings),
        place_of(sam, request.model_copy(update={"sql": "SELECT 1"}), settings),
        place_of(sam, request.model_copy(update={"limit": 11}), settings),
        place_of(sam, request.model_copy(update={"parameters": {"a": "b"}}), settings),
        place_of(sam, request, settings.model_copy(update={"serve_bytes": 2_000})),
        place_of(sam, request, settings.model_copy(update={"rerank_model": "somebody/tiny"})),
        place_of(sam, request, settings.model_copy(update={"thesaurus": Path("/synonyms.txt")})),
    ]
    assert len({place.name for place in places}) == len(places)
    assert {place.key == places[0].key for place in places if place is not places[1]} == {True}
    assert places[0].key != places[1].key
    assert "key" not in repr(places[0])


async def test_many_who_ask_the_same_at_once_are_one_query(seeded_copy: Target) -> None:
    async with agent(seeded_copy) as seattle:
        sql = "SELECT count(*) FROM orders a, generate_series(1, 200) n"
        answers = await asyncio.gather(*(seattle.ask(sql) for _ in range(20)))
        assert len({str(answer["rows"]) for answer in answers}) == 1
        statistics = seattle.state.cache.statistics
    assert statistics.misses == 1
    assert statistics.hits + statistics.shared == 19


async def test_an_answer_that_was_kept_is_recorded_like_any_other(
    seeded_copy: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[OperationRecord] = []
    async with agent(seeded_copy) as seattle:
        write = seattle.state.audit.add
        monkeypatch.setattr(seattle.state.audit, "add", lambda record: (done.append(record), write(record))[1])
        for _ in range(2):
            await seattle.ask("SELECT name FROM categories")
    assert [(record.from_cache, record.row_count) for record in done] == [(False, 9), (True, 9)]
    found = await awaited(seeded_copy, 2)
    assert [(row["row_count"], row["outcome"]) for row in found] == [(9, "ok"), (9, "ok")]


async def test_health_says_where_answers_are_and_when_redis_does_not_answer(target: Target) -> None:
    async with agent(target) as seattle:
        await seattle.is_kept("execute_sales_query", postgresql_query=COUNT)
        rows = {row[0]: row for row in (await seattle.call("check_health"))["rows"]}
        assert rows["cache"][1:3] == ["ok", "memory, 1 answers, 0.0 MB; 1 of 2 requests found their answer, 0 errors"]
    async with agent(target, redis_url="redis://:secret@127.0.0.1:1/0") as seattle:
        answer = await seattle.call("check_health")
        rows = {row[0]: row for row in answer["rows"]}
        assert rows["cache"][1] == "warn"
        assert "Redis does not answer" in rows["cache"][2]
        assert "secret" not in str(answer)
    async with agent(target, cache_seconds=0) as seattle:
        assert not await seattle.is_kept("execute_sales_query", postgresql_query=COUNT)


async def test_a_search_text_is_embedded_once() -> None:
    with embedding_server() as server:
        settings = Settings.model_validate(
            {"embedding_provider": "openai", "embedding_base_url": server.base_url, "embedding_dimensions": 64}
        )
        model = ModelRow("a-model@64", "openai", 64, True, "a-model", 64, "", "")
        async with EmbedderSource(settings) as source:
            assert not source.is_at_hand(model, "a drill")
            first = await source.embed_query(model, "a drill")
            assert source.is_at_hand(model, "a drill")
            again = await source.embed_query(model, " a drill ")
            other = await source.embed_query(model, "a saw")
        assert len(server.requests) == 2
    assert (first == again).all()
    assert (first != other).any()


async def test_a_value_that_means_a_moment_makes_a_query_unrepeatable(gateway: PostgreSQLProvider) -> None:
    def asked(value: str) -> bool:
        return is_repeatable(gateway, QueryRequest(sql="select $since::date", parameters={"since": value}))

    assert asked("2026-01-01")
    assert not asked("Today")


async def test_answers_are_kept_from_tables_alone(walls: Walls) -> None:
    rows = await walls.as_superuser(
        "SELECT relname FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relkind IN ('r', 'p')"
    )
    assert {row["relname"] for row in rows} >= TABLES
