"""Which texts PostgreSQL takes for a signed context at all, whoever signed them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.attacks import genuine, seen
from tests.small_data import Walls
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider

VERSION, MANAGER, EXPIRY, BACKEND = range(4)
MAC = 64
MALFORMED = "the security context is malformed"


@pytest.fixture
async def line(walls: Walls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the gateway login."""
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def sam(gateway: PostgreSQLProvider) -> Caller:
    """A manager with a key."""
    return await gateway.identify("Sam Seattle")


def signed(caller: Caller, parts: list[str]) -> str:
    """What somebody who has the manager's key can sign: anything."""
    text = ".".join(parts)
    mac = hmac.new(caller.key, f"{text}.{caller.database_identity}".encode(), hashlib.sha256)
    return f"{text}.{mac.hexdigest()}"


async def said_of(line: asyncpg.Connection, walls: Walls, context: str) -> str:
    """The error for it, or nothing where it shows rows."""
    try:
        await seen(line, walls, context)
    except asyncpg.InsufficientPrivilegeError as error:
        assert error.sqlstate == "42501"
        return str(error)
    return ""


async def test_the_same_signed_by_hand_is_accepted(walls: Walls, sam: Caller, line: asyncpg.Connection) -> None:
    assert await said_of(line, walls, signed(sam, genuine(sam, line).split(".")[:4])) == ""


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (VERSION, ""), (VERSION, "0"), (VERSION, "01"), (VERSION, "+1"), (VERSION, "-1"), (VERSION, " 1"),
        (VERSION, "1 "), (VERSION, "1_0"), (VERSION, "1e0"), (VERSION, "0x1"), (VERSION, "a"), (VERSION, "１"),
        (VERSION, "١"), (VERSION, "1\n"), (VERSION, "\n1"), (VERSION, "NULL"),
        (MANAGER, ""), (MANAGER, "-" * 36), (MANAGER, "{{manager}}"), (MANAGER, "({manager})"), (MANAGER, "{manager}-"),
        (EXPIRY, ""), (EXPIRY, "-1"), (EXPIRY, "+{now}"), (EXPIRY, "{now}\n"), (EXPIRY, " {now}"), (EXPIRY, "1e9"),
        (EXPIRY, "{now}\t"), (EXPIRY, "infinity"), (EXPIRY, "a"), (EXPIRY, "٢٠٠٠٠٠٠٠٠٠"), (EXPIRY, "1_000"),
        (BACKEND, ""), (BACKEND, "-1"), (BACKEND, "+0"), (BACKEND, "a"), (BACKEND, "0\n"), (BACKEND, "᠐"),
        (BACKEND, "0-0"), (BACKEND, "%"), (BACKEND, "_"), (BACKEND, "0.0"),
    ],
)  # fmt: skip
async def test_a_part_of_other_signs_is_malformed_even_with_the_right_signature(
    walls: Walls, sam: Caller, line: asyncpg.Connection, position: int, value: str
) -> None:
    parts = genuine(sam, line).split(".")[:4]
    parts[position] = value.replace("{manager}", parts[MANAGER]).replace("{now}", parts[EXPIRY])
    assert await said_of(line, walls, signed(sam, parts)) == MALFORMED


@pytest.mark.parametrize("position", [VERSION, MANAGER, EXPIRY, BACKEND])
async def test_a_part_counts_in_lengths_of_its_own_alone(
    walls: Walls, sam: Caller, line: asyncpg.Connection, position: int
) -> None:
    right = {VERSION: range(1, 10), MANAGER: range(36, 37), EXPIRY: range(1, 12), BACKEND: range(1, 11)}[position]
    for length in range(40):
        parts = genuine(sam, line).split(".")[:4]
        parts[position] = parts[position][:length].ljust(length, "1")
        said = await said_of(line, walls, signed(sam, parts))
        assert (said != MALFORMED) == (length in right), (length, said)


async def test_a_signature_counts_in_full_length_alone(walls: Walls, sam: Caller, line: asyncpg.Connection) -> None:
    context = genuine(sam, line)
    front, mac = context.rsplit(".", 1)
    for length in [*range(MAC), *range(MAC + 1, 3 * MAC), 100_000]:
        assert await said_of(line, walls, f"{front}.{mac[:length].ljust(length, '0')}") == MALFORMED, length
    assert await said_of(line, walls, context) == ""


async def test_a_managers_id_counts_with_its_hyphens_in_their_places_alone(
    walls: Walls, sam: Caller, line: asyncpg.Connection
) -> None:
    version, manager, *rest = genuine(sam, line).split(".")[:4]
    places = [place for place, sign in enumerate(manager) if sign == "-"]
    others = [manager[:place] + "-" + manager[place + 1 :] for place in range(36) if place not in places]
    others += [manager[:place] + "0" + manager[place + 1 :] for place in places]
    others += [manager.replace("-", ""), manager.replace("-", "", 1), manager[1:] + "-", "-" + manager[:-1]]
    for other in others:
        assert await said_of(line, walls, signed(sam, [version, other, *rest])) == MALFORMED, other


@pytest.mark.parametrize(
    "context",
    [
        " ", ".", "....", "." * 100_000, "1" * 100_000, "-....", "1.2.3.4.5", "\n", "\t", "1.", "1..1.1.", "🔨",
        "1.\N{ZERO WIDTH SPACE}.1.1.1", "null", "{}", "%s", "_________", "é" * 134, "é" * 135,
    ],
)  # fmt: skip
async def test_what_has_not_five_parts_of_the_right_kind_is_malformed(
    walls: Walls, line: asyncpg.Connection, context: str
) -> None:
    assert await said_of(line, walls, context) == MALFORMED


async def test_what_stands_before_or_behind_a_genuine_context_makes_it_malformed(
    walls: Walls, sam: Caller, line: asyncpg.Connection
) -> None:
    context = genuine(sam, line)
    blanks = (" ", "\n", "\r\n", "\t", "\v", "\N{NO-BREAK SPACE}")
    for extra in (*blanks, ".", "-", "0", "a", "é", f"\n{context}", "0" * 100_000):
        assert await said_of(line, walls, context + extra) == MALFORMED, extra[:10]
        assert await said_of(line, walls, extra + context) == MALFORMED, extra[:10]
