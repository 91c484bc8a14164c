"""Keys in the database: good for one database and one manager, and replaced in a copy."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from tests.attacks import genuine, seen
from tests.conftest import new_profile, opened, settings_for
from tests.signing_keys import identified
from tests.small_data import MANAGERS, Walls, expected
from zava_cli.data.admin import admin_connection
from zava_cli.data.embedded import SUPERUSER
from zava_cli.data.keys import register_keys, rotate_keys
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError
from zava_cli.infra.keys import manager_key


@pytest.fixture
async def copy(own_walls: Walls) -> AsyncIterator[Walls]:
    """A place for a copy of the database, on a machine with the same key file."""
    target = Target(settings_for(new_profile()))
    server = own_walls.target.embedded
    assert server is not None
    admin = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    target.key_file.write_text(own_walls.target.key_file.read_text())
    target.key_file.chmod(0o600)
    yield Walls("copy", target, server.dsn(SUPERUSER, target.embedded_database))
    await admin.execute(f'DROP DATABASE IF EXISTS "{target.embedded_database}" WITH (FORCE)')
    await admin.close()
    target.key_file.unlink(missing_ok=True)


async def as_template(original: Walls, copy: Walls) -> None:
    """Copies a database inside its server, as administrators do."""
    assert original.target.embedded is not None
    admin = await asyncpg.connect(original.target.embedded.dsn(SUPERUSER, "postgres"))
    names = copy.target.embedded_database, original.target.embedded_database
    await admin.execute('CREATE DATABASE "{}" TEMPLATE "{}"'.format(*names))
    await admin.close()


async def from_dump(original: Walls, copy: Walls) -> None:
    """Dumps a database and restores it under another name."""
    server = original.target.embedded
    assert server is not None

    def run(program: str, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run([server.programs / program, *arguments], input=given, capture_output=True, check=True)
        return done.stdout

    dump = await asyncio.to_thread(run, "pg_dump", "--format=custom", original.superuser_dsn)
    await asyncio.to_thread(
        run, "psql", server.dsn(SUPERUSER, "postgres"), "-qc", f'CREATE DATABASE "{copy.target.embedded_database}"'
    )
    await asyncio.to_thread(run, "pg_restore", "--exit-on-error", "-d", copy.superuser_dsn, given=dump)


@pytest.mark.parametrize("copied", [as_template, from_dump])
@pytest.mark.parametrize("rotations", [0, 2])
async def test_a_copy_of_the_database_takes_no_context_until_it_has_keys_of_its_own(
    own_walls: Walls, copy: Walls, copied: object, rotations: int
) -> None:
    for _ in range(rotations):
        await rotate_keys(own_walls.target, timedelta(hours=1), None)
    copy.target.key_file.write_text(own_walls.target.key_file.read_text())
    caller = await identified(own_walls.target)
    await copied(own_walls, copy)  # type: ignore[operator]
    with pytest.raises(AuthorizationError, match="no key in the database yet"):
        await identified(copy.target)
    line = await asyncpg.connect(copy.target.gateway_dsn)
    there = await asyncpg.connect(own_walls.target.gateway_dsn)
    try:
        here = replace(caller, database_identity=await _identity(copy))
        for foreign in (caller, here):
            # The second is what a manager's own key of the original would sign for the copy.
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
                await seen(line, copy, genuine(foreign, line))
        await migrate(copy.target)
        async with admin_connection(copy.target) as connection:
            assert await register_keys(connection, copy.target) == 0
        own = await identified(copy.target)
        assert (own.key_version, own.key != caller.key) == (rotations + 1, True)
        assert await seen(line, copy, genuine(own, line)) == expected("Sam Seattle", "orders")
        for foreign in (caller, here):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
                await seen(line, copy, genuine(foreign, line))
        # The other way round: what the copy's owner signs is worth nothing in the original.
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
            await seen(there, own_walls, genuine(own, there))
        assert await seen(there, own_walls, genuine(caller, there)) == expected("Sam Seattle", "orders")
    finally:
        await line.close()
        await there.close()


async def _identity(walls: Walls) -> str:
    return (await walls.as_superuser("SELECT security.database_identity()"))[0][0]


async def test_the_database_holds_no_key_that_signs_for_another_database(walls: Walls) -> None:
    rows = await walls.as_superuser("SELECT manager_id, inner_pad, database_identity FROM security.manager_keys")
    master = walls.target.master_keys().by_version()[1]
    assert len(rows) == len(MANAGERS)
    for row in rows:
        block = bytes(byte ^ 0x36 for byte in row["inner_pad"])
        assert block[:32] == manager_key(master, row["manager_id"], row["database_identity"])
        assert block[:32] != manager_key(master, row["manager_id"], "another database")
        assert master not in block


async def test_a_manager_without_a_key_is_told_the_way_out(own_walls: Walls) -> None:
    async with admin_connection(own_walls.target) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{own_walls.role("security")}"')
        await connection.execute("DELETE FROM security.manager_keys")
    async with opened(own_walls.target) as provider:
        with pytest.raises(AuthorizationError) as caught:
            await provider.identify("Sam Seattle")
        assert caught.value.hint is not None and "zava db migrate" in caught.value.hint
