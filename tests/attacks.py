"""Runs hostile SQL past the guard, as a manager, and gathers everything that comes back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.small_data import TABLES, Walls
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.guard.check import CheckedQuery
from zava_cli.data.session import TextSession
from zava_cli.infra.errors import MCPError

FORGED = "1.{manager}.99999999999.0." + "0" * 64


def unchecked(sql: str) -> CheckedQuery:
    """What the guard would hand on if it had let everything through."""
    return CheckedQuery(sql, "rows")  # pyright: ignore[reportArgumentType]


class Heard:
    """Collects rows, names, errors with all their fields, and notices."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def add(self, *things: object) -> None:
        self.said += [str(thing) for thing in things]

    def listen(self, connection: Any, message: Any) -> None:
        """For asyncpg's add_log_listener."""
        self.add(*message.as_dict().values())

    def fail(self, error: BaseException | None) -> None:
        """Takes an error and all that caused it apart."""
        while error is not None:
            self.add(error, getattr(error, "detail", ""), getattr(error, "hint", ""))
            if isinstance(error, asyncpg.PostgresError):
                # Its own statement is the attacker's; the rest comes from the server.
                self.add(*(value for name, value in error.as_dict().items() if name not in ("query", "internal_query")))
            error = error.__cause__

    @property
    def text(self) -> str:
        """Everything that came back."""
        return "\n".join(self.said)


@asynccontextmanager
async def _attack(
    provider: PostgreSQLProvider, caller: Caller, heard: Heard, timeout: float = 10
) -> AsyncIterator[TextSession]:
    # Errors before the attack are not swallowed: nothing was attacked then.
    async with provider.text_reader(caller, timeout=timeout) as session:
        connection = session._connection
        connection.add_log_listener(heard.listen)
        try:
            yield session
        except MCPError as error:
            heard.fail(error)
        finally:
            if not connection.is_closed():
                connection.remove_log_listener(heard.listen)


async def extended(
    provider: PostgreSQLProvider, caller: Caller, sql: str, *, values: Sequence[str] = (), timeout: float = 10
) -> str:
    """What the statement returns by the way of `zava query`, with nothing in front of the server."""
    heard = Heard()
    async with _attack(provider, caller, heard, timeout) as session:
        stream = await session.stream(unchecked(sql), values, limit=1_000)
        heard.add(*stream.columns)
        async for batch in stream.batches:
            heard.add(*batch)
    return heard.text


async def exported(provider: PostgreSQLProvider, caller: Caller, sql: str, *, timeout: float = 10) -> str:
    """What the statement returns by the way of an export."""
    heard = Heard()
    async with _attack(provider, caller, heard, timeout) as session:
        await session.copy_out(unchecked(sql), "csv", heard.add, header=True)
    return heard.text


async def simple(provider: PostgreSQLProvider, caller: Caller, sql: str, *, timeout: float = 10) -> str:
    """What several statements say in the protocol that allows them, which zava never uses for users' SQL."""
    heard = Heard()
    async with _attack(provider, caller, heard, timeout) as session:
        try:
            heard.add(await session._connection.execute(sql, timeout=timeout + 1))
        except asyncpg.PostgresError as error:
            heard.fail(error)
    return heard.text


async def fingerprint(walls: Walls) -> list[str]:
    """Changes when any row, relation, function, policy, schema, role or large object does."""
    found = [
        await walls.as_superuser(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t")
        for table in (
            *(f"retail.{table}" for table in TABLES),
            *("ops.settings", "ops.load_runs", "ops.schema_migrations", "security.settings", "security.manager_keys"),
        )
    ]
    catalog = await walls.as_superuser(
        "SELECT (SELECT count(*) FROM pg_class WHERE relpersistence = 'p'), (SELECT count(*) FROM pg_proc),"
        " (SELECT string_agg(polname || polrelid || polcmd::text, ',' ORDER BY oid) FROM pg_policy),"
        " (SELECT string_agg(relname || coalesce(relacl::text, ''), ',' ORDER BY oid) FROM pg_class"
        "  WHERE relnamespace = 'retail'::regnamespace),"
        " (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_trigger),"
        " (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase ="
        "  (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    return [str(rows) for rows in [*found, catalog]]


async def seen(line: asyncpg.Connection, walls: Walls, context: str, role: str = "store_managers") -> int:
    """Orders that a context shows on a connection."""
    async with line.transaction():
        await line.execute("SELECT set_config('zava.context', $1, true)", context)
        await line.execute(f'SET LOCAL ROLE "{walls.role(role)}"')
        return await line.fetchval("SELECT count(*) FROM retail.orders")


def genuine(caller: Caller, line: asyncpg.Connection, seconds: int = 600) -> str:
    """What zava itself would sign."""
    return caller.sign(line.get_server_pid(), time.time(), seconds)
