"""How zava connects: two kinds of connection, one for its own statements and one for users' SQL."""

from __future__ import annotations

import logging
from typing import Any

import asyncpg
from asyncpg.protocol.protocol import BUILTIN_TYPE_OID_MAP
from pgvector import Vector

UNNAMED_TYPE = "?"


# Its pool logs with a traceback what the next caller is told in a sentence.
logging.getLogger("asyncpg").addHandler(logging.NullHandler())


class TextConnection(asyncpg.Connection):
    """A connection on which every value travels as the server's own text, in both directions.

    Results then are exact (infinity, BC dates, `1 mon`, numeric scale), and parameters are converted by the
    server to the type that it asks for. Types that asyncpg does not know are text as well: looking them up,
    as the base class does, would run `set_config` as a role that may not.
    """

    async def _introspect_types(self, typeoids: Any, timeout: Any) -> Any:
        settings = self._protocol.get_settings()
        for oid in typeoids:
            _use_text(settings, oid, UNNAMED_TYPE)
        return [], _NamedStatement()


class _NamedStatement:
    """Tells asyncpg that no anonymous statement was lost to a lookup."""

    name = "none"


async def prepare_text_connection(connection: asyncpg.Connection) -> None:
    """Pool initialiser for users' SQL."""
    settings = connection._protocol.get_settings()  # pyright: ignore
    for oid, name in BUILTIN_TYPE_OID_MAP.items():
        _use_text(settings, oid, name)


async def prepare_own_connection(connection: asyncpg.Connection) -> None:
    """Pool initialiser for zava's own statements, which may be given vectors as numpy arrays.

    One question, where pgvector's own registration asks four, in every command and for every type that it has.
    """
    oid = await connection.fetchval("SELECT pg_catalog.to_regtype('public.vector')::oid")
    if oid is not None:
        settings = connection._protocol.get_settings()  # pyright: ignore
        settings.add_python_codec(oid, "vector", "public", [], "scalar", _vector, Vector.from_binary, "binary")


def _vector(value: Any) -> bytes:
    return (value if isinstance(value, Vector) else Vector(value)).to_binary()


def _use_text(settings: Any, oid: int, name: str) -> None:
    settings.add_python_codec(oid, name, "pg_catalog", [], "scalar", str, str, "text")
