"""Answers that are kept: JSON objects, which say their age where they are given again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastmcp.tools.base import ToolResult
from mcp_types import TextContent
from pydantic import BaseModel

from zava_cli.data.callers import Caller
from zava_cli.infra.cache import Answer
from zava_cli.infra.operations import current_operation
from zava_cli.server.state import ServerState
from zava_cli.services.cache import kept_answer

MakeResult = Callable[[Caller], Awaitable[tuple[ToolResult, bool]]]
"""Asks the database; the flag says whether the result may be kept."""


async def answered(
    state: ServerState, request: BaseModel, make: MakeResult, max_age: float | None, *, may_keep: bool = True
) -> ToolResult:
    """The result of a request of the current caller: one that was kept, or what `make` makes.

    `may_keep` says whether the same request has the same answer for as long as nobody changes the data.
    """
    caller = await state.caller()
    if not may_keep or not state.cache.is_on:
        result, _ = await make(caller)
        return result

    async def make_answer() -> Answer:
        # As old as its rows: what changes while the query runs may or may not be in it.
        started = Answer("", None)
        operation = current_operation()
        operation.keeps_answer = True
        result, is_lasting = await make(caller)
        return Answer(_text(result), operation.row_count, started.made_at, is_lasting, operation.reading_state)

    answer, was_there = await kept_answer(state.cache, state.provider, caller, request, make_answer, max_age)
    return ToolResult(content=_with_age(answer) if was_there else answer.text)


def _text(result: ToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def _with_age(answer: Answer) -> str:
    return f'{answer.text[:-1]},"age_seconds":{max(answer.age, 0):.0f}}}'
