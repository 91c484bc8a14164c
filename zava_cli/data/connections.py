"""How zava connects: two kinds of connection, one for its own statements and one for users' SQL."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from asyncpg.protocol.protocol import BUILTIN_TYPE_OID_MAP
from pgvector import Vector

from zava_cli.data.named_sql import named_sql
from zava_cli.data.statement_spans import own_statement_span
from zava_cli.infra.deadline import at_most

UNNAMED_TYPE = "?"
CLIENT_MARGIN = 1.0
"""Seconds by which our own deadline comes after the server's, which leaves the connection in better order."""
SET_UP = "zava_set_up"
"""Name of the prepared statement that sets a transaction up."""
FORGET_EVERYTHING = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); "
    "DISCARD TEMP; DISCARD SEQUENCES; "
)
"""The parts of DISCARD ALL, which by itself would need a round trip of its own; DEALLOCATE ALL follows it.

Without DISCARD PLANS: what is left of plans are those of functions, which hold no caller's text, are made anew for
another role, and cost half of a small query to make.
"""


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4) + body


def _bind_and_execute(statement: str, values: Sequence[str]) -> bytes:
    """For a prepared statement whose parameters travel as text."""
    texts = [value.encode() for value in values]
    bound = b"".join(len(text).to_bytes(4) + text for text in texts)
    return _message(
        b"B", b"\0" + statement.encode() + b"\0" + bytes(2) + len(texts).to_bytes(2) + bound + bytes(2)
    ) + _message(b"E", b"\0" + bytes(4))


BEGIN = "BEGIN READ ONLY"
"""Begins a transaction, which its set-up makes what it is to be."""


def _unanswered(statement: str) -> bytes:
    """Parse, Bind and Execute as the protocol has them, of a statement that gives no rows.

    asyncpg itself would wait for the answer to each. It keeps the last of several "command complete" messages; another
    version of it must do so too.
    """
    return _message(b"P", b"\0" + statement.encode() + b"\0" + bytes(2)) + _bind_and_execute("", ())


_BEGINNING = _unanswered(BEGIN)


@dataclass(frozen=True)
class Statement:
    """A statement with its values, and others before it that set something for its transaction.

    One that is `alone` is all of its transaction.
    """

    sql: str
    arguments: Sequence[Any] = ()
    settings: Sequence[str] = ()
    alone: bool = False


# Its pool logs with a traceback what the next caller is told in a sentence.
logging.getLogger("asyncpg").addHandler(logging.NullHandler())


class TransactionConnection(asyncpg.Connection):
    """A connection whose transactions all begin with the same statement, which says who asks."""

    _set_up: Any = None
    """That statement where it is kept parsed in the server."""

    async def reset(self, *, timeout: float | None = None) -> None:
        """Nothing, where nothing is open: `end` has left nothing."""
        if self.is_in_transaction():
            await super().reset(timeout=timeout)

    async def keep_set_up(self) -> None:
        """Keeps the statement for as long as the connection lives."""
        self._set_up = await self._kept(named_sql("session")["begin"], name=SET_UP)

    async def _kept(self, sql: str, *, name: str | None = None, timeout: float | None = None) -> Any:
        statement = await self.prepare(sql, name=name, timeout=timeout)
        state = cast("Any", statement._state)  # pyright: ignore
        state.attach()
        return state

    async def begin(self, values: Sequence[str], timeout: float) -> str | None:
        """Begins a transaction and sets it up; returns the caller's reading state in it."""
        if self._set_up is None:
            await self.execute(BEGIN, timeout=timeout)
            rows = await self.fetch(named_sql("session")["begin"], *values, timeout=timeout)
        else:
            # In one round trip: the server answers both once the second one asks it to.
            self._transport.write(_BEGINNING)  # pyright: ignore
            rows, *_ = await self._protocol.bind_execute(self._set_up, values, "", 0, True, timeout)  # pyright: ignore
        return cast("str | None", rows[0][0])


