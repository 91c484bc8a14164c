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

UNNAMED_TYPE = "?"
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


BEGIN = "BEGIN READ ONLY"
_BEGIN_MESSAGES = (
    _message(b"P", b"\0" + BEGIN.encode() + b"\0" + bytes(2))
    + _message(b"B", bytes(2) + bytes(6))
    + _message(b"E", b"\0" + bytes(4))
)
"""Parse, Bind and Execute of it as the protocol has them; asyncpg itself would wait for the answer to each."""


# Its pool logs with a traceback what the next caller is told in a sentence.
logging.getLogger("asyncpg").addHandler(logging.NullHandler())


class TransactionConnection(asyncpg.Connection):
    """A connection whose transactions all begin with the same statement, which says who asks."""

    _set_up: Any = None
    """That statement where it is kept parsed in the server."""

    def get_reset_query(self) -> str:
        """Nothing: `end` has left nothing."""
        return ""

    async def keep_set_up(self) -> None:
        """Keeps the statement for as long as the connection lives."""
        statement = await self.prepare(named_sql("session")["begin"], name=SET_UP)
        self._set_up = statement._state  # pyright: ignore
        self._set_up.attach()

    async def begin(self, values: Sequence[str], timeout: float) -> str | None:
        """Begins a transaction and sets it up; returns the caller's reading state in it."""
        if self._set_up is None:
            await self.execute(BEGIN, timeout=timeout)
            rows = await self.fetch(named_sql("session")["begin"], *values, timeout=timeout)
        else:
            # In one round trip: the server answers both once the second one asks it to. asyncpg keeps the last of
            # two "command complete" messages; another version of it must do so too.
            self._transport.write(_BEGIN_MESSAGES)  # pyright: ignore
            rows, *_ = await self._protocol.bind_execute(self._set_up, values, "", 0, True, timeout)  # pyright: ignore
        return cast("str | None", rows[0]["reading_state"])


class OwnConnection(TransactionConnection):
    """A connection for zava's own statements, which set nothing that outlives their transaction."""

    async def end(self) -> None:
        """Ends the transaction."""
        await self.execute("ROLLBACK")


class TextConnection(TransactionConnection):
    """A connection on which every value travels as the server's own text, in both directions.

    Results then are exact (infinity, BC dates, `1 mon`, numeric scale), and parameters are converted by the
    server to the type that it asks for. Types that asyncpg does not know are text as well: looking them up,
    as the base class does, would run `set_config` as a role that may not.
    """

    async def keep_set_up(self) -> None:
        """Keeps the statement, which looks the same before every caller from here on."""
        await super().keep_set_up()
        await self.end()

    async def end(self) -> None:
        """Ends the transaction and leaves nothing of one caller's SQL to the next, in one round trip.

        Rolled back, not committed: session settings that a query made are undone with it. The server takes a
        statement that PREPARE names for the one of that name in the protocol.
        """
        again = "" if self._set_up is None else f"PREPARE {SET_UP} AS {named_sql('session')['begin']}"
        await self.execute(f"ROLLBACK; {FORGET_EVERYTHING} DEALLOCATE ALL; {again}")

    async def _introspect_types(self, typeoids: Any, timeout: Any) -> Any:
        settings = self._protocol.get_settings()
        for oid in typeoids:
            _use_text(settings, oid, UNNAMED_TYPE)
        return [], _NamedStatement()


class _NamedStatement:
    """Tells asyncpg that no anonymous statement was lost to a lookup."""

    name = "none"


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
    if oid is not None:
        settings = connection._protocol.get_settings()  # pyright: ignore
        settings.add_python_codec(oid, "vector", "public", [], "scalar", _vector, Vector.from_binary, "binary")
    if keeps_statements:
        await connection.keep_set_up()


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
