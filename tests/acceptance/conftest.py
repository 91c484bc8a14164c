"""The small known database, asked on the command line by many tests and changed by none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.command_line import CommandLine
from tests.conftest import drop, new_profile, settings_for
from tests.small_data import Walls, fill, make_walls, remove_walls
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target


@pytest.fixture(scope="session")
def database() -> Iterator[Walls]:
    """A database whose rows are known."""
    walls = asyncio.run(make_walls("PostgreSQL 18"))
    yield walls
    asyncio.run(remove_walls(walls))


@pytest.fixture
def seattle(database: Walls) -> CommandLine:
    """The command line of a store manager."""
    return CommandLine(database.target, "seattle")


@pytest.fixture
def head_office(database: Walls) -> CommandLine:
    """The command line of the analyst who sees every store."""
    return CommandLine(database.target, "head office")


@pytest.fixture
async def shop() -> AsyncIterator[Target]:
    """The small known database, with nothing in its log."""
    target = Target(settings_for(new_profile()))
    await migrate(target)
    await fill(target)
    yield target
    await drop(target)
