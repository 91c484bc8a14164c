"""A real PostgreSQL for every test run: one embedded server, one seeded template, clones where a test writes."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from zava_cli.data.admin import admin_connection
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embedded import EmbeddedServer
from zava_cli.data.keys import register_keys
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings

ROOT = "ZAVA_TESTS_ROOT"
SEED = 42
UNTIL = "2026-06-30"
CUSTOMERS = 3_000
TEMPLATE = "template"
_numbers = count()


def pytest_configure(config: pytest.Config) -> None:
    """The folder of this run's server, made once and shared by all workers."""
    _let_children_hear_signals()
    if ROOT not in os.environ:
        # A short path, since a socket's path may not be long, which every system user can pass through.
        folder = Path(tempfile.mkdtemp(prefix="zava-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None))
        folder.chmod(0o711)
        os.environ[ROOT] = str(folder)
        config.stash[_OWNED] = folder
    for name in [name for name in os.environ if name.startswith("ZAVA_") and name != ROOT]:
        del os.environ[name]
    for name in ("OPENAI_API_KEY", "COLUMNS", "LINES"):
        os.environ.pop(name, None)
    os.environ |= {"ZAVA_DATA_DIR": str(root() / "d"), "XDG_CONFIG_HOME": str(root() / "config"), "NO_COLOR": "1"}


def _let_children_hear_signals() -> None:
    """Whoever runs the tests in the background has SIGINT or SIGHUP ignored, and processes inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
            # Ignored by a handler of this process alone: a new program starts with the default again.
            signal.signal(number, lambda *_: None)


_OWNED = pytest.StashKey[Path]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops this run's servers and removes their folder."""
    folder = config.stash.get(_OWNED, None)
    if folder is not None:
        for version in (16, 18):
            EmbeddedServer(folder / "d", version).stop()
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ[ROOT]


def pytest_report_header() -> str:
    """What is really tested."""
    return f"embedded PostgreSQL 16 and 18 in {root()}"


def root() -> Path:
    """Folder of this test run."""
    return Path(os.environ[ROOT])


def new_profile() -> str:
    """A profile, and thereby a database, of a test's own."""
    return f"t{os.getpid()}-{next(_numbers)}"


def settings_for(profile: str, version: int = 18) -> Settings:
    """Settings of a profile in this run's folder."""
    return Settings.model_validate({"profile": profile, "data_dir": root() / "d", "postgres_version": version})


async def drop(target: Target) -> None:
    """Removes a test's database and key."""
    other = Target(settings_for("default", target.settings.postgres_version))
    async with admin_connection(other, create=True) as connection:
        await connection.execute(f'DROP DATABASE IF EXISTS "{target.embedded_database}" WITH (FORCE)')
    target.key_file.unlink(missing_ok=True)


async def seeded_template(version: int) -> Target:
    """The migrated, seeded and embedded database that tests clone; made by whichever worker comes first."""
    from zava_cli.models.embed import EmbedRequest
    from zava_cli.models.seed import SeedRequest
    from zava_cli.services.embed import embed_products
    from zava_cli.services.seed.seed import seed_database

    target = Target(settings_for(TEMPLATE, version))
    done = root() / f"template-{version}.done"
    with FileLock(root() / f"template-{version}.lock"):
        if not done.exists():
            await migrate(target)
            await seed_database(target, SeedRequest(seed=SEED, until=UNTIL, customers=CUSTOMERS))
            await embed_products(target, EmbedRequest())
            done.touch()
    return target


async def clone(version: int = 18) -> Target:
    """A copy of the template with keys of its own."""
    template = await seeded_template(version)
    target = Target(settings_for(new_profile(), version))
    other = Target(settings_for("default", version))
    with FileLock(root() / "clone.lock"):
        async with admin_connection(other, create=True) as connection:
            await connection.execute(
                f'CREATE DATABASE "{target.embedded_database}" TEMPLATE "{template.embedded_database}"'
            )
    async with admin_connection(target) as connection:
        await register_keys(connection, target)
    return target


@asynccontextmanager
async def opened(target: Target, **more: Any) -> AsyncIterator[PostgreSQLProvider]:
    """The gateway's pools on a database, for the block."""
    provider = PostgreSQLProvider(target, **more)
    try:
        yield provider
    finally:
        await provider.close()


@pytest.fixture(scope="session")
def seeded(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The session's seeded database on PostgreSQL 18, for tests that only read."""
    import asyncio

    target = asyncio.run(clone(18))
    yield target
    asyncio.run(drop(target))


@pytest.fixture
def target(seeded: Target) -> Target:
    """A seeded database, for tests that only read."""
    return seeded


@pytest.fixture
async def seeded_copy() -> AsyncIterator[Target]:
    """A seeded database of the test's own, to write to."""
    target = await clone()
    yield target
    await drop(target)


@pytest.fixture
async def fresh_target() -> AsyncIterator[Target]:
    """A migrated, empty database of the test's own."""
    target = Target(settings_for(new_profile()))
    await migrate(target)
    yield target
    await drop(target)


@pytest.fixture
async def provider(target: Target) -> AsyncIterator[PostgreSQLProvider]:
    """The gateway's pools on the seeded database."""
    async with opened(target) as provider:
        yield provider


@pytest.fixture
async def seattle(provider: PostgreSQLProvider) -> Caller:
    """The manager of one store."""
    return await provider.identify("seattle")


@pytest.fixture
async def region(provider: PostgreSQLProvider) -> Caller:
    """A manager of several stores."""
    async with admin_connection(provider.target) as connection:
        name = await connection.fetchval("SELECT min(name) FROM retail.managers WHERE role = 'regional_manager'")
    return await provider.identify(name)


@pytest.fixture
async def head_office(provider: PostgreSQLProvider) -> Caller:
    """The analyst who sees every store."""
    async with admin_connection(provider.target) as connection:
        name = await connection.fetchval("SELECT min(name) FROM retail.managers WHERE role = 'head_office'")
    return await provider.identify(name)
