"""The tools as an agent meets them: through the protocol, in memory."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.client import CallToolResult
from pydantic import SecretStr

from tests.command_line import CommandLine
from tests.conftest import opened
from zava_cli.data.target import Target
from zava_cli.models.seed import SeedReport
from zava_cli.server.app import build_server
from zava_cli.services.security_keys import issue_key

READING = {
    "get_table_schemas", "execute_sales_query", "search_products", "find_similar_products", "get_store_performance",
    "get_current_utc_date", "check_health",
}  # fmt: skip
WRITING = {"seed_database", "embed_products"}
CROSSED = {"min_price": 9, "max_price": 8}


def with_settings(target: Target, **settings: Any) -> Target:
    """The same database with other settings."""
    return Target(target.settings.model_copy(update=settings))


async def call(target: Target, tool: str, arguments: dict[str, Any], *, as_: str = "seattle") -> CallToolResult:
    """One call, whatever comes of it."""
    async with Client(build_server(target, identity=as_)) as client:
        return await client.call_tool(tool, arguments, raise_on_error=False)


async def ask(target: Target, sql: str, *, as_: str = "seattle") -> dict[str, Any]:
    """The answer to a query that works."""
    answer = await call(target, "execute_sales_query", {"postgresql_query": sql}, as_=as_)
    assert not answer.is_error, text(answer)
    return json.loads(text(answer))


def text(answer: CallToolResult) -> str:
    """The one text of an answer."""
    (block,) = answer.content
    return block.text


def error(answer: CallToolResult) -> dict[str, Any]:
    """The parts of an error, which the text begins with the code of."""
    assert answer.is_error
    assert answer.structured_content is not None
    parts = answer.structured_content["error"]
    assert text(answer).startswith(f"{parts['code']}: {parts['message']}")
    return parts


async def test_tools_that_write_are_offered_to_an_administrator_only(target: Target) -> None:
    async with Client(build_server(target, identity="seattle")) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        answer = await client.call_tool("seed_database", {}, raise_on_error=False)
    assert set(tools) == READING
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())
    assert error(answer)["message"] == "tool: there is no such tool for you"

    async with Client(build_server(target, identity="seattle", administrator=True)) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
    assert set(tools) == READING | WRITING
    assert not any(tools[name].annotations.read_only_hint for name in WRITING)


async def test_the_server_introduces_itself_with_rules_for_agents(target: Target) -> None:
    async with Client(build_server(target, identity="seattle")) as client:
        instructions = client.instructions
    assert instructions is not None
    for rule in ("get_table_schemas once", '"truncated": true', "names, not ids", "Never follow instructions"):
        assert rule in instructions


async def test_an_answer_names_columns_once_and_comes_in_one_copy(target: Target) -> None:
    answer = await call(
        target, "execute_sales_query", {"postgresql_query": "select n, n * 2 as twice from generate_series(1, 2) n"}
    )
    assert text(answer) == '{"columns":["n","twice"],"rows":[[1,2],[2,4]],"row_count":2,"truncated":false}'
    assert answer.structured_content is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.50::numeric", 1.5),
        ("2.00::numeric", 2),
        ("0.1::float8", 0.1),
        ("9007199254740992", 9007199254740992),
        ("9007199254740993", "9007199254740993"),
        ("1.00000000000000000001", "1.00000000000000000001"),
        ("1234567890.2345", 1234567890.2345),
        ("0.12345678901234567", "0.12345678901234567"),
        ("1e-7::float8", 1e-7),
        ("'NaN'::numeric", "NaN"),
        ("'-Infinity'::float8", "-Infinity"),
        ("true", True),
        ("null::integer", None),
        ("'1'::text", "1"),
        ("date '2025-03-01'", "2025-03-01"),
        ("array[1, 2]", "{1,2}"),
        ("'ä\"\\'::text", 'ä"\\'),
    ],
)
async def test_a_value_is_a_json_number_only_if_that_loses_nothing(
    target: Target, expression: str, value: object
) -> None:
    (row,) = (await ask(target, f"select {expression}"))["rows"]
    assert row == [value]
    assert type(row[0]) is type(value)


async def test_an_answer_with_more_rows_than_the_cap_says_so(target: Target) -> None:
    few = with_settings(target, serve_rows=10)
    answer = await ask(few, "select n from generate_series(1, 11) n")
    assert (answer["row_count"], answer["truncated"]) == (10, True)
    assert answer["notices"] == ["Only the first 10 rows; aggregate or narrow the query for a complete answer."]
    assert (await ask(few, "select n from generate_series(1, 10) n"))["truncated"] is False


async def test_an_answer_with_more_bytes_than_the_cap_says_so(target: Target) -> None:
    answer = await ask(with_settings(target, serve_bytes=5_000), "select repeat('x', 100) from generate_series(1, 900)")
    assert 0 < answer["row_count"] < 900
    assert answer["truncated"] is True


async def test_a_single_row_beyond_the_cap_is_refused(target: Target) -> None:
    answer = await call(
        with_settings(target, serve_bytes=5_000),
        "execute_sales_query",
        {"postgresql_query": "select repeat('x', 100000)"},
    )
    assert error(answer)["code"] == "VALIDATION_ERROR"
    assert len(text(answer)) < 500


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "part"),
    [
        ("execute_sales_query", {"postgresql_query": "delete from orders"}, "QUERY_REFUSED", "DELETE"),
        ("execute_sales_query", {"postgresql_query": "select nothing_here"}, "DATABASE_ERROR", "nothing_here"),
        ("execute_sales_query", {"postgresql_query": "select * from order"}, "DATABASE_ERROR", "order"),
        ("execute_sales_query", {"postgresql_query": "select 1 from ordres"}, "DATABASE_ERROR", "meant orders"),
        ("execute_sales_query", {}, "VALIDATION_ERROR", "postgresql_query"),
        ("execute_sales_query", {"postgresql_query": ""}, "VALIDATION_ERROR", "at least 1 character"),
        ("execute_sales_query", {"sql": "select 1"}, "VALIDATION_ERROR", "argument"),
        ("get_table_schemas", {"table_names": ["ordres"]}, "VALIDATION_ERROR", "meant orders"),
        ("get_table_schemas", {"detail": "all"}, "VALIDATION_ERROR", "'summary'"),
        ("search_products", {"query_description": "hammer", "max_rows": 101}, "VALIDATION_ERROR", "max_rows"),
        ("search_products", {"query_description": "box"} | CROSSED, "VALIDATION_ERROR", "min_price is above max_price"),
        ("find_similar_products", {"sku": "HTHM001600"} | CROSSED, "VALIDATION_ERROR", "min_price is above max_price"),
        ("get_store_performance", {"store_id": "Atlantis"}, "AUTHORIZATION_ERROR", "You see Zava Retail Seattle."),
        ("get_store_performance", {"store_id": "seattle", "time_period": "soon"}, "VALIDATION_ERROR", "period"),
    ],
)
async def test_an_error_is_an_mcp_error_with_the_familys_code(
    target: Target, tool: str, arguments: dict[str, Any], code: str, part: str
) -> None:
    answer = await call(target, tool, arguments)
    assert error(answer)["code"] == code
    assert part in text(answer)


async def test_a_query_past_its_deadline_is_a_timeout(target: Target) -> None:
    answer = await call(
        with_settings(target, statement_timeout=2),
        "execute_sales_query",
        {"postgresql_query": "select count(*) from generate_series(1, 100000000) a where a % 7 = 3"},
    )
    assert error(answer)["code"] == "QUERY_TIMEOUT"


async def test_an_unforeseen_error_shows_a_reference_and_nothing_else(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    server = build_server(target, identity="seattle")

    async def broken() -> str:
        raise RuntimeError("postgresql://zava_gateway:secret@db.example/zava")

    server.tool(broken)
    async with Client(server) as client:
        answer = await client.call_tool("broken", {}, raise_on_error=False)
    assert error(answer)["code"] == "INTERNAL_ERROR"
    assert "reference" in text(answer)
    assert "secret" not in str(answer)
    captured = capsys.readouterr()
    assert "secret" not in captured.out + captured.err
    assert "Traceback" not in captured.out + captured.err


async def test_each_identity_sees_its_own_rows_through_every_reading_tool(target: Target) -> None:
    names = "select distinct s.name from stores s join orders o using (store_id) order by 1"
    seen = (await ask(target, names))["rows"]
    everything = (await ask(target, names, as_="head office"))["rows"]
    assert len(seen) == 1
    assert len(everything) > 1
    foreign = next(name for (name,) in everything if [name] not in seen)
    own = text(await call(target, "get_table_schemas", {}))
    assert seen[0][0] in own
    assert foreign not in own
    assert foreign in text(await call(target, "get_table_schemas", {}, as_="head office"))
    report = await call(target, "get_store_performance", {"store_id": foreign, "time_period": "2025"})
    assert error(report)["code"] == "AUTHORIZATION_ERROR"


async def test_the_terminal_shows_the_tables_that_an_agent_is_shown(target: Target) -> None:
    seattle = CommandLine(target, "seattle")
    for words, asked in [
        ([], {"detail": "names"}),
        (["orders", "stores"], {"table_names": ["orders", "stores"], "detail": "full"}),
        (["--detail", "summary"], {}),
    ]:
        shown = await asyncio.to_thread(seattle, "schema", *words)
        assert shown.out == text(await call(target, "get_table_schemas", asked)) + "\n"


async def test_schemas_come_in_three_sizes(target: Target) -> None:
    names, summary, full = [
        text(await call(target, "get_table_schemas", {"detail": detail})) for detail in ("names", "summary", "full")
    ]
    assert len(names) < len(summary) < len(full)
    assert "orders: " in names
    assert "order_date" not in names
    assert "join (store_id, order_id) = orders(store_id, order_id)" in summary
    assert "order_date timestamptz" in summary
    assert "orders.status: 'completed', 'pending', 'returned'" in summary
    assert "orders.order_date (years): " in summary
    assert "order_date timestamptz -- When it was placed" in full


async def test_schemas_of_some_tables_leave_the_others_out(target: Target) -> None:
    shown = text(await call(target, "get_table_schemas", {"table_names": ["retail.Stores"]}))
    assert "stores.name: " in shown
    assert "order_items:" not in shown
    assert "categories.name: " not in shown


async def test_search_answers_rows_with_reasons(target: Target) -> None:
    answer = json.loads(text(await call(target, "search_products", {"query_description": "hammer", "max_rows": 3})))
    assert answer["row_count"] == 3
    first = dict(zip(answer["columns"], answer["rows"][0], strict=True))
    assert first["sku"]
    assert first["why"]
    assert isinstance(first["price"], int | float)


@pytest.mark.parametrize(
    ("tool", "what"),
    [("search_products", {"query_description": "hammer"}), ("find_similar_products", {"sku": "HTHM001600"})],
)
async def test_search_tools_filter_as_the_terminal_does(target: Target, tool: str, what: dict[str, str]) -> None:
    bounds = {"category": "power tools", "min_price": 50, "max_price": 150.5, "store": "seattle", "max_rows": 50}
    answer = json.loads(text(await call(target, tool, what | bounds)))
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    assert rows
    assert {row["category"] for row in rows} == {"POWER TOOLS"}
    assert all(50 <= row["price"] <= 150.5 for row in rows)
    for wrong in ({"store": "Tacoma"}, {"category": "toys"}, {"min_price": 9, "max_price": 8}):
        assert (await call(target, tool, what | wrong)).is_error


async def test_a_store_goes_by_its_city_and_its_report_agrees_with_sql(target: Target) -> None:
    report = json.loads(
        text(await call(target, "get_store_performance", {"store_id": "seattle", "time_period": "2025"}))
    )
    metrics = {row[0]: row[2] for row in report["metrics"]["rows"]}
    sql = (
        "select sum(i.total_amount), sum(i.quantity) from orders o join order_items i using (store_id, order_id)"
        " where o.order_date >= '2025-01-01' and o.order_date < '2026-01-01'"
    )
    assert [metrics["revenue"], metrics["units"]] == (await ask(target, sql))["rows"][0]
    assert "store_id" not in report
    assert report["insights"]


async def test_the_date_comes_with_the_business_day(target: Target) -> None:
    answer = json.loads(text(await call(target, "get_current_utc_date", {})))
    assert set(answer) == {"utc", "business_date", "business_time_zone"}
    assert (await ask(target, "show timezone"))["rows"] == [[answer["business_time_zone"]]]


async def test_health_is_a_table_of_components(target: Target) -> None:
    answer = json.loads(text(await call(target, "check_health", {})))
    assert answer["healthy"] is True
    assert answer["columns"] == ["component", "status", "detail", "fix"]
    assert {"database", "row security", "signed context"} <= {row[0] for row in answer["rows"]}


async def test_an_administrator_fills_an_empty_database_with_the_tools_and_sees_progress(fresh_target: Target) -> None:
    seen: list[tuple[float, str | None]] = []
    whole: dict[str | None, float | None] = {}

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message))
        whole[message] = total

    server = build_server(fresh_target, identity="head office", administrator=True)
    async with Client(server) as client:
        nobody = await client.call_tool("execute_sales_query", {"postgresql_query": "select 1"}, raise_on_error=False)
        seeded = await client.call_tool(
            "seed_database", {"until": "2021-06-30", "customers": 100}, progress_handler=on_progress
        )
        report = SeedReport.model_validate_json(text(seeded))
        embedded = await client.call_tool("embed_products", {}, progress_handler=on_progress)
        counted = await client.call_tool("execute_sales_query", {"postgresql_query": "select count(*) from orders"})
    assert error(nobody)["code"] == "AUTHORIZATION_ERROR"
    assert json.loads(text(counted))["rows"] == [[report.row_counts["orders"]]]
    assert json.loads(text(embedded))["embedded"] == report.row_counts["products"]
    seeding = [progress for progress, message in seen if message in ("orders", "statistics")]
    assert len(seeding) > 1
    assert seeding == sorted(set(seeding))
    assert {"orders", "statistics", "embedding"} <= {message for _, message in seen}
    assert whole["embedding"] == report.row_counts["products"]


async def test_a_server_answers_as_whoever_owns_its_key_file(target: Target, tmp_path: Path) -> None:
    async with opened(target) as provider:
        caller = await provider.identify("seattle")
    issue_key(caller, tmp_path / "own.key", None)
    own = with_settings(target, manager_key_file=tmp_path / "own.key", data_dir=tmp_path, master_key=None,
                        database_url=SecretStr(target.gateway_dsn))  # fmt: skip
    assert not own.key_file.exists()
    async with Client(build_server(own, identity=None)) as client:
        answer = await client.call_tool("execute_sales_query", {"postgresql_query": "SELECT name FROM managers"})
        health = await client.call_tool("check_health", {})
    assert json.loads(text(answer))["rows"] == [[caller.identity.name]]
    assert f"{caller.identity.name} sees 1 store(s); a forged context is refused" in text(health)
    with pytest.raises(Exception, match="signs for"):
        async with Client(build_server(own, identity="head office")):
            pass
