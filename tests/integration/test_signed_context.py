"""The signed context: what PostgreSQL accepts, and everything that it must not."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from tests.attacks import genuine, seen
from tests.small_data import TABLES, Walls, expected
from zava_cli.data.admin import admin_connection
from zava_cli.data.attacks import contexts
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.errors import AuthorizationError, MCPError
from zava_cli.infra.keys import pads, sign_context


@pytest.fixture
async def line(walls: Walls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the gateway login, in the role that sees most."""
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    yield connection
    await connection.close()


async def test_a_genuine_context_shows_the_managers_rows(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection
) -> None:
    caller = await gateway.identify("Sam Seattle")
    assert await seen(line, walls, genuine(caller, line)) == expected("Sam Seattle", "orders")


ALTERED = contexts.ALTERED | {"no backend": contexts.swapped(3, lambda _: "0")}


@pytest.mark.parametrize("change", ALTERED)
@pytest.mark.parametrize("role", ["store_managers", "regional_managers", "head_office"])
async def test_an_altered_context_raises_and_the_error_tells_nothing(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection, change: str, role: str
) -> None:
    caller = await gateway.identify("Sam Seattle")
    context = genuine(caller, line)
    altered = ALTERED[change](context)
    assert altered != context
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as caught:
        await seen(line, walls, altered, role)
    said = " ".join(caught.value.as_dict().values())
    assert "security context" in said
    for secret in (context.rsplit(".", 1)[1], caller.key.hex(), str(caller.identity.manager_id)):
        assert secret not in said.lower()


async def test_every_table_refuses_a_forged_context(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection
) -> None:
    caller = replace(await gateway.identify("Hedda Office"), key=b"\0" * 32)
    for table in TABLES:
        async with line.transaction():
            await line.execute("SELECT set_config('zava.context', $1, true)", genuine(caller, line))
            await line.execute(f'SET LOCAL ROLE "{walls.role("head_office")}"')
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
                async with line.transaction():
                    await line.fetch(f"SELECT count(*) FROM retail.{table}")


async def test_a_context_is_over_at_its_expiry(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection
) -> None:
    caller = await gateway.identify("Sam Seattle")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="expired"):
        await seen(line, walls, genuine(caller, line, -2))


async def test_a_context_is_good_on_its_own_connection_only(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection
) -> None:
    caller = await gateway.identify("Sam Seattle")
    other = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="another connection"):
            await seen(other, walls, genuine(caller, line))
    finally:
        await other.close()


async def test_behind_a_pooler_a_context_is_good_on_any_connection(own_walls: Walls) -> None:
    async with admin_connection(own_walls.target) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{own_walls.role("security")}"')
        await connection.execute("UPDATE security.settings SET bind_backend = false")
    provider = PostgreSQLProvider(own_walls.target)
    lines = [await asyncpg.connect(own_walls.target.gateway_dsn) for _ in range(2)]
    try:
        caller = await provider.identify("Sam Seattle")
        context = genuine(caller, lines[0])
        assert context.split(".")[3] == "0"
        for line in lines:
            assert await seen(line, own_walls, context) == expected("Sam Seattle", "orders")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
            await seen(lines[0], own_walls, ALTERED["a later expiry"](context))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="expired"):
            await seen(lines[0], own_walls, genuine(caller, lines[0], -2))
        async with provider.reader(caller) as session:
            assert (await session.row("SELECT count(*) AS n FROM orders"))["n"] == expected("Sam Seattle", "orders")
    finally:
        for line in lines:
            await line.close()
        await provider.close()


async def test_a_managers_own_key_cannot_sign_for_anybody_else(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection
) -> None:
    sam = await gateway.identify("Sam Seattle")
    for name, role in (("Tom Tacoma", "store_managers"), ("Rita Region", "regional_managers"),
                       ("Hedda Office", "head_office")):  # fmt: skip
        victim = await gateway.identify(name)
        assert victim.key != sam.key
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
            await seen(line, walls, genuine(replace(sam, identity=victim.identity), line), role)


async def test_one_managers_context_is_not_anothers_by_exchange_of_the_name(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection
) -> None:
    sam, tom = await gateway.identify("Sam Seattle"), await gateway.identify("Tom Tacoma")
    context = genuine(sam, line).replace(str(sam.identity.manager_id), str(tom.identity.manager_id))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
        await seen(line, walls, context)


async def test_fields_cannot_be_shifted_into_one_another(
    walls: Walls, gateway: PostgreSQLProvider, line: asyncpg.Connection
) -> None:
    caller = await gateway.identify("Sam Seattle")
    version, manager, expiry, pid, mac = genuine(caller, line).split(".")
    for shifted in ((version, manager, expiry[:-1], expiry[-1] + pid, mac), (version, manager, expiry + pid, "", mac)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await seen(line, walls, ".".join(shifted))


async def test_zavas_own_errors_and_representations_hold_neither_key_nor_context(
    walls: Walls, gateway: PostgreSQLProvider
) -> None:
    caller = await gateway.identify("Sam Seattle")
    forged = replace(caller, key=b"\x5a" * 32)
    with pytest.raises(MCPError) as caught:
        async with gateway.reader(forged) as session:
            await session.rows("SELECT * FROM orders")
    chain: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(f"{error!r} {error}")
        error = error.__cause__
    said = " ".join([*chain, repr(caller)]).lower()
    assert "5a5a5a" not in said and str(caller.identity.manager_id) + "." not in said
    assert caller.key.hex() not in said and repr(caller.key) not in said


@pytest.mark.parametrize("who", ["sam seattle", "SAM SEATTLE", "sam@zava.example", "seattle", "Zava Retail Seattle"])
async def test_a_manager_may_be_named_in_several_ways(gateway: PostgreSQLProvider, who: str) -> None:
    assert (await gateway.identify(who)).identity.name == "Sam Seattle"


@pytest.mark.parametrize("who", ["%", "' OR true --", "Nobody", "zava", "s", "Sam Seattle ", "\N{ZERO WIDTH SPACE}"])
async def test_a_name_that_is_nobodys_is_refused_without_a_guess(gateway: PostgreSQLProvider, who: str) -> None:
    with pytest.raises(AuthorizationError):
        await gateway.identify(who)


def test_the_signature_is_hmac_sha_256_as_rfc_4231_tests_it() -> None:
    inner, outer = pads(b"Jefe")
    mac = hashlib.sha256(outer + hashlib.sha256(inner + b"what do ya want for nothing?").digest()).hexdigest()
    assert mac == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    context = sign_context(
        b"k" * 32, version=1, manager_id=UUID(int=1), expires=2, backend_pid=3, database_identity="here"
    )
    assert context.startswith("1.00000000-0000-0000-0000-000000000001.2.3.")
