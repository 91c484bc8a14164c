"""The small known database on every kind of server, made once and read by many tests; and places for servers."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import opened
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.own_server import SmallDisk, remove, short_folder
from tests.small_data import KINDS, Walls, make_walls, remove_walls
from tests.small_shop import ADD, NAMES, as_owner
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embedded import EmbeddedServer
from zava_cli.data.target import Target
from zava_cli.infra.errors import DatabaseUnavailableError
from zava_cli.models.embed import EmbedRequest
from zava_cli.services.embed import embed_products


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
def own_roles() -> Iterator[Walls]:
    """A known database of the test's own whose roles are too; else all databases of a server share them."""
    walls = asyncio.run(make_walls("no superuser"))
    yield walls
    asyncio.run(remove_walls(walls))


@pytest.fixture(params=KINDS)
async def any_walls(request: pytest.FixtureRequest) -> AsyncIterator[Walls]:
    """A known database of the test's own, of each kind."""
    walls = await make_walls(request.param)
    yield walls
    await remove_walls(walls)


@pytest.fixture
async def gateway(walls: Walls) -> AsyncIterator[PostgreSQLProvider]:
    """The gateway's pools on the known database."""
    async with opened(walls.target) as provider:
        yield provider


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty data directory; what runs in it is stopped afterwards."""
    folder = short_folder()
    yield folder
    remove(folder)


@pytest.fixture
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A disk that can be filled; mounting one takes root."""
    disk = SmallDisk(folder / "disk")
    try:
        disk.resize(20)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a tmpfs needs root with CAP_SYS_ADMIN")
    yield disk
    with suppress(DatabaseUnavailableError):
        EmbeddedServer(disk.place / "d", 18).stop()
    subprocess.run(["umount", "--lazy", disk.place], check=True)


@pytest.fixture
async def shop(fresh_target: Target) -> Target:
    """A catalogue of six products that nobody has embedded."""
    await as_owner(fresh_target, ADD, NAMES)
    return fresh_target


@pytest.fixture
async def embedded(shop: Target) -> Target:
    """The same with vectors of the local model, all of them right."""
    await embed_products(shop, EmbedRequest())
    return shop


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    """An embedding provider."""
    with embedding_server() as running:
        yield running
