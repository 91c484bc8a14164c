"""The small known database for the tests of whoever calls over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.small_data import Walls, make_walls, remove_walls


@pytest.fixture(scope="module")
def walls() -> Iterator[Walls]:
    """A known database whose managers have e-mail addresses."""
    walls = asyncio.run(make_walls("PostgreSQL 18"))
    yield walls
    asyncio.run(remove_walls(walls))
