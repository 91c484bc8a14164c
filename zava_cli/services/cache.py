"""What makes two requests the same, and which of them may get an answer that was kept."""

from __future__ import annotations

import hmac
from dataclasses import replace

from pydantic import BaseModel
from pydantic_core import to_json

from zava_cli import __version__
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.cache import Answer, MakeAnswer, QueryCache
from zava_cli.infra.cache_stores import Place
from zava_cli.infra.operations import current_operation
from zava_cli.infra.settings import Settings

ANSWER_SETTINGS = (
    "serve_rows", "serve_bytes", "embedding_provider", "embedding_model", "embedding_dimensions",
    "embedding_base_url", "embedding_threshold", "rerank_model", "thesaurus",
)  # fmt: skip
"""Settings that other servers with the same Redis may have otherwise, and then answer otherwise."""


async def kept_answer(
    cache: QueryCache,
    provider: PostgreSQLProvider,
    caller: Caller,
    request: BaseModel,
    make: MakeAnswer,
    max_age: float | None,
) -> tuple[Answer, bool]:
    """The answer to a request of that caller, and whether it was there already.

    Before one that was kept is given, the database is asked who the caller is by now and what they see, so it goes
    to nobody whom the database would not give it to at this moment. Errors as for `make` and
    `PostgreSQLProvider.reading_state`.
    """
    caller = await provider.current(caller)

    async def has_state(state: str | None) -> bool:
        return (caller, state) == await provider.reading_state(caller)

    async def make_with_key() -> Answer:
        answer = await make()
        # Nothing is sealed with a key that was cut off meanwhile.
        return answer if await provider.current(caller) is caller else replace(answer, lasting=False)

    place = place_of(caller, request, provider.settings)
    answer, was_there = await cache.answer(place, make_with_key, has_state, max_age)
    operation = current_operation()
    operation.row_count, operation.from_cache = answer.row_count, was_there
    return answer, was_there


def place_of(caller: Caller, request: BaseModel, settings: Settings) -> Place:
    """Where the answer lies; nobody without the caller's own key can tell its name or read it there."""
    identity = caller.identity
    question = [
        __version__, caller.database_identity, identity.manager_id, identity.role.value, caller.time_zone,
        [str(getattr(settings, name)) for name in ANSWER_SETTINGS], type(request).__name__, request.model_dump_json(),
    ]  # fmt: skip
    return Place(
        name=_derived(caller, b"zava cache name\0" + to_json(question)).hex(),
        key=_derived(caller, b"zava cache seal"),
    )


def _derived(caller: Caller, text: bytes) -> bytes:
    """No context reads like these texts, so nothing that is derived here signs for anybody."""
    return hmac.digest(caller.key, text, "sha256")
