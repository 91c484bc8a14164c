"""What the first call needs is made ready once a client has seen the tools: neither the start nor the call waits."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from fastmcp.server.middleware import CallNext, MiddlewareContext

from zava_cli.data.guard.check import check_query
from zava_cli.infra.embeddings.vocabulary import common_words
from zava_cli.infra.errors import MCPError
from zava_cli.server.middleware import ToolMiddleware
from zava_cli.server.state import ServerState

ANY_QUERY = "SELECT 1"


class WarmUp(ToolMiddleware):
    """Runs beside the server while it is entered, once, from the first listing of the tools on."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Handles one message, and begins with the first that lists the tools."""
        try:
            return await super().__call__(context, call_next)
        finally:
            if self._task is None and context.method == "tools/list":
                # It has the context of this request, and so its caller.
                self._task = asyncio.create_task(self._make_ready())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _make_ready(self) -> None:
        provider = self._state.provider
        # Whatever is wrong the first call says as well, to somebody who asked.
        with suppress(MCPError):
            caller = await self._state.caller()
            await provider.reading_state(caller)
            async with provider.text_reader(caller):
                check_query(ANY_QUERY, max_bytes=provider.settings.query_max_bytes)
            await asyncio.to_thread(_make_services_ready)
            if self._state.embedder.reranker is not None:
                await self._state.embedder.reranker.load()


def _make_services_ready() -> None:
    # Tools import them when they are called.
    for name in ("search", "similar", "store", "health"):
        import_module(f"zava_cli.services.{name}")
    common_words()
