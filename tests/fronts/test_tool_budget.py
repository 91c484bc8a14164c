"""What an agent pays for the tools before it asks anything."""

from __future__ import annotations

import json

from fastmcp import Client

from zava_cli.data.target import Target
from zava_cli.server.app import build_server
from zava_cli.server.instructions import INSTRUCTIONS

CHARACTERS_PER_TOKEN = 4
MOST_TOKENS = 2_500


async def test_all_tools_together_cost_less_than_2500_tokens(target: Target) -> None:
    async with Client(build_server(target, identity="seattle", administrator=True)) as client:
        tools = [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in await client.list_tools()]
    assert len(tools) == 9
    assert len(json.dumps({"tools": tools}, separators=(",", ":"))) / CHARACTERS_PER_TOKEN < MOST_TOKENS


def test_the_instructions_are_shorter_than_the_tools() -> None:
    assert len(INSTRUCTIONS) / CHARACTERS_PER_TOKEN < 500
