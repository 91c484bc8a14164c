"""Key rotation: a new version for everybody, the old one for as long as was said, and never a way to lock all out."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from tests.attacks import genuine, seen
from tests.command_line import ZAVA
from tests.conftest import opened
from tests.signing_keys import HOUR, OWN_ORDERS, file_versions, holding, identified, let_end, orders
from tests.small_data import MANAGERS, Walls
from zava_cli.data.admin import admin_connection
from zava_cli.data.keys import register_keys, rotate_keys
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.keys import MasterKeys, new_key
from zava_cli.infra.manager_key import ManagerKey
from zava_cli.services.security_keys import issue_key


async def test_contexts_name_the_new_version_and_the_old_one_is_accepted_until_its_end(any_walls: Walls) -> None:
    line = await asyncpg.connect(any_walls.target.gateway_dsn)
    try:
        first = await identified(any_walls.target)
        done = await rotate_keys(any_walls.target, HOUR, None)
        assert (done.version, done.managers, list(done.ending)) == (2, len(MANAGERS), [1])
        second = await identified(any_walls.target)
        assert (first.key_version, second.key_version) == (1, 2)
        for caller in (first, second):
            assert genuine(caller, line).startswith(f"{caller.key_version}.")
            assert await seen(line, any_walls, genuine(caller, line)) == OWN_ORDERS
        await let_end(any_walls, 1)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="a key that is no longer accepted"):
            await seen(line, any_walls, genuine(first, line))
        assert await seen(line, any_walls, genuine(second, line)) == OWN_ORDERS
    finally:
        await line.close()


async def test_without_overlap_the_old_key_is_worthless_at_once(any_walls: Walls) -> None:
    line = await asyncpg.connect(any_walls.target.gateway_dsn)
    try:
        first = await identified(any_walls.target)
        assert (await rotate_keys(any_walls.target, timedelta(0), None)).ending == {}
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
            await seen(line, any_walls, genuine(first, line))
        assert await seen(line, any_walls, genuine(await identified(any_walls.target), line)) == OWN_ORDERS
        assert file_versions(any_walls) == [2]
        rows = await any_walls.as_superuser("SELECT DISTINCT version, valid_until FROM security.manager_keys")
        assert [tuple(row) for row in rows] == [(2, None)]
    finally:
        await line.close()


async def test_versions_that_have_ended_leave_the_database_and_the_key_file(any_walls: Walls) -> None:
    await rotate_keys(any_walls.target, HOUR, None)
    await rotate_keys(any_walls.target, 2 * HOUR, None)
    assert file_versions(any_walls) == [1, 2, 3]
    await let_end(any_walls, 1)
    async with admin_connection(any_walls.target) as connection:
        await register_keys(connection, any_walls.target)
    assert file_versions(any_walls) == [2, 3]
    await let_end(any_walls, 2)
    await rotate_keys(any_walls.target, HOUR, None)
    assert file_versions(any_walls) == [3, 4]
    rows = await any_walls.as_superuser("SELECT DISTINCT version FROM security.manager_keys ORDER BY 1")
    assert [row["version"] for row in rows] == [3, 4]
    assert (await identified(any_walls.target)).key_version == 4


async def test_a_later_rotation_never_prolongs_an_end_that_was_set(own_walls: Walls) -> None:
    (first,) = (await rotate_keys(own_walls.target, HOUR, None)).ending.values()
    ending = (await rotate_keys(own_walls.target, 10 * HOUR, None)).ending
    assert ending[1] == first < ending[2]


async def test_a_manager_who_comes_later_gets_keys_of_every_version_that_is_still_accepted(any_walls: Walls) -> None:
    old = dict(any_walls.target.master_keys().by_version())
    await rotate_keys(any_walls.target, HOUR, None)
    await any_walls.as_superuser(
        "INSERT INTO retail.managers (name, email, role) VALUES ('Nora New', 'nora@zava.example', 'head_office')"
    )
    async with admin_connection(any_walls.target) as connection:
        assert await register_keys(connection, any_walls.target) == 2
        assert await register_keys(connection, any_walls.target) == 0
    assert (await identified(any_walls.target, "Nora New")).key_version == 2
    assert (await identified(holding(any_walls, old), "Nora New")).key_version == 1
    ends = await any_walls.as_superuser(
        "SELECT version, count(DISTINCT valid_until) FROM security.manager_keys GROUP BY 1"
    )
    assert dict(map(tuple, ends)) == {1: 1, 2: 0}


async def test_a_machine_without_the_key_registers_nobody_and_makes_no_key_of_its_own(own_walls: Walls) -> None:
    await own_walls.as_superuser(
        "INSERT INTO retail.managers (name, email, role) VALUES ('Nora New', 'nora@zava.example', 'head_office')"
    )
    own_walls.target.key_file.rename(hidden := own_walls.target.key_file.with_suffix(".hidden"))
    async with admin_connection(own_walls.target) as connection:
        with pytest.raises(ConfigurationError, match="does not hold the key") as caught:
            await register_keys(connection, own_walls.target)
        assert "rotate-key" in str(caught.value.hint)
        assert not own_walls.target.key_file.exists()
        with pytest.raises(ConfigurationError, match="does not hold the key"):
            await register_keys(connection, holding(own_walls, {1: new_key()}))
    hidden.unlink()


async def test_a_lost_key_is_replaced_by_a_rotation(own_walls: Walls) -> None:
    own_walls.target.key_file.unlink()
    assert (await rotate_keys(own_walls.target, timedelta(0), None)).version == 2
    async with opened(own_walls.target) as provider:
        assert await orders(provider, await provider.identify("Sam Seattle")) == OWN_ORDERS


async def test_the_key_file_is_replaced_as_a_whole_and_stays_private(own_walls: Walls) -> None:
    before = own_walls.target.key_file.stat()
    await rotate_keys(own_walls.target, HOUR, None)
    after = own_walls.target.key_file.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_ino != before.st_ino) == (0o600, True)
    folder = own_walls.target.key_file.parent
    assert not [path for path in folder.iterdir() if path.name.startswith(f".{own_walls.target.key_file.name}")]
    assert own_walls.target.key_file.read_text().splitlines()[-1].startswith("2:")


async def test_a_rotation_that_is_killed_halfway_locks_nobody_out_and_the_next_one_ends_well(any_walls: Walls) -> None:
    target = any_walls.target
    blocker = await asyncpg.connect(any_walls.superuser_dsn)
    environment = _as_environment(target)
    try:
        async with blocker.transaction():
            # The rotation comes as far as the key file and then waits.
            await blocker.execute("LOCK TABLE security.manager_keys IN SHARE MODE")
            process = await asyncio.create_subprocess_exec(
                *ZAVA, "security", "rotate-key", env=environment,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            while file_versions(any_walls) != [1, 2]:
                assert process.returncode is None, await process.communicate()
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            assert (await identified(target)).key_version == 1
        async with opened(target) as provider:
            assert await orders(provider, await provider.identify("Sam Seattle")) == OWN_ORDERS
        abandoned = MasterKeys(None, target.key_file).by_version()[2]
        assert (await rotate_keys(target, HOUR, None)).version == 3
        # A key that lay about since an accident is not taken up again.
        assert file_versions(any_walls) == [1, 3]
        assert abandoned not in MasterKeys(None, target.key_file).by_version().values()
        assert (await identified(target)).key_version == 3
    finally:
        await blocker.close()


async def test_a_key_that_the_database_does_not_know_is_never_signed_with(own_walls: Walls) -> None:
    """Left by a rotation that was killed here, while another machine's got the same number."""
    keys = dict(own_walls.target.master_keys().by_version())
    own_walls.target.master_keys().write({**keys, 2: new_key(), 7: new_key()})
    assert (await identified(own_walls.target)).key_version == 1
    await rotate_keys(holding(own_walls, keys), HOUR, own_walls.target.key_file.with_suffix(".other"))
    assert (await identified(own_walls.target)).key_version == 1
    own_walls.target.key_file.with_suffix(".other").replace(own_walls.target.key_file)
    assert (await identified(own_walls.target)).key_version == 2