class OwnConnection(TransactionConnection):
    """A connection for zava's own statements. They set nothing for the session: one that is alone is committed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._statements: dict[str, Any] = {}
        self._set_ups: dict[int, Any] = {}

    async def begin_with(
        self, values: Sequence[str], timeout: float, statement: Statement, limit: float
    ) -> tuple[str | None, list[asyncpg.Record]]:
        """Like `begin`, and runs a statement within `limit` seconds; returns its rows as well.

        One that the connection keeps takes a round trip with it. The state comes as a row of the statement's own shape,
        so where it is asked for the first column has to be text; others follow the set-up. Without a Sync between them
        the server passes over all that follows an error, so that nothing is read before who asks was verified, and
        takes them for one transaction, so that one which is alone needs no BEGIN and nothing to end it.
        """
        with own_statement_span(statement.sql):
            kept, asks_for_state = self._statements.get(statement.sql), bool(values[-1])
            columns = kept._get_attributes() if kept else ()
            if not columns or (asks_for_state and columns[0].type.name != "text"):
                return await self.begin(values, timeout), await self.run(statement, limit)
            set_up = self._set_ups[len(columns)]
            beginning = b"" if statement.alone else _BEGINNING
            rows = await self._rows(statement, limit, beginning + _bind_and_execute(set_up.name, values))
            return rows[0][0], rows[1:]

    async def run(self, statement: Statement, limit: float) -> list[asyncpg.Record]:
        """The rows of a statement; one that the connection keeps takes a round trip, with its settings."""
        if self._set_up is None:
            if statement.settings:
                await self.execute("; ".join(statement.settings), timeout=limit)
            return await self.fetch(statement.sql, *statement.arguments, timeout=limit)
        if statement.sql not in self._statements:
            await self._keep(statement.sql, limit)
        return await self._rows(statement, limit)

    async def _rows(self, statement: Statement, limit: float, before: bytes = b"") -> list[asyncpg.Record]:
        kept, values = self._statements[statement.sql], statement.arguments
        before += b"".join(map(_unanswered, statement.settings))
        if before:
            self._transport.write(before)  # pyright: ignore
        try:
            found = await self._protocol.bind_execute(kept, values, "", 0, True, limit)  # pyright: ignore
        except asyncpg.InvalidCachedStatementError:
            # The schema changed: the next one is prepared anew.
            del self._statements[statement.sql]
            raise
        except asyncpg.DataError as error:
            # A value that cannot be sent, of which the server knows nothing, leaves it in the middle of what was.
            if before and error.severity is None:
                self.terminate()
            raise
        return cast("list[asyncpg.Record]", found[0])

    async def _keep(self, sql: str, limit: float) -> None:
        """Keeps the statement, and a set-up whose answer reads like a row of it: asyncpg takes all rows for its."""
        # Under names of their own: those of a caller who left in between are in the server already.
        statement = await self._kept(sql, timeout=limit)
        width = len(statement._get_attributes())
        if width not in self._set_ups:
            wide = named_sql("session")["begin"] + ", NULL" * (width - 1)
            self._set_ups[width] = await self._kept(wide, timeout=limit)
        self._statements[sql] = statement

    async def end(self, timeout: float | None = None) -> None:
        """Ends the transaction, where one is open."""
        # What became of a statement that was given up is known then; a lost connection is told by its own methods.
        await self._protocol._wait_for_cancellation(timeout)  # pyright: ignore
        if self.is_in_transaction() or self.is_closed():
            await self.execute("ROLLBACK", timeout=timeout)


class TextConnection(TransactionConnection):
    """A connection on which every value travels as the server's own text, in both directions.

    Results then are exact (infinity, BC dates, `1 mon`, numeric scale), and parameters are converted by the
    server to the type that it asks for. Types that asyncpg does not know are text as well in what `parse` returns:
    looking them up, as `prepare` does, would run `set_config` as a role that may not.
    """

    async def keep_set_up(self) -> None:
        """Keeps the statement, which looks the same before every caller from here on."""
        await super().keep_set_up()
        await self.end()

    async def begin_with(
        self, values: Sequence[str], timeout: float, statement: Statement, limit: float
    ) -> tuple[str | None, Any]:
        """Like `begin`, and has the server parse the statement, in one round trip; returns that instead of the state.

        The server passes over a statement whose set-up fails, as in an `OwnConnection`. asyncpg, which waits for the
        answer to a Parse, drops the others; another version of it must do so too. Where anything fails, all is rolled
        back and set up once more without the statement: an error of the set-up shows then, one of the statement where
        it is parsed next. Its `limit` is the set-up's, for it does not run yet.
        """
        if self._set_up is None:
            return await self.begin(values, timeout), None
        self._transport.write(_BEGINNING + _bind_and_execute(SET_UP, values))  # pyright: ignore
        try:
            return None, await self.parse(statement.sql, timeout + CLIENT_MARGIN)
        except (asyncpg.PostgresError, TimeoutError) as error:
            # Who was cancelled has no time left for another attempt.
            if self.is_closed() or isinstance(error, asyncpg.QueryCanceledError):
                raise
            await self.execute("ROLLBACK", timeout=max(CLIENT_MARGIN, at_most(timeout)))
            return await self.begin(values, at_most(timeout)), None

    async def parse(self, sql: str, timeout: float) -> Any:
        """The statement as the server understands it; it holds until the next one of the connection."""
        protocol = cast("Any", self)._protocol
        statement = await protocol.prepare("", sql, timeout, record_class=asyncpg.Record)
        for oid in statement._init_types():
            _use_text(protocol.get_settings(), oid, UNNAMED_TYPE)
        statement._init_codecs()
        return statement

    async def end(self, timeout: float | None = None) -> None:
        """Ends the transaction and leaves nothing of one caller's SQL to the next, in one round trip.

        Rolled back, not committed: session settings that a query made are undone with it. The server takes a
        statement that PREPARE names for the one of that name in the protocol.
        """
        again = "" if self._set_up is None else f"PREPARE {SET_UP} AS {named_sql('session')['begin']}"
        await self.execute(f"ROLLBACK; {FORGET_EVERYTHING} DEALLOCATE ALL; {again}", timeout=timeout)


async def prepare_text_connection(connection: Any, *, keeps_statements: bool) -> None:
    """Pool initialiser for users' SQL."""
    settings = connection._protocol.get_settings()  # pyright: ignore
    for oid, name in BUILTIN_TYPE_OID_MAP.items():
        _use_text(settings, oid, name)
    if keeps_statements:
        await connection.keep_set_up()


