"""What the tools of one server share: the pools, the AI client, kept answers, what it sees of itself, who asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from cachetools import TTLCache
from fastmcp import Context
from fastmcp.dependencies import CurrentContext
from fastmcp.server.dependencies import get_access_token

from zava_cli.data.audit_writer import AuditWriter
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.cache import QueryCache
from zava_cli.infra.operations import Way, current_operation
from zava_cli.infra.settings import Settings
from zava_cli.infra.token_text import MARK
from zava_cli.server.observation import Observation
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search_memory import SearchMemory

STATE = "state"
MANAGER_CLAIM = "zava_manager"
"""Claim of an access token that holds the manager's id, put there by whoever verified it."""
MOST_CALLERS = 1_000
CALLER_SECONDS = 60
"""By then a name that stands for somebody else is noticed. The provider looks keys and rights up by itself, and which
rows they see is decided afresh in each transaction."""


class ServerState:
    """Lives as long as the server.

    `identity` is the manager that it was started for; None where each request's token says who asks.
    """

    def __init__(self, target: Target, identity: str | None, way: Way) -> None:
        self.target = target
        self.way = way
        self.identity = identity
        self.provider = PostgreSQLProvider(target, serving=True, many=identity is None)
        self.audit = AuditWriter(target)
        self.cache = QueryCache(target.settings)
        self.observation = Observation(self.provider, self.audit, self.cache)
        self.embedder = EmbedderSource(target.settings, self.observation.embedded)
        self.searches = SearchMemory.of(target.settings)
        self._callers: TTLCache[str | None, Caller] = TTLCache(MOST_CALLERS, CALLER_SECONDS)

    @property
    def settings(self) -> Settings:
        """The settings that the server was started with."""
        return self.target.settings

    def who(self) -> str | None:
        """The manager of the current request: its token's, or else the server's own."""
        token = get_access_token()
        return self.identity if token is None else str(token.claims[MANAGER_CLAIM])

    def token(self) -> str:
        """Prefix of zava's own token that the current request bears; empty where it bears none."""
        token = get_access_token()
        return token.token.removeprefix(MARK) if token is not None and token.token.startswith(MARK) else ""

    async def caller(self) -> Caller:
        """Who asks, looked up once in a while; errors as for PostgreSQLProvider.identify."""
        who = self.who()
        caller = self._callers.get(who)
        if caller is None:
            caller = self._callers[who] = await self.provider.identify(who)
        current_operation().identified(caller.identity.manager_id, caller.identity.role.value)
        return caller


@asynccontextmanager
async def opened(state: ServerState, *, identify: bool) -> AsyncGenerator[dict[str, Any]]:
    """Keeps all that can be closed open for the block; each is closed even if another fails to.

    With `identify` the block starts only once the caller is known, so that a wrong name is an error of the
    start and not of every answer.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(state.provider.close)
        stack.callback(state.searches.close)
        await stack.enter_async_context(state.embedder)
        await stack.enter_async_context(state.audit)
        await stack.enter_async_context(state.cache)
        await stack.enter_async_context(state.observation)
        if identify:
            await state.caller()
        yield {STATE: state}


def current_state(context: Context = CurrentContext()) -> ServerState:  # noqa: B008
    """The state of the server that handles the current request; a dependency of every tool."""
    return cast("ServerState", context.lifespan_context[STATE])