async def test_two_rotations_at_once_both_end_well(own_walls: Walls) -> None:
    done = await asyncio.gather(*(rotate_keys(own_walls.target, HOUR, None) for _ in range(2)))
    assert sorted(d.version for d in done) == [2, 3]
    assert file_versions(own_walls) == [1, 2, 3]
    assert (await identified(own_walls.target)).key_version == 3


async def test_with_one_managers_key_no_context_can_be_made_for_another(any_walls: Walls, tmp_path: Path) -> None:
    issue_key(await identified(any_walls.target), tmp_path / "own.key", None)
    own = ManagerKey.model_validate_json((tmp_path / "own.key").read_text())
    sam, hedda = await identified(any_walls.target), await identified(any_walls.target, "Hedda Office")
    line = await asyncpg.connect(any_walls.target.gateway_dsn)
    try:
        assert bytes.fromhex(own.key.get_secret_value()) == sam.key
        forged = replace(hedda, key=sam.key, key_version=own.key_version)
        for role in ("head_office", "store_managers"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not valid"):
                await seen(line, any_walls, genuine(forged, line), role)
        # The role of somebody who sees more does not help: the signature alone says whose rows.
        assert await seen(line, any_walls, genuine(sam, line), "head_office") == 0
    finally:
        await line.close()


async def test_a_key_from_the_environment_goes_into_the_file_that_is_named_and_works_from_there(
    own_walls: Walls, tmp_path: Path
) -> None:
    before = holding(own_walls, dict(own_walls.target.master_keys().by_version()))
    new = tmp_path / "new.key"
    assert (await rotate_keys(before, HOUR, new)).version == 2
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    after = Target(own_walls.target.settings.model_copy(update={"master_key": SecretStr(new.read_text())}))
    assert [(await identified(t)).key_version for t in (before, after)] == [1, 2]
    with pytest.raises(ConfigurationError, match="exists already"):
        await rotate_keys(after, HOUR, new)
    assert (await identified(after)).key_version == 2
    await let_end(own_walls, 1)
    await rotate_keys(after, HOUR, tmp_path / "newer.key")
    assert MasterKeys(None, tmp_path / "newer.key").versions() == [2, 3]


def _as_environment(target: Target) -> dict[str, str]:
    settings = target.settings
    found = {"ZAVA_PROFILE": settings.profile, "ZAVA_POSTGRES_VERSION": str(settings.postgres_version),
             "ZAVA_ROLE_PREFIX": settings.role_prefix}  # fmt: skip
    for name in ("database_url", "admin_url"):
        secret: SecretStr | None = getattr(settings, name)
        if secret is not None:
            found[f"ZAVA_{name.upper()}"] = secret.get_secret_value()
    return {**os.environ, **found}
