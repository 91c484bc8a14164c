"""The administrator's connection: migrations and loads. It never exists in a process that serves a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from zava_cli.data.connections import prepare_own_connection
from zava_cli.data.driver_errors import translated
from zava_cli.data.embedded import SUPERUSER
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError


@asynccontextmanager
async def admin_connection(
    target: Target, *, create: bool = False, revive: bool = False
) -> AsyncGenerator[asyncpg.Connection]:
    """One connection as the administrator; starts the embedded server, and `create` makes it and its database.

    `revive` starts only one that died, and leaves alone one that somebody has stopped.
    """
    with translated():
        if target.embedded is not None:
            server = target.embedded
            await asyncio.to_thread(server.revive if revive else server.start if create else server.wake)
            if create:
                await _create_embedded_database(target)
        connection = await asyncpg.connect(
            target.admin_dsn, timeout=target.settings.connect_timeout, statement_cache_size=0
        )
        try:
            await prepare_own_connection(connection)
            yield connection
            await connection.close(timeout=5)
        finally:
            # After an error, politeness to a server that may be gone must not hide what went wrong.
            connection.terminate()


@asynccontextmanager
async def owner_transaction(connection: asyncpg.Connection, target: Target) -> AsyncGenerator[None]:
    """A transaction as the data's owner, in the business time zone; rolled back when the block fails."""
    sql = named_sql("admin")
    async with connection.transaction():
        if not await connection.fetchval(sql["has_migrations"]):
            raise ConfigurationError("This database is not set up yet.", hint="Run `zava db migrate` first.")
        await connection.execute(f'SET LOCAL ROLE "{target.roles.owner}"')
        await connection.fetchrow(sql["begin_load"])
        yield


async def _create_embedded_database(target: Target) -> None:
    assert target.embedded is not None
    connection = await asyncpg.connect(target.embedded.dsn(SUPERUSER, "postgres"))
    try:
        if not await connection.fetchval(named_sql("admin")["database_exists"], target.embedded_database):
            await connection.execute(f'CREATE DATABASE "{target.embedded_database}"')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        # Another process was a moment faster.
        return
    finally:
        await connection.close()
