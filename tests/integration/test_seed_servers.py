"""The same data on every kind of server that zava supports."""

from __future__ import annotations

from datetime import date

from tests.small_data import KINDS, empty_walls, remove_walls
from zava_cli.data.migrate import migrate
from zava_cli.models.seed import SeedRequest
from zava_cli.services.seed.seed import seed_database

SMALL = SeedRequest(seed=7, until=date(2022, 3, 1), customers=200)


async def test_a_seed_means_the_same_data_on_every_server_and_again_after_a_reset() -> None:
    hashes: set[str | None] = set()
    for kind in KINDS:
        walls = await empty_walls(kind)
        try:
            await migrate(walls.target)
            hashes.add((await seed_database(walls.target, SMALL)).content_hash)
            hashes.add((await seed_database(walls.target, SMALL.model_copy(update={"reset": True}))).content_hash)
        finally:
            await remove_walls(walls)
    assert len(hashes) == 1
