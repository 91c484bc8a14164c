"""Answers one read-only statement that a person or an agent wrote."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.guard.check import CheckedQuery, check_query
from zava_cli.data.guard.explain import ExplainedQuery, explained
from zava_cli.data.guard.placeholders import bind_named, original_position
from zava_cli.data.guard.repeatable import names_moment
from zava_cli.data.statement_spans import statement_span
from zava_cli.infra.errors import DatabaseError, MCPError
from zava_cli.infra.operations import current_operation
from zava_cli.models.identity import ManagerRole
from zava_cli.models.query import CopyFormat, QueryRequest, QueryResult, QueryStream, Row
from zava_cli.services.query_hints import add_hint

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
    operation = current_operation()
    operation.row_count, operation.truncated = len(rows), stream.truncated
    return QueryResult(
        columns=stream.columns, rows=rows, truncated=stream.truncated, elapsed=time.monotonic() - started
    )


@asynccontextmanager
async def open_query(
    provider: PostgreSQLProvider, caller: Caller, request: QueryRequest, *, page: int | None = None
) -> AsyncGenerator[QueryStream]:
    """The answer as it arrives; the transaction ends with the block. Errors as for run_query."""
    prepared = _prepare(provider, caller, request)
    options: dict[str, Any] = {} if page is None else {"page": page}
    try:
        with prepared.places():
            async with provider.text_reader(caller, prepared.query.sql, timeout=request.timeout) as session:
                with statement_span(prepared.query):
                    stream = await session.stream(prepared.query, prepared.values, limit=request.limit, **options)
                    yield stream
    except DatabaseError as error:
        await add_hint(provider, caller, error)
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
    prepared = _prepare(provider, caller, request)
    failed: list[OSError] = []

    def write_or_remember(data: bytes) -> None:
        try:
            write(data)
        except OSError as error:
            failed.append(error)
            raise

    try:
        with prepared.places():
            async with provider.text_reader(caller, prepared.query.sql, timeout=request.timeout) as session:
                with statement_span(prepared.query):
                    count = await session.copy_out(prepared.query, format_name, write_or_remember, header=header)
                current_operation().row_count = count
                return count
    except DatabaseError as error:
        if failed:
            # The reader or the disk at this end, not the database.
            raise failed[0] from None
        await add_hint(provider, caller, error)
        raise


def is_repeatable(provider: PostgreSQLProvider, request: QueryRequest) -> bool:
    """Whether the answer is the same for as long as nobody changes the data; False for what run_query refuses."""
    _note(request)
    if request.explain or any(value is not None and names_moment(value) for value in request.parameters.values()):
        return False
    max_bytes = provider.settings.query_max_bytes
    try:
        sql, _ = bind_named(request.sql, request.parameters, max_bytes=max_bytes)
        return check_query(sql, max_bytes=max_bytes).is_repeatable
    except MCPError:
        return False


def can_copy(provider: PostgreSQLProvider, request: QueryRequest) -> bool:
    """Whether the answer may travel by COPY: a plain select of every row, without parameters."""
    _note(request)
    if request.limit is not None or request.explain or "$" in request.sql:
        return False
    return check_query(request.sql, max_bytes=provider.settings.query_max_bytes).kind == "select"


@dataclass(frozen=True)
class _Prepared:
    """A statement ready to be sent, and the text that it was made from."""

    text: str
    max_bytes: int
    values: list[str | None]
    explained: ExplainedQuery

    @property
    def query(self) -> CheckedQuery:
        """What is sent."""
        return self.explained.query

    @contextmanager
    def places(self) -> Generator[None]:
        """Makes a server's error in the block point into the text that the user wrote."""
        try:
            yield
        except DatabaseError as error:
            if error.position is not None:
                error.position = self.explained.original_position(error.position)
            _show_original(error, self.text, self.max_bytes)
            raise


def _note(request: QueryRequest) -> None:
    operation = current_operation()
    operation.sql, operation.parameters = request.sql, list(request.parameters)


def _prepare(provider: PostgreSQLProvider, caller: Caller, request: QueryRequest) -> _Prepared:
    _note(request)
    max_bytes = provider.settings.query_max_bytes
    sql, values = bind_named(request.sql, request.parameters, max_bytes=max_bytes)
    try:
        checked = check_query(sql, max_bytes=max_bytes)
    except DatabaseError as error:
        _show_original(error, request.sql, max_bytes)
        raise
    operation = current_operation()
    operation.statement, operation.kind, operation.fingerprint = checked.sql, checked.kind, checked.fingerprint
    sees_all = caller.identity.role is ManagerRole.HEAD_OFFICE
    query = explained(checked, wanted=request.explain, costs=sees_all)
    return _Prepared(request.sql, max_bytes, values, query)


def _show_original(error: DatabaseError, text: str, max_bytes: int) -> None:
    """Undoes the numbering of placeholders in what an error shows."""
    error.query = text
    if error.position is not None:
        error.position = original_position(text, error.position, max_bytes=max_bytes)
