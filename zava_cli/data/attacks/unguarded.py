"""A manager's session with the guard taken away: whatever SQL it is given, and what comes back.

Notices of the parser are not heard where the statement opens the transaction.

Only the proof and the tests come this way; each transaction is rolled back as every reader's is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import asyncpg

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.driver_errors import translated
from zava_cli.data.guard.check import CheckedQuery
from zava_cli.data.session import TextSession
from zava_cli.infra.errors import MCPError
from zava_cli.models.prove import Answer

MOST_ROWS = 1_000
SECONDS = 10.0


class Unguarded(Protocol):
    """One of the ways below: the SQL, what goes before it in the same transaction, and its deadline."""

    def __call__(
        self, provider: PostgreSQLProvider, caller: Caller, sql: str, first: str = "", seconds: float = SECONDS
    ) -> Awaitable[Answer]: ...


def unchecked(sql: str) -> CheckedQuery:
    """What the guard would hand on if it had let everything through."""
    # A session refuses a plan that was not announced as one, and then the server would not have been asked.
    return CheckedQuery(sql, "explain" if sql.upper().startswith("EXPLAIN") else "select", "unguarded")


class Heard:
    """Collects rows, names, errors with all their fields, and notices."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.code: str | None = None
        self.sqlstate: str | None = None
        self.backend: int | None = None

    def add(self, *things: object) -> None:
        """Takes what came back."""
        self.said += [str(thing) for thing in things]

    def listen(self, _: Any, message: Any) -> None:
        """For asyncpg's add_log_listener."""
        self.add(*message.as_dict().values())

    def fail(self, error: BaseException | None) -> None:
        """Takes an error and all that caused it apart."""
        while error is not None:
            self.add(error, getattr(error, "detail", ""), getattr(error, "hint", ""))
            self.code = self.code or getattr(error, "error_code", None)
            self.sqlstate = self.sqlstate or getattr(error, "sqlstate", None)
            if isinstance(error, asyncpg.PostgresError):
                # Its own statement is the attacker's; the rest comes from the server.
                self.add(*(value for name, value in error.as_dict().items() if name not in ("query", "internal_query")))
            error = error.__cause__

    @property
    def answer(self) -> Answer:
        """Everything that came back."""
        return Answer("\n".join(self.said), self.code, self.sqlstate, backend=self.backend)


def connection_of(session: TextSession) -> asyncpg.Connection:
    """The connection below a session, which nothing else needs."""
    return session._connection  # pyright: ignore[reportPrivateUsage]


def _way(send: Callable[[TextSession, str, Heard], Awaitable[None]], *, opens: bool = True) -> Unguarded:
    """A way that sends the SQL like this, in a session that is listened to and that it may open."""

    async def attacked(
        provider: PostgreSQLProvider, caller: Caller, sql: str, first: str = "", seconds: float = SECONDS
    ) -> Answer:
        heard = Heard()
        # Errors before the attack are not swallowed: nothing was attacked then.
        opening = sql if opens and not first else None
        async with provider.text_reader(caller, opening, timeout=seconds) as session:
            connection = connection_of(session)
            heard.backend = connection.get_server_pid()
            connection.add_log_listener(heard.listen)
            try:
                with translated():
                    if first:
                        await connection.execute(first)
                    await send(session, sql, heard)
            except MCPError as error:
                heard.fail(error)
            finally:
                if not connection.is_closed():
                    connection.remove_log_listener(heard.listen)
        return heard.answer

    return attacked


@_way
async def extended(session: TextSession, sql: str, heard: Heard) -> None:
    """What the statement returns by the way of `zava query`, with nothing in front of the server."""
    stream = await session.stream(unchecked(sql), [], limit=MOST_ROWS)
    heard.add(*stream.columns)
    async for batch in stream.batches:
        heard.add(*batch)


@_way
async def exported(session: TextSession, sql: str, heard: Heard) -> None:
    """What the statement returns by the way of an export."""
    await session.copy_out(unchecked(sql), "csv", lambda data: heard.add(data.decode()), header=True)


async def _execute(session: TextSession, sql: str, heard: Heard) -> None:
    heard.add(await connection_of(session).execute(sql))


simple = _way(_execute, opens=False)
"""What several statements say in the protocol that allows them, which zava never uses for users' SQL."""
