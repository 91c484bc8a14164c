"""Migrations: applied once, by whoever is first, refused when they changed, and without a superuser."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from pydantic import SecretStr

from tests.conftest import opened
from tests.small_data import KINDS, Walls, empty_walls, expected, fill, remove_walls
from zava_cli.data import migrate as module
from zava_cli.data.migrate import migrate, migrations, outstanding
from zava_cli.data.scram import scram_verifier
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError


@pytest.fixture(params=KINDS)
async def empty(request: pytest.FixtureRequest) -> AsyncIterator[Walls]:
    """A database of each kind before its first migration."""
    walls = await empty_walls(request.param)
    yield walls
    await remove_walls(walls)


@pytest.fixture
async def other_cluster_user() -> AsyncIterator[Walls]:
    """A database with roles of its own."""
    walls = await empty_walls("no superuser")
    yield walls
    await remove_walls(walls)


def _with(walls: Walls, **settings: object) -> Target:
    return Target(walls.target.settings.model_copy(update=settings))


async def test_migrating_twice_changes_nothing_the_second_time(empty: Walls) -> None:
    names = [migration.name for migration in migrations(empty.target.roles)]
    assert [migration.name for migration in await outstanding(empty.target)] == names
    assert await migrate(empty.target) == names
    before = await empty.as_superuser("SELECT * FROM ops.schema_migrations ORDER BY version")
    assert await migrate(empty.target) == []
    assert await outstanding(empty.target) == []
    assert await empty.as_superuser("SELECT * FROM ops.schema_migrations ORDER BY version") == before


async def test_each_kind_of_server_works_from_migration_to_answer(empty: Walls) -> None:
    await migrate(empty.target)
    await fill(empty.target)
    async with opened(empty.target) as provider:
        caller = await provider.identify("Rita Region")
        async with provider.reader(caller) as session:
            assert (await session.row("SELECT count(*) AS n FROM orders"))["n"] == expected("Rita Region", "orders")
        assert (await provider.state())["version"] == migrations(empty.target.roles)[-1].version


async def test_the_administrator_without_superuser_has_no_more_than_it_needs(other_cluster_user: Walls) -> None:
    await migrate(other_cluster_user.target)
    rows = await other_cluster_user.as_superuser(
        "SELECT rolsuper OR rolbypassrls OR rolreplication OR rolcreatedb FROM pg_roles WHERE rolname = $1",
        other_cluster_user.role("dba"),
    )
    assert not rows[0][0]
    connection = await asyncpg.connect(other_cluster_user.target.admin_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM retail.orders")
    finally:
        await connection.close()


async def test_two_processes_at_once_migrate_once(empty: Walls) -> None:
    script = (
        "import asyncio, sys; from zava_cli.data.migrate import migrate; from zava_cli.data.target import Target;"
        "from zava_cli.infra.settings import Settings;"
        "print(len(asyncio.run(migrate(Target(Settings.model_validate_json(sys.stdin.read()))))))"
    )
    settings = empty.target.settings
    plain = settings.model_dump(mode="json", exclude={"database_url", "admin_url"}, exclude_none=True)
    for name in ("database_url", "admin_url"):
        value: SecretStr | None = getattr(settings, name)
        if value is not None:
            plain[name] = value.get_secret_value()
    text = type(settings).model_validate(plain)
    assert text == settings
    processes = [
        subprocess.Popen(  # noqa: ASYNC220  # starting takes no time, waiting happens in threads
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=os.environ.copy(),
        )
        for _ in range(3)
    ]  # fmt: skip
    answers = await asyncio.gather(*(asyncio.to_thread(p.communicate, json.dumps(plain)) for p in processes))
    assert [process.returncode for process in processes] == [0, 0, 0], answers
    counts = sorted(int(out) for out, _ in answers)
    assert counts == [0, 0, len(migrations(empty.target.roles))]
    assert (await empty.as_superuser("SELECT count(*) FROM ops.schema_migrations"))[0][0] == counts[-1]


async def test_two_databases_of_one_cluster_migrate_at_the_same_moment(other_cluster_user: Walls) -> None:
    """Their roles are the same ones, since roles belong to the cluster."""
    first, second = await empty_walls("PostgreSQL 18"), await empty_walls("PostgreSQL 18")
    prefix = other_cluster_user.role("twin_")
    targets = [_with(walls, role_prefix=prefix) for walls in (first, second)]
    try:
        for found in await asyncio.gather(*(migrate(target) for target in targets)):
            assert len(found) == len(migrations(targets[0].roles))
    finally:
        await remove_walls(first)
        await remove_walls(second)


async def test_an_applied_migration_that_changed_is_refused(empty: Walls) -> None:
    await migrate(empty.target)
    await empty.as_superuser("UPDATE ops.schema_migrations SET checksum = repeat('0', 64) WHERE version = 2")
    with pytest.raises(ConfigurationError, match=r"0002_retail\.sql differs"):
        await migrate(empty.target)
    with pytest.raises(ConfigurationError, match="differs"):
        await outstanding(empty.target)


async def test_a_migration_of_a_newer_zava_is_refused(empty: Walls) -> None:
    await migrate(empty.target)
    await empty.as_superuser("INSERT INTO ops.schema_migrations VALUES (9999, '9999_future.sql', 'x')")
    with pytest.raises(ConfigurationError, match=r"9999_future\.sql") as caught:
        await migrate(empty.target)
    assert caught.value.hint == "Upgrade zava."


async def test_a_migration_that_fails_leaves_no_trace_and_the_next_run_goes_on(
    empty: Walls, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module.migrations
    broken = [*real(empty.target.roles)]
    broken[3] = replace(broken[3], sql=broken[3].sql + "\nSELECT 1/0;")
    monkeypatch.setattr(module, "migrations", lambda _: broken)
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty.target)
    done = await empty.as_superuser("SELECT max(version) FROM ops.schema_migrations")
    assert done[0][0] == 3
    assert (await empty.as_superuser("SELECT to_regnamespace('security') IS NULL"))[0][0]
    monkeypatch.setattr(module, "migrations", real)
    assert len(await migrate(empty.target)) == len(broken) - 3


async def test_the_time_zone_is_set_even_when_the_first_run_broke_off(
    empty: Walls, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _with(empty, time_zone="Europe/Berlin")
    real = module.migrations
    broken = [*real(target.roles)]
    broken[-1] = replace(broken[-1], sql="SELECT 1/0")
    monkeypatch.setattr(module, "migrations", lambda _: broken)
    with pytest.raises(Exception, match="division by zero"):
        await migrate(target)
    monkeypatch.setattr(module, "migrations", real)
    await migrate(target)
    assert (await empty.as_superuser("SELECT time_zone FROM ops.settings"))[0][0] == "Europe/Berlin"


async def test_another_login_than_the_gateway_is_refused_before_anything_is_done(other_cluster_user: Walls) -> None:
    url = other_cluster_user.target.gateway_dsn.replace(other_cluster_user.role("gateway"), "somebody")
    target = _with(other_cluster_user, database_url=SecretStr(url))
    with pytest.raises(ConfigurationError, match="must log in as"):
        await migrate(target)
    found = await other_cluster_user.as_superuser("SELECT to_regnamespace('ops') IS NULL")
    assert found[0][0]


async def test_the_gateways_password_is_stored_as_a_verifier_only(other_cluster_user: Walls) -> None:
    gateway = other_cluster_user.role("gateway")
    url = other_cluster_user.target.gateway_dsn.replace(f"{gateway}@", f"{gateway}:p%40ss%2Fword@")
    await migrate(_with(other_cluster_user, database_url=SecretStr(url)))
    rows = await other_cluster_user.as_superuser("SELECT rolpassword FROM pg_authid WHERE rolname = $1", gateway)
    stored: str = rows[0][0]
    assert stored.startswith("SCRAM-SHA-256$4096:") and "word" not in stored
    assert _verifies(stored, "p@ss/word") and not _verifies(stored, "p%40ss%2Fword")


def _verifies(verifier: str, password: str) -> bool:
    """Whether a verifier is that of the password, computed the long way of RFC 5802."""
    import base64
    import hashlib
    import hmac

    _, iterations_salt, keys = verifier.split("$")
    iterations, salt = iterations_salt.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    return base64.b64decode(keys.split(":")[0]) == hashlib.sha256(client_key).digest()


def test_a_verifier_is_salted_and_matches_its_password_only() -> None:
    one, two = scram_verifier("secret"), scram_verifier("secret")
    assert one != two
    assert _verifies(one, "secret") and _verifies(two, "secret") and not _verifies(one, "Secret")


async def test_the_data_lies_behind_its_owner_not_behind_who_migrated(empty: Walls) -> None:
    await migrate(empty.target)
    rows = await empty.as_superuser(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace::regnamespace::text"
        " IN ('retail', 'ops', 'security')"
    )
    assert {row[0] for row in rows} == {empty.role("owner"), empty.role("security")}
