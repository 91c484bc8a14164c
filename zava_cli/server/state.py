"""What the tools of one server share: the pools, the AI client, the audit log, and who asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from fastmcp import Context
from fastmcp.dependencies import CurrentContext

from zava_cli.data.audit_writer import AuditWriter
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.operations import current_operation
from zava_cli.infra.settings import Settings
from zava_cli.services.embedding import EmbedderSource

STATE = "state"


class ServerState:
    """Lives as long as the server; `identity` is the manager that it was started for."""

    def __init__(self, target: Target, identity: str | None) -> None:
        self.target = target
        self.identity = identity
        self.provider = PostgreSQLProvider(target, serving=True)
        self.embedder = EmbedderSource(target.settings)
        self.audit = AuditWriter(target)
        self._caller: Caller | None = None

    @property
    def settings(self) -> Settings:
        """The settings that the server was started with."""
        return self.target.settings

    async def caller(self) -> Caller:
        """Who asks, looked up once; errors as for PostgreSQLProvider.identify."""
        if self._caller is None:
            self._caller = await self.provider.identify(self.identity)
        current_operation().identified(self._caller.identity.manager_id, self._caller.identity.role.value)
        return self._caller


@asynccontextmanager
async def opened(state: ServerState, *, identify: bool) -> AsyncGenerator[dict[str, Any]]:
    """Keeps the pools, the AI client and the audit log open for the block; each is closed even if another fails to.

    With `identify` the block starts only once the caller is known, so that a wrong name is an error of the
    start and not of every answer.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(state.provider.close)
        await stack.enter_async_context(state.embedder)
        await stack.enter_async_context(state.audit)
        if identify:
            await state.caller()
        yield {STATE: state}


def current_state(context: Context = CurrentContext()) -> ServerState:  # noqa: B008
    """The state of the server that handles the current request; a dependency of every tool."""
    return cast("ServerState", context.lifespan_context[STATE])
