"""Every call of a tool leaves one record that says who asked what and how it ended."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fastmcp import Client

from tests.audit_log import awaited, records
from zava_cli.data.admin import admin_connection
from zava_cli.data.audit_backlog import Backlog
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.health import visible_stores
from zava_cli.data.target import Target
from zava_cli.infra.errors import ContextRefusedError
from zava_cli.infra.operations import OperationRecord, Way, current_operation, operation
from zava_cli.server.app import build_server, server_of
from zava_cli.server.errors import OPERATIONS
from zava_cli.server.state import ServerState

QUERY = "execute_sales_query"


@pytest.fixture
async def client(seeded_copy: Target) -> AsyncIterator[Client]:
    """A client of a server for the manager of one store."""
    async with Client(build_server(seeded_copy, identity="seattle")) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> None:
    """Calls a tool, whatever it answers."""
    await client.call_tool(tool, arguments, raise_on_error=False)


async def test_every_tool_has_an_operations_name(target: Target) -> None:
    async with Client(build_server(target, identity="seattle", administrator=True)) as client:
        assert {tool.name for tool in await client.list_tools()} == set(OPERATIONS)


async def test_every_tool_leaves_exactly_one_record(seeded_copy: Target, client: Client) -> None:
    await call(client, QUERY, postgresql_query="select name from stores")
    await call(client, "search_products", query_description="hammer", max_rows=3)
    await call(client, "find_similar_products", sku="HTHM001600", max_rows=2)
    await call(client, "get_store_performance", store_id="seattle")
    await call(client, "get_table_schemas")
    await call(client, "get_current_utc_date")
    await call(client, "check_health")
    await call(client, "no_such_tool")
    found = await awaited(seeded_copy, 8)
    assert [(row["operation"], row["outcome"], row["row_count"]) for row in found] == [
        ("query", "ok", 1), ("search", "ok", 3), ("similar", "ok", 2), ("store", "ok", None), ("schema", "ok", None),
        ("clock", "ok", None), ("health", "ok", None), ("unknown tool", "invalid", None),
    ]  # fmt: skip
    assert {(row["way"], row["who"]) for row in found} == {("mcp-stdio", "seattle")}
    assert {row["role"] for row in found[:-1]} == {"store_manager"}
    assert len({row["manager_id"] for row in found[:-1]}) == 1
    assert all("mcp" in row["client"] for row in found)
    assert len({row["request_id"] for row in found}) == 8
    assert all(row["seconds"] > 0 for row in found)


ENDINGS = [
    ("select count(*) from stores", "ok", None, None),
    ("with gone as (delete from orders returning 1) select * from gone", "refused", "QUERY_REFUSED", "DELETE"),
    ("select nothing from stores", "failed", "DATABASE_ERROR", None),
    ("select \0", "refused", "QUERY_REFUSED", ""),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "outcome", "code", "refused"), ENDINGS)
async def test_a_query_is_recorded_with_its_text_and_its_end(
    seeded_copy: Target, client: Client, sql: str, outcome: str, code: str | None, refused: str | None
) -> None:
    await call(client, QUERY, postgresql_query=sql)
    [found] = await awaited(seeded_copy, 1)
    assert (found["outcome"], found["error_code"]) == (outcome, code)
    assert (refused or "") in (found["refused"] or "")
    assert found["sql"] == sql.replace("\0", "\ufffd")
    assert found["sql_sha256"] == hashlib.sha256(sql.encode()).hexdigest()


async def test_a_timeout_and_a_cancelled_call_end_differently(seeded_copy: Target) -> None:
    settings = seeded_copy.settings.model_copy(update={"statement_timeout": 0.5})
    slow = "select count(*) from generate_series(1, 1000000000) n where n % 7 = 3"
    async with Client(build_server(Target(settings), identity="seattle")) as client:
        await call(client, QUERY, postgresql_query=slow)
        await awaited(seeded_copy, 1)
    async with Client(build_server(seeded_copy, identity="seattle")) as client:
        task = asyncio.create_task(call(client, QUERY, postgresql_query=slow))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found = await awaited(seeded_copy, 2)
    assert [(row["outcome"], row["error_code"]) for row in found] == [("timeout", "QUERY_TIMEOUT"), ("cancelled", None)]


async def test_a_forged_context_has_an_outcome_of_its_own(provider: PostgreSQLProvider, seattle: Caller) -> None:
    done: list[OperationRecord] = []
    with pytest.raises(ContextRefusedError), operation(OperationRecord("query"), done.append):
        await visible_stores(provider, replace(seattle, key=b"\0" * 32))
    assert (done[0].outcome, done[0].error_code) == ("forged", "AUTHORIZATION_ERROR")
    assert done[0].manager_id == seattle.identity.manager_id


async def test_the_text_stays_away_when_the_hash_is_to_do(seeded_copy: Target) -> None:
    target = Target(seeded_copy.settings.model_copy(update={"audit_sql": "hash"}))
    async with Client(build_server(target, identity="seattle")) as client:
        await call(client, QUERY, postgresql_query="select 'my secret'")
    [found] = await records(seeded_copy)
    assert found["sql"] is None
    assert found["sql_sha256"] == hashlib.sha256(b"select 'my secret'").hexdigest()
    assert "my secret" not in str(dict(found))


async def test_a_server_that_ends_in_order_leaves_nothing_unwritten(seeded_copy: Target) -> None:
    async with Client(server_of(ServerState(seeded_copy, "seattle", Way.MCP_HTTP))) as client:
        await asyncio.gather(*(call(client, QUERY, postgresql_query=f"select {n}") for n in range(50)))
    found = await records(seeded_copy)
    assert {row["sql"] for row in found} == {f"select {n}" for n in range(50)}
    assert {row["way"] for row in found} == {"mcp-http"}
    assert len(found) == 50


async def test_an_answer_does_not_wait_for_a_log_that_is_locked(seeded_copy: Target) -> None:
    async with Client(build_server(seeded_copy, identity="seattle")) as client:
        async with admin_connection(seeded_copy) as connection, connection.transaction():
            await connection.execute(f'SET LOCAL ROLE "{seeded_copy.roles.security}"')
            await connection.execute("LOCK TABLE audit.operations")
            for number in range(20):
                await call(client, QUERY, postgresql_query=f"select {number}")
            await asyncio.sleep(1)
            assert await connection.fetchval("SELECT count(*) FROM audit.operations") == 0
            # A process that is killed now loses none of them: what the database does not take lies in a file.
            assert Backlog(seeded_copy).waits()
        found = await awaited(seeded_copy, 20)
    assert sorted(row["sql"] for row in found) == sorted(f"select {n}" for n in range(20))


def test_a_record_is_finished_however_the_block_ends() -> None:
    done: list[OperationRecord] = []
    for error, outcome in [(None, "ok"), (RuntimeError("x"), "failed"), (KeyboardInterrupt(), "cancelled")]:
        try:
            with operation(OperationRecord("query"), done.append):
                current_operation().row_count = 7
                if error is not None:
                    raise error
        except BaseException as exc:  # noqa: BLE001  # the block's own
            assert error is not None, exc
        assert (done[-1].outcome, done[-1].row_count) == (outcome, 7)
    assert len(done) == 3
    current_operation().row_count = 8
    assert done[-1].row_count == 7


async def test_a_text_of_megabytes_is_refused_at_once_and_kept_up_to_its_bound(
    seeded_copy: Target, client: Client
) -> None:
    sql = "select '" + "x" * 5_000_000 + "'"
    await call(client, QUERY, postgresql_query=sql)
    [found] = await awaited(seeded_copy, 1)
    assert (found["outcome"], found["sql_sha256"]) == ("refused", None)
    assert found["sql"] == f"{sql[:65_000]} … (cut, {len(sql)} characters)"
