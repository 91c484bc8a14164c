"""The small known database on every kind of server, made once and read by many tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.small_data import KINDS, Walls, make_walls, remove_walls
from zava_cli.data.database import PostgreSQLProvider


@pytest.fixture(scope="session", params=KINDS)
def walls(request: pytest.FixtureRequest) -> Iterator[Walls]:
    """A known database that tests do not change."""
    walls = asyncio.run(make_walls(request.param))
    yield walls
    asyncio.run(remove_walls(walls))


@pytest.fixture
async def own_walls() -> AsyncIterator[Walls]:
    """A known database of the test's own."""
    walls = await make_walls("PostgreSQL 18")
    yield walls
    await remove_walls(walls)


@pytest.fixture
async def gateway(walls: Walls) -> AsyncIterator[PostgreSQLProvider]:
    """The gateway's pools on the known database."""
    provider = PostgreSQLProvider(walls.target)
    yield provider
    await provider.close()
