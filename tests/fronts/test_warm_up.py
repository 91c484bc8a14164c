"""What a server makes ready once its tools were listed."""

from __future__ import annotations

import asyncio

from fastmcp import Client

from tests.stdio_serving import backends, until
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
