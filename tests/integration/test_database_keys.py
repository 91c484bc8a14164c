"""Keys in the database: good for one database and one manager, and replaced in a copy."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from tests.attacks import genuine, seen
from tests.conftest import new_profile, settings_for
from tests.small_data import Walls, expected
from zava_cli.data.admin import admin_connection, register_keys
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError
from zava_cli.infra.keys import manager_key


async def test_a_copy_of_the_database_takes_no_context_until_it_has_keys_of_its_own(own_walls: Walls) -> None:
    original = PostgreSQLProvider(own_walls.target)
    caller = await original.identify("Sam Seattle")
    await original.close()
    copy = Target(settings_for(new_profile()))
    copied = Walls("copy", copy, own_walls.superuser_dsn.replace(own_walls.target.embedded_database,
                                                                 copy.embedded_database))  # fmt: skip
    assert own_walls.target.embedded is not None
    admin = await asyncpg.connect(own_walls.target.embedded.dsn("postgres", "postgres"))
    provider = PostgreSQLProvider(copy)
    try:
        await admin.execute(
            f'CREATE DATABASE "{copy.embedded_database}" TEMPLATE "{own_walls.target.embedded_database}"'
        )
        copy.key_file.write_text(own_walls.target.key_file.read_text())
        copy.key_file.chmod(0o600)
        here = await provider.identify("Sam Seattle")
        assert here.database_identity != caller.database_identity and here.key != caller.key
        line = await asyncpg.connect(copy.gateway_dsn)
        for foreign in (caller, here):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
                await seen(line, copied, genuine(foreign, line))
        async with admin_connection(copy) as connection:
            assert await register_keys(connection, copy) == 5
            assert await register_keys(connection, copy) == 0
        assert await seen(line, copied, genuine(here, line)) == expected("Sam Seattle", "orders")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
            await seen(line, copied, genuine(caller, line))
        # The other way round: what the copy's owner signs is worth nothing in the original.
        line_there = await asyncpg.connect(own_walls.target.gateway_dsn)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
            await seen(line_there, own_walls, genuine(here, line_there))
        await line.close()
        await line_there.close()
    finally:
        await provider.close()
        await admin.execute(f'DROP DATABASE IF EXISTS "{copy.embedded_database}" WITH (FORCE)')
        await admin.close()
        copy.key_file.unlink(missing_ok=True)


async def test_the_database_holds_no_key_that_signs_for_another_database(walls: Walls) -> None:
    rows = await walls.as_superuser("SELECT manager_id, inner_pad, database_identity FROM security.manager_keys")
    master = walls.target.master_key()
    for row in rows:
        block = bytes(byte ^ 0x36 for byte in row["inner_pad"])
        assert block[:32] == manager_key(master, row["manager_id"], row["database_identity"])
        assert block[:32] != manager_key(master, row["manager_id"], "another database")
        assert master not in block


async def test_a_second_key_version_is_signed_with_and_the_first_still_verifies(own_walls: Walls) -> None:
    provider = PostgreSQLProvider(own_walls.target)
    line = await asyncpg.connect(own_walls.target.gateway_dsn)
    try:
        first = await provider.identify("Sam Seattle")
        async with admin_connection(own_walls.target) as connection, connection.transaction():
            await connection.execute(f'SET LOCAL ROLE "{own_walls.role("security")}"')
            await connection.execute(
                "INSERT INTO security.manager_keys (manager_id, version, inner_pad, outer_pad, database_identity)"
                " SELECT manager_id, 2, outer_pad, inner_pad, database_identity FROM security.manager_keys"
            )
        assert (await provider.identify("Sam Seattle")).key_version == 2
        assert await seen(line, own_walls, genuine(first, line)) == expected("Sam Seattle", "orders")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
            await seen(line, own_walls, genuine(replace(first, key_version=2), line))
    finally:
        await line.close()
        await provider.close()


async def test_a_manager_without_a_key_is_told_the_way_out(own_walls: Walls) -> None:
    async with admin_connection(own_walls.target) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{own_walls.role("security")}"')
        await connection.execute("DELETE FROM security.manager_keys")
    provider = PostgreSQLProvider(own_walls.target)
    try:
        with pytest.raises(AuthorizationError) as caught:
            await provider.identify("Sam Seattle")
        assert caught.value.hint is not None and "zava db migrate" in caught.value.hint
    finally:
        await provider.close()
