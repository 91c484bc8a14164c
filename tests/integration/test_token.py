"""Tokens in the database, on every kind of server: whose one is, and what nobody learns about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr
from pydantic import ValidationError as PydanticError

from tests.conftest import drop, new_profile, opened, settings_for
from tests.small_data import MANAGERS, Walls
from zava_cli.data.admin import admin_connection
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.keys import rotate_keys
from zava_cli.data.target import Target
from zava_cli.data.token import add_token, resolve_subject, resolve_token, token_keys, tokens
from zava_cli.infra.errors import AuthorizationError, ConfigurationError, ValidationError
from zava_cli.infra.token_text import _checksum, new_token, prefix_of, token_hmac
from zava_cli.models.scopes import Scope
from zava_cli.models.token import NewToken, TokenRequest
from zava_cli.services.token import revoke_token


async def made(walls: Walls, who: str = "Sam Seattle", **more: object) -> NewToken:
    """A token for somebody."""
    return await add_token(walls.target, TokenRequest.model_validate({"who": who, **more}))


def text(token: NewToken) -> str:
    return token.text.get_secret_value()


@pytest.fixture
async def gateway_line(walls: Walls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the gateway, to do with it what a stolen password would."""
    line = await asyncpg.connect(walls.target.gateway_dsn)
    yield line
    await line.close()


async def test_a_token_opens_what_it_was_made_for(walls: Walls, gateway: PostgreSQLProvider) -> None:
    token = await made(walls, "Rita Region", scopes=["reports"], name="night report", expires="12:00:00")
    grant = await resolve_token(gateway, text(token))
    assert grant is not None
    assert (grant.prefix, grant.name, grant.scopes) == (token.prefix, "night report", (Scope.REPORTS,))
    assert grant.expires_at == token.expires_at
    assert (await gateway.identify(str(grant.manager_id))).identity.name == "Rita Region"


async def test_without_further_words_a_token_is_called_after_its_manager_and_opens_everything_for_90_days(
    walls: Walls, gateway: PostgreSQLProvider
) -> None:
    token = await made(walls)
    [row] = await walls.as_superuser("SELECT * FROM security.tokens WHERE prefix = $1", token.prefix)
    assert (row["name"], row["scopes"]) == ("Sam Seattle", ["reports", "search", "sql"])
    assert row["expires_at"] - row["created_at"] == timedelta(days=90)
    assert row["created_by"] and row["key_version"] == 1


async def test_nothing_else_opens_anything(walls: Walls, gateway: PostgreSQLProvider) -> None:
    token = text(await made(walls))
    other = text(await made(walls, "Tom Tacoma"))
    for wrong in ("", "zava_", new_token(), token[:-1], token.swapcase(), token + "x"):
        assert await resolve_token(gateway, wrong) is None
    # A valid checksum under the name of another token.
    body = f"{other[:14]}{token[14:-6]}"
    assert await resolve_token(gateway, body + _checksum(body)) is None


async def test_a_revoked_token_is_worthless_from_the_next_look_on(walls: Walls, gateway: PostgreSQLProvider) -> None:
    token = await made(walls)
    assert await resolve_token(gateway, text(token))
    await revoke_token(walls.target, token.prefix)
    assert await resolve_token(gateway, text(token)) is None


async def test_an_expired_token_is_worthless(walls: Walls, gateway: PostgreSQLProvider) -> None:
    token = await made(walls)
    await walls.as_superuser("UPDATE security.tokens SET expires_at = now() WHERE prefix = $1", token.prefix)
    assert await resolve_token(gateway, text(token)) is None
    assert {t.prefix: t.state for t in await tokens(walls.target)}[token.prefix] == "expired"


async def test_a_token_ends_with_its_manager(own_walls: Walls) -> None:
    async with admin_connection(own_walls.target) as connection:
        await connection.execute(
            f'SET ROLE "{own_walls.role("owner")}"; '
            "INSERT INTO retail.managers (name, email, role) VALUES ('Temp', 'temp@zava.example', 'head_office')"
        )
        token = await made(own_walls, "temp@zava.example")
        async with opened(own_walls.target) as provider:
            assert await resolve_token(provider, text(token))
            await connection.execute("DELETE FROM retail.managers WHERE name = 'Temp'")
            assert await resolve_token(provider, text(token)) is None
    [record] = await tokens(own_walls.target)
    assert (record.manager, record.state) == (None, "no manager")


