"""Health over HTTP: alive and ready for anybody, details for whoever holds a token."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from cachetools import TTLCache
from starlette.authentication import UnauthenticatedUser
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from zava_cli.infra.errors import MCPError
from zava_cli.infra.operations import OperationRecord, operation
from zava_cli.server.state import MOST_CALLERS, ServerState

if TYPE_CHECKING:
    from zava_cli.models.health import HealthReport

READY_SECONDS = 2.0
"""How long the database may take to answer before the server counts as not ready."""
READY_PARTS = 20
FRESH_SECONDS = 1.0
"""How long one look serves everybody, and one report its caller: asking must not keep the database busy."""


class HealthRoutes:
    """`/health/live`, `/health/ready` and `/health` of one server."""

    def __init__(self, state: ServerState, *, is_open: bool) -> None:
        self._state = state
        self._is_open = is_open
        self._looking = asyncio.Lock()
        self._looked = float("-inf")
        self._is_ready = False
        self._checking: WeakValueDictionary[str | None, asyncio.Lock] = WeakValueDictionary()
        self._reports: TTLCache[str | None, HealthReport] = TTLCache(MOST_CALLERS, FRESH_SECONDS)

    def routes(self) -> list[Route]:
        """What the application serves beside MCP."""
        return [
            Route("/health/live", self.live, methods=["GET"]),
            Route("/health/ready", self.ready, methods=["GET"]),
            Route("/health", self.details, methods=["GET"]),
        ]

    async def live(self, _: Request) -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _: Request) -> JSONResponse:
        """The database answers too; 503 when it does not."""
        async with self._looking:
            if time.monotonic() - self._looked > FRESH_SECONDS:
                self._is_ready = await self._look()
                self._looked = time.monotonic()
        if self._is_ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, status_code=503)

    async def details(self, request: Request) -> JSONResponse:
        """Every component, as in `zava health`; 503 when one failed, 401 without a token."""
        from zava_cli.services.health import check_health

        user = request.scope.get("user", UnauthenticatedUser())
        if not self._is_open and not user.is_authenticated:
            return JSONResponse(
                {"status": "a token is needed"}, status_code=401, headers={"WWW-Authenticate": "Bearer"}
            )
        who = self._state.who()
        async with self._checking.setdefault(who, asyncio.Lock()):
            report = self._reports.get(who)
            if report is None:
                state, client = self._state, request.client and request.client.host
                record = OperationRecord("health", state.way, who, client, state.token())
                with operation(record, state.observation.add):
                    report = await check_health(state.provider, who, state.embedder, state.cache)
                    self._reports[who] = report
        return JSONResponse(report.model_dump(mode="json"), status_code=200 if report.healthy else 503)

    async def _look(self) -> bool:
        look = asyncio.ensure_future(self._state.provider.state())
        try:
            # In parts, of which one that ends late counts once: a process with much to do is no silent database.
            for _ in range(READY_PARTS):
                done, _ = await asyncio.wait({look}, timeout=READY_SECONDS / READY_PARTS)
                if done:
                    await look
                    return True
        except (MCPError, TimeoutError):
            pass
        finally:
            look.cancel()
        return False
