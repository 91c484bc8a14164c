"""What runs inside a manager's read-only transaction."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, LiteralString

import asyncpg

from zava_cli.data.connections import CLIENT_MARGIN, UNNAMED_TYPE, Statement
from zava_cli.data.driver_errors import translated
from zava_cli.data.guard.check import CheckedQuery
from zava_cli.data.lent import Lent
from zava_cli.data.named_sql import named_sql
from zava_cli.data.statement_spans import own_statement_span
from zava_cli.infra.deadline import Deadline
from zava_cli.infra.errors import DatabaseError, QueryRefusedError, QueryTimeoutError, ValidationError
from zava_cli.infra.operations import current_operation
from zava_cli.models.query import Column, CopyFormat, QueryStream, Row

PAGE_ROWS = 2_000
COPY_PREFIX = "COPY ("
"""What asyncpg puts in front of the statement; the server counts positions from its start."""
PLAN_COLUMN = "QUERY PLAN"
"""The one column of EXPLAIN's answer, by which the server says what it has been given to run."""


class Session(ABC):
    """Runs zava's own named statements; values arrive as Python types."""

    async def rows(self, sql: LiteralString | str, *arguments: Any) -> list[dict[str, Any]]:
        """All rows of a named statement."""
        return [dict(row) for row in await self.records(sql, *arguments)]

    async def records(self, sql: LiteralString | str, *arguments: Any) -> list[asyncpg.Record]:
        """All rows of a named statement as the driver has them, for where few of their values are looked at."""
        return await self._run(Statement(sql, arguments))

    async def records_with(
        self, settings: Sequence[LiteralString | str], sql: LiteralString | str, *arguments: Any
    ) -> list[asyncpg.Record]:
        """Like `records`, behind other statements that set something for this transaction."""
        return await self._run(Statement(sql, arguments, settings))

    async def row(self, sql: LiteralString | str, *arguments: Any) -> dict[str, Any]:
        """The first row of a named statement that always has one."""
        return (await self.rows(sql, *arguments))[0]

    @abstractmethod
    async def _run(self, statement: Statement) -> list[asyncpg.Record]:
        """The rows of a statement."""


