"""The index of a model: what is told of it."""

from __future__ import annotations

import asyncio
import json

from tests.command_line import CommandLine
from tests.small_shop import ADD, as_owner, until
from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target
from zava_cli.models.embed import EmbedRequest, IndexState
from zava_cli.services.embed import embed_products
from zava_cli.services.embed_models import embed_status

LOCAL = "wordllama-l2-256"
ALL = EmbedRequest()
THINGS = [f"Thing {number}" for number in range(10_000)]


async def test_status_and_migrate_say_of_a_missing_index_what_search_does_without_it(shop: Target) -> None:
    await as_owner(shop, ADD.replace("'S' ||", "'T' ||"), THINGS)
    zava = CommandLine(shop)

    async def state() -> tuple[str, bool, str]:
        told = json.loads((await asyncio.to_thread(zava, "embed", "status", "--json")).out)["models"][0]
        migrated = await asyncio.to_thread(zava, "db", "migrate")
        return told["index"], told["index_bytes"] > 0, migrated.err

    async def seen_building() -> bool:
        return (await embed_status(shop)).models[0].index is IndexState.BUILDING

    assert (await embed_products(shop, ALL)).indexed
    assert await state() == ("ready", True, "")
    index = (await as_owner(shop, "SELECT indexname FROM pg_indexes WHERE indexname ~ '^embeddings_hnsw'"))[0][0]
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
    await until(seen_building)
    assert (await run).indexed
    assert (await state())[0] == "ready"
