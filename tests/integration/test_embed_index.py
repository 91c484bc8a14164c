"""The index of a model: what is told of it, and that search goes on while another one is built."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.backends import PATIENCE, deaf
from tests.command_line import CommandLine
from tests.conftest import opened
from tests.integration.test_search import find
from tests.small_shop import ADD, as_owner, until
from zava_cli.data import embed_index
from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target
from zava_cli.models.embed import EmbedRequest, IndexState
from zava_cli.services.embed import embed_products
from zava_cli.services.embed_models import embed_status

LOCAL = "wordllama-l2-256"
ALL = EmbedRequest()
THINGS = [f"Thing {number}" for number in range(10_000)]

INDEXES = "SELECT indexname FROM pg_indexes WHERE indexname ~ '^embeddings_hnsw'"


async def _is_building(target: Target) -> bool:
    return (await embed_status(target)).models[0].index is IndexState.BUILDING


async def test_status_and_migrate_say_of_a_missing_index_what_search_does_without_it(shop: Target) -> None:
    await as_owner(shop, ADD.replace("'S' ||", "'T' ||"), THINGS)
    zava = CommandLine(shop)

    async def state() -> tuple[str, bool, str]:
        told = json.loads((await asyncio.to_thread(zava, "embed", "status", "--json")).out)["models"][0]
        migrated = await asyncio.to_thread(zava, "db", "migrate")
        return told["index"], told["index_bytes"] > 0, migrated.err

    assert (await embed_products(shop, ALL)).indexed
    assert await state() == ("ready", True, "")
    index = (await as_owner(shop, INDEXES))[0][0]
    lacking = f"{LOCAL} has 10,006 vectors; they have no index, and search compares them all. Run `zava embed`.\n"
    async with admin_connection(shop) as connection:
        await connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::regclass", f"retail.{index}"
        )
        assert await state() == ("invalid", True, lacking)
        await connection.execute(f"DROP INDEX retail.{index}")
    assert await state() == ("missing", False, lacking)
    shown = await asyncio.to_thread(zava, "embed", "status")
    assert (" missing" in shown.out, shown.err) == (True, lacking)
    run = asyncio.create_task(embed_products(shop, ALL))
    await until(lambda: _is_building(shop))
    assert (await run).indexed
    assert (await state())[0] == "ready"


async def test_search_goes_on_while_an_index_is_built_anew_and_status_says_how_far_it_is(
    seeded_copy: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    await as_owner(seeded_copy, ADD.replace("'S' ||", "'T' ||"), THINGS)
    await embed_products(seeded_copy, ALL)
    ((index,),) = await as_owner(seeded_copy, INDEXES)
    # As an interrupted build leaves it.
    await as_owner(seeded_copy, f"CREATE INDEX {index}_new ON product_description_embeddings (last_updated)")
    monkeypatch.setattr(embed_index, "MANY", 1)
    run = asyncio.create_task(embed_products(seeded_copy, ALL))
    await until(lambda: _is_building(seeded_copy))
    async with opened(seeded_copy) as provider, admin_connection(seeded_copy) as connection:
        with deaf(
            await connection.fetchval(
                "SELECT pid FROM pg_stat_progress_create_index WHERE datname = current_database()"
            )
        ):
            model = (await embed_status(seeded_copy)).models[0]
            assert model.index is IndexState.BUILDING
            assert model.index_progress is not None and model.index_progress < 1
            async with asyncio.timeout(PATIENCE):
                found = await find(
                    provider, await provider.identify("seattle"), "a thing for the house", mode="semantic"
                )
    assert found.hits
    assert (await run).indexed
    assert await as_owner(seeded_copy, INDEXES) == [(index,)]