async def test_a_copy_of_the_database_takes_none_of_its_tokens(own_walls: Walls) -> None:
    token = await made(own_walls)
    copy = Target(settings_for(new_profile()))
    assert own_walls.target.embedded is not None
    admin = await asyncpg.connect(own_walls.target.embedded.dsn("postgres", "postgres"))
    async with opened(copy) as provider:
        await admin.execute(
            f'CREATE DATABASE "{copy.embedded_database}" TEMPLATE "{own_walls.target.embedded_database}"'
        )
        copy.key_file.write_text(own_walls.target.key_file.read_text())
        copy.key_file.chmod(0o600)
        assert await resolve_token(provider, text(token)) is None
        # Neither is it enough to know the original's identity: the row says where it belongs.
        there = await asyncpg.connect(own_walls.target.gateway_dsn)
        identity = await there.fetchval("SELECT security.database_identity()")
        await there.close()
        here = await asyncpg.connect(copy.gateway_dsn)
        hmac = token_hmac(token_keys(own_walls.target.master_keys(), identity)[1], text(token))
        assert await here.fetch("SELECT * FROM security.resolve_token($1, $2)", token.prefix, [hmac]) == []
        await here.close()
        [record] = await tokens(copy)
        assert record.state == "of another database"
        await admin.execute(f'DROP DATABASE IF EXISTS "{copy.embedded_database}" WITH (FORCE)')
        await admin.close()
        copy.key_file.unlink(missing_ok=True)


