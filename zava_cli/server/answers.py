"""Answers that are kept: JSON objects, which say their age where they are given again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import BaseModel

from zava_cli.data.callers import Caller
from zava_cli.infra.cache import Answer
from zava_cli.infra.operations import current_operation
from zava_cli.server.state import ServerState
from zava_cli.services.cache import kept_answer

MakeText = Callable[[Caller], Awaitable[tuple[str, bool]]]
"""Asks the database; the flag says whether the text may be kept."""


async def answered(
    state: ServerState, request: BaseModel, make: MakeText, max_age: float | None, *, may_keep: bool = True
) -> str:
    """The answer to a request of the current caller: one that was kept, or what `make` makes.

    `may_keep` says whether the same request has the same answer for as long as nobody changes the data.
    """
    caller = await state.caller()
    if not may_keep or not state.cache.is_on:
        return (await make(caller))[0]

    async def make_answer() -> Answer:
        # As old as its rows: what changes while the query runs may or may not be in it.
        started = Answer("", None)
        operation = current_operation()
        operation.keeps_answer = True
        text, is_lasting = await make(caller)
        return Answer(text, operation.row_count, started.made_at, is_lasting, operation.reading_state)

    answer, was_there = await kept_answer(state.cache, state.provider, caller, request, make_answer, max_age)
    return _with_age(answer) if was_there else answer.text


def _with_age(answer: Answer) -> str:
    return f'{answer.text[:-1]},"age_seconds":{max(answer.age, 0):.0f}}}'
