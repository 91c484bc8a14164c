"""What a server makes ready once its tools were listed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
from fastmcp import Client

from tests.onnx_folders import cross_encoder
from tests.stdio_serving import backends, greet, serving, until
from zava_cli.data.target import Target
from zava_cli.infra.operations import Way
from zava_cli.server.app import server_of
from zava_cli.server.state import ServerState

PATIENCE = 30
ASKED = {"own", "text"}
"""Pools that answer a question."""


async def test_the_first_question_after_the_tools_were_listed_finds_its_pools_open(target: Target) -> None:
    state = ServerState(target, "seattle", Way.MCP_STDIO)
    async with Client(server_of(state)) as client:
        assert not ASKED & state.provider.pool_use().keys()
        await client.list_tools()
        async with asyncio.timeout(PATIENCE):
            while not state.provider.pool_use().keys() >= ASKED:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_server_that_cannot_be_made_ready_lists_its_tools_and_says_why_to_who_asks(target: Target) -> None:
    # An administrator's server begins without knowing that its manager is nobody.
    state = ServerState(target, "nobody at all", Way.MCP_STDIO)
    async with Client(server_of(state, administrator=True)) as client:
        assert await client.list_tools()
        answer = await client.call_tool("execute_sales_query", {"postgresql_query": "SELECT 1"}, raise_on_error=False)
    assert answer.is_error
    assert answer.content[0].text.startswith("AUTHORIZATION")


async def test_a_server_that_ends_while_it_makes_itself_ready_leaves_no_connection(target: Target) -> None:
    async with Client(server_of(ServerState(target, "seattle", Way.MCP_STDIO))) as client:
        await client.list_tools()
    await until(target, 0)
    assert await backends(target) == 0


async def test_a_reranker_is_loaded_once_the_tools_were_listed(target: Target, tmp_path: Path) -> None:
    model = str(cross_encoder(tmp_path / "tiny", ["hammer"]))
    with serving(target, ZAVA_RERANK_MODEL=model) as served:
        await greet(served)
        server = psutil.Process(served.process.pid)

        def has_runtime() -> bool:
            return any("onnxruntime" in mapped.path for mapped in server.memory_maps())

        assert not has_runtime()
        served.say({"id": 2, "method": "tools/list"})
        async with asyncio.timeout(PATIENCE):
            while not has_runtime():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