async def prepare_own_connection(connection: Any, *, keeps_statements: bool = False) -> None:
    """Pool initialiser for zava's own statements, which may be given vectors as numpy arrays.

    One question, where pgvector's own registration asks four, in every command and for every type that it has.
    """
    # In one transaction: a pooler may change the backend between any two messages outside of one.
    async with connection.transaction():
        oid = await connection.fetchval("SELECT pg_catalog.to_regtype('public.vector')::oid")
        if keeps_statements:
            # In it, for behind a Parse the server waits in a transaction of its own.
            await connection.keep_set_up()
    if oid is not None:
        settings = connection._protocol.get_settings()  # pyright: ignore
        settings.add_python_codec(oid, "vector", "public", [], "scalar", _vector, Vector.from_binary, "binary")


def _vector(value: Any) -> bytes:
    return (value if isinstance(value, Vector) else Vector(value)).to_binary()


def _use_text(settings: Any, oid: int, name: str) -> None:
    settings.add_python_codec(oid, name, "pg_catalog", [], "scalar", str, str, "text")


@dataclass(frozen=True)
class PoolUse:
    """How full a pool is; connections that are reset for the next caller count as busy."""

    busy: int
    idle: int
    most: int

    @classmethod
    def of(cls, pool: asyncpg.Pool) -> PoolUse:
        """That of an open pool."""
        idle = pool.get_idle_size()
        return cls(pool.get_size() - idle, idle, pool.get_max_size())
