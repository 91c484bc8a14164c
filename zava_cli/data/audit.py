"""The audit log: how records reach it, and how the administrator reads and bounds it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import asyncpg
from pydantic_core import PydanticSerializationError, to_json

from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.audit_backlog import Backlog, readable_lines
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError, MCPError
from zava_cli.infra.log import logger
from zava_cli.infra.operations import OperationRecord, Outcome
from zava_cli.models.query import Row

MOST_SQL = 65_000
"""Characters of a statement that are kept, which is a little less than the database cuts at."""
MOST_HASHED = 4 << 20
"""Characters of a statement that are worth the time of a hash: what is longer was refused."""
BATCH_RECORDS = 1_000
BATCH_BYTES = 4 << 20
PATIENCE = 5.0
"""Seconds that a command, whose answer is out, goes on for its record before that goes to the backlog."""
PAGE_ROWS = 1_000

UNWRITABLE = (MCPError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.IncompleteReadError)
"""What may keep a record from its table; none of it is the user's concern."""

Connect = Callable[[], AbstractAsyncContextManager[asyncpg.Connection]]


def as_line(record: OperationRecord, *, keeps_sql: bool) -> str:
    """A record as one line of JSON that PostgreSQL takes, whatever the caller wrote."""
    sql = record.sql
    row: dict[str, Any] = {
        "record_id": record.record_id, "request_id": record.request_id, "occurred_at": record.occurred_at,
        "way": record.way.value, "operation": record.operation, "who": record.who, "manager_id": record.manager_id,
        "role": record.role, "client": record.client, "outcome": record.outcome.value,
        "error_code": record.error_code, "refused": record.refused, "row_count": record.row_count,
        "seconds": record.seconds,
        "sql_sha256": _hash(sql) if sql is not None and len(sql) <= MOST_HASHED else None,
        "sql": _cut(sql) if sql is not None and keeps_sql else None,
        "parameters": list(record.parameters) or None,
    }  # fmt: skip
    row = {name: value for name, value in row.items() if value is not None}
    with suppress(PydanticSerializationError):
        line = to_json(row, ensure_ascii=True)
        if rb"\u0000" not in line:
            return line.decode()
    return to_json({name: _storable(value) for name, value in row.items()}, ensure_ascii=True).decode()


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode(errors="surrogatepass")).hexdigest()


def _cut(sql: str) -> str:
    return sql if len(sql) <= MOST_SQL else f"{sql[:MOST_SQL]} … (cut, {len(sql)} characters)"


def _storable(value: Any) -> Any:
    """Without what a jsonb text cannot hold: NUL and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()
    return [_storable(item) for item in value] if isinstance(value, list) else value  # pyright: ignore


def batches(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """The lines in pieces of a bounded size."""
    start = size = 0
    for index, line in enumerate(lines):
        if index > start and (index - start >= BATCH_RECORDS or size + len(line) > BATCH_BYTES):
            yield lines[start:index]
            start, size = index, 0
        size += len(line)
    if start < len(lines):
        yield lines[start:]


async def append(connection: asyncpg.Connection, lines: Sequence[str]) -> None:
    """Appends records; one that PostgreSQL cannot even read does not lose the others."""
    for batch in batches(lines):
        try:
            # Parsed and executed on the same backend, also behind a pooler.
            async with connection.transaction():
                await connection.execute(named_sql("audit")["append"], f"[{','.join(batch)}]")
        except asyncpg.DataError as exc:
            if len(batch) == 1:
                logger().error("audit record lost", reason=type(exc).__name__)
                continue
            for line in batch:
                await append(connection, [line])


async def replay(connection: asyncpg.Connection, backlog: Backlog) -> None:
    """Appends what waits in the backlog."""
    if not backlog.waits():
        return
    for path in await asyncio.to_thread(backlog.take):
        await append(connection, await asyncio.to_thread(readable_lines, path))
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def write_now(target: Target, connect: Connect, records: Sequence[OperationRecord]) -> None:
    """Writes records to the log, or to the backlog where that fails; what fails too is logged and no error."""
    backlog = Backlog(target)
    lines = [as_line(record, keeps_sql=target.settings.audit_sql == "full") for record in records]
    if not any(record.outcome is Outcome.UNAVAILABLE for record in records):
        try:
            async with asyncio.timeout(PATIENCE), connect() as connection:
                await append(connection, lines)
                lines = []
                await replay(connection, backlog)
        except UNWRITABLE as exc:
            logger().info("audit records wait", reason=type(exc).__name__)
    if lines:
        await asyncio.to_thread(backlog.add, lines)


def keep_for_later(target: Target, records: Sequence[OperationRecord]) -> None:
    """Puts records into the backlog without asking the database."""
    Backlog(target).add([as_line(record, keeps_sql=target.settings.audit_sql == "full") for record in records])


async def connect_gateway(target: Target) -> asyncpg.Connection:
    """A connection of its own for the log, as the gateway; never starts a server."""
    settings = target.settings
    return await asyncpg.connect(
        target.gateway_dsn, timeout=settings.connect_timeout,
        statement_cache_size=10 if settings.prepared_statements else 0,
    )  # fmt: skip


@asynccontextmanager
async def gateway_connection(target: Target) -> AsyncGenerator[asyncpg.Connection]:
    """Such a connection for the block."""
    connection = await connect_gateway(target)
    try:
        yield connection
        await connection.close(timeout=1)
    finally:
        connection.terminate()


@asynccontextmanager
async def administrator_connection(target: Target) -> AsyncGenerator[asyncpg.Connection]:
    """A connection for the administrator's own records, which then say that this login wrote them."""
    connection = await asyncpg.connect(
        target.admin_dsn, timeout=target.settings.connect_timeout, statement_cache_size=0
    )
    try:
        await connection.execute(f'SET ROLE "{target.roles.security}"')
        yield connection
        await connection.close(timeout=1)
    finally:
        connection.terminate()


async def maintain(connection: asyncpg.Connection, target: Target, keep_months: int) -> list[str]:
    """Adds partitions ahead and drops those that are older than so many months; says what it did."""
    async with connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{target.roles.security}"')
        return await connection.fetchval(named_sql("audit")["maintain"], keep_months)


async def remember_retention(connection: asyncpg.Connection, target: Target) -> None:
    """Tells the database how long it keeps its log."""
    async with connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{target.roles.owner}"')
        await connection.execute(named_sql("audit")["keep_months"], target.settings.audit_keep_months)


@asynccontextmanager
async def reading(target: Target) -> AsyncGenerator[asyncpg.Connection]:
    """A transaction of the administrator that may read the log, in the business time zone, with the backlog in it."""
    async with admin_connection(target) as connection:
        if not await connection.fetchval(named_sql("audit")["is_there"]):
            raise ConfigurationError("This database keeps no audit log yet.", hint="Run `zava db migrate` first.")
        if (backlog := Backlog(target)).waits():
            async with administrator_connection(target) as writing:
                await replay(writing, backlog)
        async with owner_transaction(connection, target):
            await connection.execute(f'SET LOCAL ROLE "{target.roles.security}"')
            yield connection


async def local_time(connection: asyncpg.Connection) -> datetime:
    """The time of the business."""
    return await connection.fetchval(named_sql("audit")["local_time"])


async def operations(connection: asyncpg.Connection, *filters: Any) -> AsyncIterator[Sequence[Row]]:
    """Pages of records, newest first."""
    cursor = await connection.cursor(named_sql("audit")["operations"], *filters)
    while page := await cursor.fetch(PAGE_ROWS):
        yield [tuple(row) for row in page]
