"""Runs hostile SQL past the guard, as a manager, and gathers everything that comes back."""

from __future__ import annotations

import time

import asyncpg

from tests.small_data import TABLES, Walls
from zava_cli.data.attacks import unguarded
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider

FORGED = "1.{manager}.99999999999.0." + "0" * 64


def unannounced(sql: str) -> str:
    """The same statement; a plan that begins with a blank is not taken for one, as if the guard had missed it."""
    return f" {sql}"


async def extended(provider: PostgreSQLProvider, caller: Caller, sql: str, *, timeout: float = 10) -> str:
    """What the statement returns by the way of `zava query`, with nothing in front of the server."""
    return (await unguarded.extended(provider, caller, unannounced(sql), seconds=timeout)).text


async def exported(provider: PostgreSQLProvider, caller: Caller, sql: str, *, timeout: float = 10) -> str:
    """What the statement returns by the way of an export."""
    return (await unguarded.exported(provider, caller, unannounced(sql), seconds=timeout)).text


async def simple(provider: PostgreSQLProvider, caller: Caller, sql: str, *, timeout: float = 10) -> str:
    """What several statements say in the protocol that allows them, which zava never uses for users' SQL."""
    return (await unguarded.simple(provider, caller, sql, seconds=timeout)).text


async def fingerprint(walls: Walls) -> list[str]:
    """Changes when any row, relation, function, policy, schema, role or large object does."""
    found = [
        await walls.as_superuser(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t")
        for table in (
            *(f"retail.{table}" for table in TABLES),
            *("ops.settings", "ops.load_runs", "ops.schema_migrations", "security.settings", "security.manager_keys"),
            *("security.tokens", "audit.operations"),
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
