"""Contexts that PostgreSQL must not accept, and connections of the login's own to try them on."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg

from zava_cli.data.attacks.unguarded import Heard
from zava_cli.data.callers import Caller
from zava_cli.data.driver_errors import translated
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import MCPError
from zava_cli.models.prove import Answer

VALID_SECONDS = 600


def forged(victim: Caller, version: int, backend: int) -> str:
    """A context for the victim that is right in everything but the signature."""
    expires = int(time.time() + victim.clock_offset) + VALID_SECONDS
    return f"{version}.{victim.identity.manager_id}.{expires}.{backend}.{'0' * 64}"


def swapped(position: int, value: Callable[[str], str]) -> Callable[[str], str]:
    """Changes one of the context's parts."""

    def change(context: str) -> str:
        parts = context.split(".")
        parts[position] = value(parts[position])
        return ".".join(parts)

    return change


ALTERED: dict[str, Callable[[str], str]] = {
    "another version": swapped(0, lambda version: str(int(version) + 1)),
    "a version that never was": swapped(0, lambda _: "999999999"),
    "version nought": swapped(0, lambda _: "0"),
    "a version with a sign": swapped(0, lambda version: f"+{version}"),
    "a version too large": swapped(0, lambda _: "99999999999"),
    "a manager who does not exist": swapped(1, lambda _: "00000000-0000-0000-0000-000000000000"),
    "the manager in upper case": swapped(1, lambda manager: "A" + manager[1:].upper()),
    "the manager without hyphens": swapped(1, lambda manager: manager.replace("-", "")),
    "a later expiry": swapped(2, lambda expiry: str(int(expiry) + 1)),
    "an expiry without end": swapped(2, lambda _: "99999999999"),
    "an expiry with a leading zero": swapped(2, lambda expiry: f"0{expiry}"),
    "an expiry in words": swapped(2, lambda _: "infinity"),
    "another backend": swapped(3, lambda pid: str(int(pid) + 1)),
    "a MAC of noughts": swapped(4, lambda _: "0" * 64),
    "one bit of the MAC": swapped(4, lambda mac: mac[:-1] + ("0" if mac[-1] != "0" else "1")),
    "the MAC in upper case": swapped(4, lambda mac: "A" + mac[1:].upper()),
    "half a MAC": swapped(4, lambda mac: mac[:32]),
    "no MAC": swapped(4, lambda _: ""),
    "the MAC left away": lambda context: context.rsplit(".", 1)[0],
    "one part more": lambda context: context + ".0",
    "a line after it": lambda context: context + "\n",
    "a line before it": lambda context: "\n" + context,
    "a blank after it": lambda context: context + " ",
    "two of them": lambda context: f"{context}\n{context}",
    "a blank": lambda _: " ",
    "garbage": lambda _: "'; SELECT 1; --",
    "dots": lambda _: "....",
    "a format string": lambda _: "%s.%s.%s.%s.%s",
    "letters beyond ASCII": lambda context: "１" + context[1:],
    "a megabyte": lambda _: "1" * (1 << 20),
    "a megabyte behind it": lambda context: context + "0" * (1 << 20),
}
"""Changes to a genuine context, each of which must make it worthless."""


class Line:
    """A connection as the login, outside of any pool."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @property
    def backend(self) -> int:
        """Process id of its backend."""
        return self._connection.get_server_pid()

    def sign(self, caller: Caller, seconds: int = VALID_SECONDS) -> str:
        """What zava itself would sign for this connection."""
        return caller.sign(self.backend, time.time(), seconds)

    async def shown_by(self, role: str, context: str | None) -> Answer:
        """Stores whose orders a context shows to a role; the transaction is rolled back."""
        heard = Heard()
        transaction = self._connection.transaction(readonly=True)
        try:
            with translated():
                await transaction.start()
                if context is not None:
                    await self._connection.execute("SELECT set_config('zava.context', $1, true)", context)
                await self._connection.execute("SELECT set_config('role', $1, true)", role)
                heard.add(await self._connection.fetchval(named_sql("prove")["visible_stores"]) or "")
        except MCPError as error:
            heard.fail(error)
        finally:
            if not self._connection.is_closed():
                await transaction.rollback()
        return heard.answer


def stolen(attacker: Caller, victim: Caller, line: Line) -> dict[str, str]:
    """Contexts of somebody who holds the attacker's key and knows everything about the victim but theirs."""
    exchanged = line.sign(attacker).replace(str(attacker.identity.manager_id), str(victim.identity.manager_id))
    return {
        "signed with the attacker's key": line.sign(replace(attacker, identity=victim.identity)),
        "signed with a key of nobody": line.sign(replace(victim, key=b"\0" * 32)),
        "the attacker's with the name exchanged": exchanged,
        "of another database": line.sign(replace(victim, database_identity="0-0")),
        "forged": forged(victim, attacker.key_version, line.backend if attacker.bind_backend else 0),
    }


@asynccontextmanager
async def login_line(target: Target) -> AsyncGenerator[Line]:
    """A new connection as the login."""
    with translated():
        connection = await asyncpg.connect(
            target.gateway_dsn, timeout=target.settings.connect_timeout, statement_cache_size=0
        )
    try:
        yield Line(connection)
    finally:
        connection.terminate()
