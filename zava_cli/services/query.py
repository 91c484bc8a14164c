"""Answers one read-only statement that a person or an agent wrote."""

from __future__ import annotations

import difflib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.guard.check import CheckedQuery, check_query
from zava_cli.data.guard.placeholders import bind_named
from zava_cli.data.query import relation_names
from zava_cli.infra.errors import DatabaseError
from zava_cli.models.identity import ManagerRole
from zava_cli.models.query import CopyFormat, QueryRequest, QueryResult, QueryStream, Row

UNDEFINED_TABLE = "42P01"
SMALL_PAGE = 200
"""Rows per round trip when the answer is capped in bytes: few enough to stop in time."""


async def run_query(
    provider: PostgreSQLProvider, caller: Caller, request: QueryRequest, *, max_bytes: int | None = None
) -> QueryResult:
    """The answer in memory, at most `request.limit` rows and about `max_bytes` bytes of values.

    Raises QueryRefusedError (the guard), DatabaseError (the server), QueryTimeoutError, AuthorizationError.
    """
    started = time.monotonic()
    rows: list[Row] = []
    size = 0
    async with open_query(provider, caller, request, page=SMALL_PAGE if max_bytes else None) as stream:
        async for batch in stream.batches:
            for row in batch:
                size += sum(len(value) for value in row if value is not None)
                if max_bytes is not None and size > max_bytes and rows:
                    stream.truncated = True
                    break
                rows.append(row)
            if stream.truncated:
                break
    return QueryResult(
        columns=stream.columns, rows=rows, truncated=stream.truncated, elapsed=time.monotonic() - started
    )


@asynccontextmanager
async def open_query(
    provider: PostgreSQLProvider, caller: Caller, request: QueryRequest, *, page: int | None = None
) -> AsyncGenerator[QueryStream]:
    """The answer as it arrives; the transaction ends with the block. Errors as for run_query."""
    checked, values = _prepare(provider, caller, request)
    options: dict[str, Any] = {} if page is None else {"page": page}
    try:
        async with provider.text_reader(caller, timeout=request.timeout) as session:
            yield await session.stream(checked, values, limit=request.limit, **options)
    except DatabaseError as error:
        await _suggest_table(provider, caller, error)
        raise


async def copy_query(
    provider: PostgreSQLProvider,
    caller: Caller,
    request: QueryRequest,
    format_name: CopyFormat,
    write: Callable[[bytes], Any],
    *,
    header: bool,
) -> int:
    """Streams every row to `write` in PostgreSQL's own `csv` or `text` format; returns the number of rows."""
    checked, _ = _prepare(provider, caller, request)
    try:
        async with provider.text_reader(caller, timeout=request.timeout) as session:
            return await session.copy_out(checked, format_name, write, header=header)
    except DatabaseError as error:
        await _suggest_table(provider, caller, error)
        raise


def can_copy(request: QueryRequest) -> bool:
    """Whether the answer may travel by COPY: a plain select of every row, without parameters."""
    if request.parameters or request.limit is not None or request.explain:
        return False
    return check_query(request.sql).kind == "select"


def _prepare(
    provider: PostgreSQLProvider, caller: Caller, request: QueryRequest
) -> tuple[CheckedQuery, list[str | None]]:
    sql, values = bind_named(request.sql, request.parameters, max_bytes=provider.settings.query_max_bytes)
    checked = check_query(sql, max_bytes=provider.settings.query_max_bytes)
    # Estimated costs and row counts come from statistics over every store's rows.
    sees_all = caller.identity.role is ManagerRole.HEAD_OFFICE
    if request.explain and checked.kind == "select":
        options = "" if sees_all else "(COSTS OFF) "
        return replace(checked, sql=f"EXPLAIN {options}{checked.sql}", kind="explain"), values
    if checked.kind == "explain" and not sees_all:
        return replace(checked, sql=checked.without_costs()), values
    return checked, values


async def _suggest_table(provider: PostgreSQLProvider, caller: Caller, error: DatabaseError) -> None:
    """Adds the nearest table's name to an "unknown table" error; columns get the server's own suggestion."""
    if error.sqlstate != UNDEFINED_TABLE or error.hint:
        return
    wanted = error.message.split('"')[1].rpartition(".")[2] if '"' in error.message else ""
    async with provider.reader(caller) as session:
        names = await relation_names(session)
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    error.hint = f"Perhaps you meant {near[0]}." if near else f"There are: {', '.join(names)}."
