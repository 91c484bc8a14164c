"""The ways in that people and agents have, each as one question and everything that comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from pydantic import SecretStr

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.errors import MCPError, QueryRefusedError
from zava_cli.infra.settings import ENV_PREFIX, Settings, as_text
from zava_cli.models.prove import Answer
from zava_cli.models.query import QueryRequest
from zava_cli.services.query import run_query

Ask = Callable[[str], Awaitable[Answer]]

SECONDS = 2.0
"""What a query may take on every way."""
ROWS = 1_000


class Way(Protocol):
    """One way in.

    `sample` says how many attacks stand for each one that is sent: not every way is fast. `caps_bytes`: an answer
    is bounded in bytes as well as in rows.
    """

    name: str
    sample: int
    caps_bytes: bool

    def open(self, manager: Caller) -> AbstractAsyncContextManager[Ask]:
        """Comes in as a manager; what it yields sends one statement."""
        ...

    async def strangers(self) -> dict[str, bool]:
        """Whether somebody who does not say who they are, or lies about it, was turned away, by how they tried.

        Nobody is one where whoever may start the way holds a key.
        """
        return {}


class Terminal(Way):
    """What `zava query` runs, in this process."""

    name = "terminal"
    sample = 1
    caps_bytes = True

    def __init__(self, provider: PostgreSQLProvider) -> None:
        self._provider = provider

    @asynccontextmanager
    async def open(self, manager: Caller) -> AsyncGenerator[Ask]:
        """Comes in as a manager."""

        async def ask(sql: str) -> Answer:
            request = QueryRequest(sql=sql, limit=ROWS, timeout=SECONDS)
            try:
                result = await run_query(
                    self._provider, manager, request, max_bytes=self._provider.settings.serve_bytes
                )
            except MCPError as error:
                return answer_of(error)
            said = [*map(str, result.columns), *map(str, result.rows), *result.notices]
            return Answer("\n".join(said), truncated=result.truncated)

        yield ask


class CommandLine(Way):
    """`zava query` as a process of its own; slow, therefore a sample."""

    name = "command line"
    sample = 149
    caps_bytes = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @asynccontextmanager
    async def open(self, manager: Caller) -> AsyncGenerator[Ask]:
        """Comes in as a manager."""
        environment = child_environment(self._settings, manager)

        async def ask(sql: str) -> Answer:
            process = await asyncio.create_subprocess_exec(
                *PROGRAM, "query", "-", "--limit", str(ROWS), "--timeout", str(SECONDS), env=environment,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                out, err = await process.communicate(sql.encode())
            except asyncio.CancelledError:
                process.send_signal(signal.SIGINT)
                await process.wait()
                raise
            said = err.decode(errors="replace")
            code = next((code for code in _codes() if code in said), None) if process.returncode else None
            return Answer(f"{out.decode(errors='replace')}\n{said}", code, truncated="there are more" in said)

        yield ask


PROGRAM = (sys.executable, "-m", "zava_cli")


def answer_of(error: MCPError) -> Answer:
    """An error with everything that it tells."""
    said = [error.message, error.hint, getattr(error, "detail", None)]
    return Answer("\n".join(text for text in said if text), error.error_code, getattr(error, "sqlstate", None))


def child_environment(settings: Settings, manager: Caller) -> dict[str, str]:
    """What a process needs to work with the same database as one manager, and with no administrator's login."""
    values = settings.model_dump(exclude_defaults=True, exclude={"admin_url", "identity", "log_file"})
    own = {
        f"{ENV_PREFIX}{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else as_text(value)
        for name, value in values.items()
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return {
        **inherited,
        **own,
        "ZAVA_AS": str(manager.identity.manager_id),
        # The code of an error stands in the log.
        "ZAVA_LOG_LEVEL": "info",
        "ZAVA_STATEMENT_TIMEOUT": str(SECONDS),
        "NO_COLOR": "1",
    }


def _codes() -> list[str]:
    def below(kind: type[MCPError]) -> list[str]:
        return [kind.error_code, *(code for child in kind.__subclasses__() for code in below(child))]

    # The refusal first: its text may quote anything.
    return [QueryRefusedError.error_code, *below(MCPError)]
