"""The small known database, asked on the command line by many tests and changed by none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.command_line import CommandLine
from tests.small_data import Walls, make_walls, remove_walls


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