class GatewaySession(Session):
    """Runs them on a connection as it is."""

    def __init__(self, connection: Any, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    async def _run(self, statement: Statement) -> list[asyncpg.Record]:
        return await _rows(self._connection, statement, self._deadline)


class ManagerSession(Session):
    """Runs them in a manager's transaction of so many seconds, which `begin` begins together with the first of them.

    Where that is to be `alone` the transaction ends with it, and what follows has another.
    """

    def __init__(
        self, begin: Callable[[Deadline, Statement], Awaitable[Lent]], seconds: float, *, alone: bool = False
    ) -> None:
        self._begin = begin
        self._seconds = seconds
        self._alone = alone
        self._may_begin = True
        self._deadline: Deadline | None = None
        self._lent: Lent | None = None

    async def __aenter__(self) -> ManagerSession:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(failed=kind is not None)

    def pause(self) -> None:
        """Ends the transaction; the next statement begins another."""
        self._end(failed=False)
        self._may_begin = True

    def _end(self, *, failed: bool) -> None:
        lent, self._lent, self._deadline, self._may_begin = self._lent, None, None, False
        if lent is not None:
            lent.end(failed=failed)

    async def _run(self, statement: Statement) -> list[asyncpg.Record]:
        if self._lent is None or self._deadline is None:
            return await self._first(statement)
        return await _rows(self._lent.connection, statement, self._deadline, holds=True)

    async def _first(self, statement: Statement) -> list[asyncpg.Record]:
        if not self._may_begin:
            raise asyncpg.InterfaceError("this session is over, or has a statement that is not done")
        self._may_begin, self._deadline = False, (deadline := Deadline(self._seconds))
        alone, self._alone = self._alone, False
        if alone:
            statement = replace(statement, alone=True)
        lent = await self._begin(deadline, statement)
        if self._deadline is not deadline:
            # The session was left meanwhile, and nobody ends it again.
            lent.end(failed=True)
            raise asyncpg.InterfaceError("this session is over")
        if alone:
            lent.end(failed=False)
            self._may_begin = True
        else:
            self._lent = lent
        return lent.opened


async def _rows(
    connection: Any, statement: Statement, deadline: Deadline, *, holds: bool = False
) -> list[asyncpg.Record]:
    with own_statement_span(statement.sql), _bounded(None, holds=holds):
        # Of a connection that was lost the pool lends nothing, and only the driver's own methods say so.
        connection.is_closed()
        return await connection.run(statement, deadline.left() + CLIENT_MARGIN)


class TextSession:
    """Runs one statement that a caller wrote; every value is the server's own text.

    `limit` bounds, in seconds, the time that the server works on it. It is watched here as well: the server's
    own timeout starts again with every page, and a statement may change it for the pages that follow.
    `parsed` is the statement that the transaction opened with, if it did with one.
    """

    def __init__(self, connection: Any, limit: float, parsed: Any = None) -> None:
        self._connection = connection
        self._limit = limit
        self._parsed = parsed

    async def stream(
        self, query: CheckedQuery, parameters: Sequence[str | None], *, limit: int | None, page: int = PAGE_ROWS
    ) -> QueryStream:
        """Starts the statement and returns its columns with the rows still to come, at most `limit`."""
        started = time.monotonic()
        with _bounded(query.sql):
            statement = await self._statement(query.sql)
            expected = len(statement._get_parameters())
            if expected != len(parameters):
                raise ValidationError(
                    "parameters", None, f"the query takes {expected} numbered parameters",
                    hint="Name them instead, $since for example, and give a value for each.",
                )  # fmt: skip
            columns = await self._columns(statement)
            _check_plan(query, columns)
        portal = _Portal(self._connection, statement, parameters)
        stream = QueryStream(columns=columns, batches=_nothing())
        stream.batches = self._pages(stream, portal, query.sql, limit, page, time.monotonic() - started)
        return stream

    async def copy_out(
        self, query: CheckedQuery, format_name: CopyFormat, write: Callable[[bytes], Any], *, header: bool
    ) -> int:
        """Streams all rows in PostgreSQL's own csv or text format to `write`; returns the number of rows.

        COPY takes no parameters and travels in the protocol that would allow several statements; therefore the
        server first says, in the other one, that the text by itself is a single statement.
        """

        now = asyncio.get_running_loop().time
        deadline = asyncio.timeout_at(now() + self._left(0))

        async def sink(data: bytes) -> None:
            started = now()
            write(data)
            # Whoever reads slowly takes none of the server's time.
            deadline.reschedule((deadline.when() or started) + now() - started)

        with _bounded(query.sql):
            await self._statement(query.sql)
        try:
            with _bounded(query.sql):
                async with deadline:
                    status = await self._connection.copy_from_query(
                        query.sql, output=sink, format=format_name, header=header
                    )
        except DatabaseError as error:
            if error.position is not None:
                error.position -= len(COPY_PREFIX)
            raise
        return int(status.split()[-1])

    def _left(self, spent: float) -> float:
        return max(self._limit - spent, 0) + CLIENT_MARGIN

    async def _statement(self, sql: str) -> Any:
        parsed, self._parsed = self._parsed, None
        if parsed is not None and parsed.query == sql:
            return parsed
        # As in `_Portal`: says so where the connection was lost.
        self._connection.is_closed()
        return await self._connection.parse(sql, self._left(0))

    async def _columns(self, statement: Any) -> list[Column]:
        attributes = statement._get_attributes()
        unnamed = {a.type.oid for a in attributes if a.type.name == UNNAMED_TYPE}
        names: dict[int, str] = {}
        if unnamed:
            wanted = "{" + ",".join(str(oid) for oid in unnamed) + "}"
            rows = await self._connection.fetch(named_sql("session")["type_names"], wanted)
            # That was parsed in the other's place.
            statement.mark_unprepared()
            names = {int(row[0]): row[1] for row in rows}
        return [Column(name=a.name, type=str(names.get(a.type.oid, a.type.name))) for a in attributes]

    async def _pages(
        self, stream: QueryStream, portal: _Portal, sql: str, limit: int | None, page: int, spent: float
    ) -> AsyncIterator[Sequence[Row]]:
        left, operation = limit, current_operation()
        operation.row_count = 0
        while True:
            size = page if left is None else min(page, left + 1)
            started = time.monotonic()
            with _bounded(sql):
                rows: list[Row] = [tuple(row) for row in await portal.fetch(size, self._left(spent))]
            spent += time.monotonic() - started
            if left is not None and len(rows) > left:
                stream.truncated = True
                rows = rows[:left]
            if rows:
                operation.row_count += len(rows)
                yield rows
            if stream.truncated or len(rows) < size:
                return
            if spent > self._limit:
                raise _too_slow(sql)
            left = None if left is None else left - len(rows)


class _Portal:
    """The rows of a parsed statement, page by page. Its values travel with the first page: a round trip less."""

    def __init__(self, connection: Any, statement: Any, parameters: Sequence[str | None]) -> None:
        self._connection = connection
        self._statement = statement
        self._parameters = parameters
        self._is_bound = False

    async def fetch(self, rows: int, timeout: float) -> Sequence[Any]:
        """The next rows, fewer at the end."""
        # Of a connection that was lost the pool lends nothing, and only the driver's own methods say so.
        self._connection.is_closed()
        protocol = self._connection._protocol
        if self._is_bound:
            return (await protocol.execute(self._statement, "", rows, True, timeout))[0]
        self._is_bound = True
        return (await protocol.bind_execute(self._statement, self._parameters, "", rows, True, timeout))[0]


@contextmanager
def _bounded(sql: str | None, *, holds: bool = False) -> Generator[None]:
    """Like `translated`, and what ran past our own deadline is a timeout as well."""
    with translated(sql, holds=holds):
        try:
            yield
        except TimeoutError as exc:
            if exc.errno is not None:
                # The network's, not ours.
                raise
            raise _too_slow(sql) from exc


def _check_plan(query: CheckedQuery, columns: list[Column]) -> None:
    """Refuse a plan that nobody took for one: it counts the rows that row security filters away."""
    if query.kind != "explain" and [column.name for column in columns] == [PLAN_COLUMN]:
        raise QueryRefusedError(
            "EXPLAIN is not allowed here", "EXPLAIN", query.sql, hint="Ask for the plan of a SELECT with --explain."
        )


def _too_slow(sql: str | None) -> QueryTimeoutError:
    return QueryTimeoutError(
        "The query ran past its time limit and was cancelled.", sql,
        hint="Narrow it (a period, a store, LIMIT), or allow more with --timeout.", sqlstate="57014",
    )  # fmt: skip


async def _nothing() -> AsyncIterator[Sequence[Row]]:
    return
    yield