async def test_the_gateway_and_the_managers_cannot_reach_the_table(
    walls: Walls, gateway_line: asyncpg.Connection
) -> None:
    await made(walls)
    for role in ("gateway", "store_managers", "regional_managers", "head_office", "owner"):
        [row] = await walls.as_superuser(
            "SELECT has_any_column_privilege($1, 'security.tokens', 'SELECT, INSERT, UPDATE') AS column,"
            " has_table_privilege($1, 'security.tokens', 'DELETE, TRUNCATE, REFERENCES, TRIGGER') AS whole",
            walls.role(role),
        )
        assert tuple(row) == (False, False), role
    for statement in (
        "SELECT prefix FROM security.tokens",
        "INSERT INTO security.tokens (prefix) VALUES ('12345678')",
        "UPDATE security.tokens SET revoked_at = NULL",
        "DELETE FROM security.tokens",
        f'SET ROLE "{walls.role("security")}"',
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gateway_line.execute(statement)


async def test_with_the_gateways_password_one_learns_nothing_about_a_token_without_knowing_it(
    walls: Walls, gateway_line: asyncpg.Connection
) -> None:
    token, revoked, expired = [await made(walls) for _ in range(3)]
    await revoke_token(walls.target, revoked.prefix)
    await walls.as_superuser("UPDATE security.tokens SET expires_at = now() WHERE prefix = $1", expired.prefix)
    identity = await gateway_line.fetchval("SELECT security.database_identity()")
    key = token_keys(walls.target.master_keys(), identity)[1]
    asked: list[tuple[str | None, list[bytes | None] | None]] = [
        (token.prefix, [b""]), (token.prefix, []), (token.prefix, None), (token.prefix, [None]), ("nobody's", [b""]),
        (None, [b""]), (None, None), ("nobody's", [None]), ("%", [b""]),
        (token.prefix, [token_hmac(bytes(32), text(token))]),
        (revoked.prefix, [token_hmac(key, text(revoked))]), (expired.prefix, [token_hmac(key, text(expired))]),
    ]  # fmt: skip
    for prefix, hmacs in asked:
        assert await gateway_line.fetch("SELECT * FROM security.resolve_token($1, $2)", prefix, hmacs) == []
    right = [bytes(32), token_hmac(key, text(token))]
    assert len(await gateway_line.fetch("SELECT * FROM security.resolve_token($1, $2)", token.prefix, right)) == 1


async def test_the_database_holds_nothing_that_a_token_could_be_made_of(walls: Walls) -> None:
    token = text(await made(walls))
    rows = await walls.as_superuser("SELECT t::text FROM security.tokens t")
    master = walls.target.master_keys().by_version()[1].hex()
    assert rows
    assert not [row for row in rows if token in row[0] or token[14:] in row[0] or master in row[0]]


async def test_a_token_under_another_master_key_opens_nothing(walls: Walls) -> None:
    token = await made(walls)
    other = walls.target.settings.model_copy(update={"master_key": SecretStr("cd" * 32)})
    async with opened(Target(other)) as provider:
        assert await resolve_token(provider, text(token)) is None


async def test_a_token_outlives_the_key_version_that_it_was_made_with(own_walls: Walls) -> None:
    async with opened(own_walls.target, serving=True) as provider:
        old = await made(own_walls)
        assert await resolve_token(provider, text(old))
        for _ in range(2):
            await rotate_keys(own_walls.target, timedelta(0), None)
        new = await made(own_walls)
        versions = await own_walls.as_superuser("SELECT key_version FROM security.tokens ORDER BY created_at")
        assert [row["key_version"] for row in versions] == [1, 3]
        for token in (old, new):
            assert await resolve_token(provider, text(token))
        assert own_walls.target.master_keys().versions() == [1, 3]
        # Nothing needs the first version any more.
        await revoke_token(own_walls.target, old.prefix)
        await rotate_keys(own_walls.target, timedelta(0), None)
        assert own_walls.target.master_keys().versions() == [3, 4]
        assert await resolve_token(provider, text(new))


async def test_only_a_managers_own_e_mail_or_id_stands_for_them_to_an_issuer(
    walls: Walls, gateway: PostgreSQLProvider
) -> None:
    for name in MANAGERS:
        email = f"{name.split()[0].lower()}@zava.example"
        found = await resolve_subject(gateway, email.upper())
        assert found is not None and found == await resolve_subject(gateway, str(found))
        assert (await gateway.identify(str(found))).identity.name == name
    for subject in (
        "", " ", "seattle", "Zava Retail Seattle", "Sam Seattle", "head office", "sam", "sam@", "%",
        "sam@zava.example ", "ſam@zava.example", "00000000-0000-0000-0000-000000000000",
    ):  # fmt: skip
        assert await resolve_subject(gateway, subject) is None


async def test_two_managers_of_one_e_mail_are_nobody(own_walls: Walls) -> None:
    async with admin_connection(own_walls.target) as connection:
        await connection.execute(
            f'SET ROLE "{own_walls.role("owner")}"; '
            "INSERT INTO retail.managers (name, email, role) VALUES ('Twin', 'SAM@zava.example', 'head_office')"
        )
    async with opened(own_walls.target) as provider:
        assert await resolve_subject(provider, "sam@zava.example") is None


async def test_a_token_is_made_for_exactly_one_manager(walls: Walls) -> None:
    for who in ("nobody", "Zava Retail", ""):
        with pytest.raises(AuthorizationError):
            await made(walls, who)


async def test_a_token_is_revoked_by_its_prefix_its_name_or_itself_and_never_by_guess(own_walls: Walls) -> None:
    first, second, third = [await made(own_walls, name=name) for name in ("twice", "twice", "once")]
    with pytest.raises(ValidationError, match=f"{second.prefix}, {first.prefix}"):
        await revoke_token(own_walls.target, "twice")
    assert (await revoke_token(own_walls.target, first.prefix)).prefix == first.prefix
    assert (await revoke_token(own_walls.target, "twice")).prefix == second.prefix
    assert (await revoke_token(own_walls.target, text(third))).prefix == third.prefix
    for gone in ("twice", first.prefix, "", "%", prefix_of(new_token()) or ""):
        with pytest.raises(ValidationError, match="left to revoke"):
            await revoke_token(own_walls.target, gone)
    assert {token.state for token in await tokens(own_walls.target)} == {"revoked"}


@pytest.mark.parametrize("more", [
    {"expires": "0"}, {"expires": "-1d"}, {"expires": "367d"}, {"expires": "soon"}, {"scopes": []}, {"name": "  "},
    {"scopes": ["admin"]}, {"name": "x" * 101},
])  # fmt: skip
def test_a_token_that_makes_no_sense_is_not_made(more: dict[str, object]) -> None:
    with pytest.raises(PydanticError):
        TokenRequest.model_validate({"who": "seattle", **more})


async def test_a_database_without_the_migration_says_what_to_do() -> None:
    target = Target(settings_for(new_profile()))
    try:
        async with admin_connection(target, create=True):
            pass
        with pytest.raises(ConfigurationError) as caught:
            await tokens(target)
        assert caught.value.hint == "Run `zava db migrate` first."
    finally:
        await drop(target)


def test_a_token_is_not_in_what_its_objects_print() -> None:
    token = new_token()
    made = NewToken.model_validate(
        {"text": token, "prefix": token[5:13], "name": "n", "manager": "m", "scopes": ["sql"], "expires_at": 0}
    )
    assert token[14:] not in f"{made!r} {made} {made.model_dump_json()}"
