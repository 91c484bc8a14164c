"""Embedding the catalogue: what is embedded, what survives an interrupt, and when search changes its model."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.command_line import CommandLine
from tests.embedding_server import EmbeddingServer
from tests.small_data import Walls
from tests.small_shop import ADD, NAMES, active, as_owner, queued, remote, until, vectors
from zava_cli.data import embed_index
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.embed import ProductRow, embedding_store
from zava_cli.data.search import nearest_statement
from zava_cli.data.target import Target
from zava_cli.infra.errors import DatabaseUnavailableError, EmbeddingError
from zava_cli.models.embed import EmbedReport, EmbedRequest
from zava_cli.services.embed import embed_products, product_text
from zava_cli.services.embed_models import embed_status
from zava_cli.services.embed_queue import drain_queue
from zava_cli.services.embedding import embedder_from_settings


async def test_each_product_gets_the_vector_of_its_text(shop: Target) -> None:
    report = await embed_products(shop, EmbedRequest(batch=4))
    assert (report.embedded, report.unchanged, report.activated) == (6, 0, True)
    embedder = embedder_from_settings(shop.settings)
    expected = await embedder.embed_documents(["claw hammer. kinds. tools. for the house"])
    row = (await vectors(shop))[report.model, "Claw hammer"]
    assert np.array_equal(row["description_embedding"].to_numpy(), expected[0])
    assert row["dimensions"] == report.dimensions == 256
    await embedder.aclose()


async def test_the_text_of_a_product_is_in_lower_case() -> None:
    row = ProductRow(None, "S1", "Maul, 8 lb", "HAMMERS", "HAND TOOLS", "Splits logs.", None, None)  # type: ignore[arg-type]
    assert product_text(row) == "maul, 8 lb. hammers. hand tools. splits logs."


async def test_a_second_run_embeds_only_what_is_new_or_changed(shop: Target) -> None:
    first = await embed_products(shop, EmbedRequest())
    before = await vectors(shop)
    await as_owner(shop, "UPDATE products SET description = 'Rings well' WHERE name = 'Claw hammer'")
    await as_owner(shop, "UPDATE products SET price = 6 WHERE name = 'Ladder'")
    await as_owner(shop, "UPDATE products SET sku = 'X' || sku")
    await as_owner(shop, ADD, ["Spade"])
    report = await embed_products(shop, EmbedRequest(batch=2))
    assert (report.products, report.embedded, report.unchanged, report.activated) == (7, 2, 5, False)
    after = await vectors(shop)
    changed = {name for (model, name), row in after.items() if row != before.get((model, name))}
    assert changed == {"Claw hammer", "Spade"}
    assert after[first.model, "Claw hammer"]["content_hash"] != before[first.model, "Claw hammer"]["content_hash"]


async def test_all_embeds_what_did_not_change_as_well(shop: Target) -> None:
    await embed_products(shop, EmbedRequest())
    report = await embed_products(shop, EmbedRequest(all=True))
    assert (report.embedded, report.unchanged) == (6, 0)


async def test_a_deleted_product_takes_its_vector_along(shop: Target) -> None:
    await embed_products(shop, EmbedRequest())
    await as_owner(shop, "DELETE FROM products WHERE name = 'Ladder'")
    assert len(await vectors(shop)) == 5


async def test_an_empty_catalogue_is_no_error_and_activates_nothing(fresh_target: Target) -> None:
    report = await embed_products(fresh_target, EmbedRequest())
    assert (report.products, report.embedded, report.activated) == (0, 0, False)


async def test_another_model_is_embedded_beside_the_first_which_goes_on_to_serve(
    shop: Target, server: EmbeddingServer
) -> None:
    local = await embed_products(shop, EmbedRequest())
    report = await embed_products(remote(shop, server), EmbedRequest())
    assert (report.model, report.dimensions, report.activated) == ("test-model", 64, False)
    assert await active(shop) == [local.model]
    assert {model for model, _ in await vectors(shop)} == {local.model, "test-model"}


async def test_a_failing_provider_leaves_finished_batches_and_the_active_model(
    shop: Target, server: EmbeddingServer
) -> None:
    local = await embed_products(shop, EmbedRequest())

    def break_down(what: str, done: int, total: int | None) -> None:
        server.behaviour = "unauthorized"

    with pytest.raises(EmbeddingError) as caught:
        await embed_products(remote(shop, server), EmbedRequest(batch=2), break_down)
    stored = [name for model, name in await vectors(shop) if model == "test-model"]
    assert len(stored) in (2, 4)
    left = len(NAMES) - len(stored)
    assert f"{len(stored)} products were embedded in this run; {left} are missing or stale." in caught.value.message
    assert "next `zava embed` goes on" in str(caught.value.hint)
    assert await active(shop) == [local.model]
    server.behaviour = "ok"
    server.requests.clear()
    report = await embed_products(remote(shop, server), EmbedRequest())
    assert report.embedded == left
    assert sum(len(request["input"]) for request in server.requests) == left


async def test_a_product_that_is_refused_waits_with_the_reason_and_the_others_are_embedded(
    shop: Target, server: EmbeddingServer
) -> None:
    await as_owner(shop, "UPDATE products SET description = 'poison' WHERE name IN ('Ladder', 'Work light')")
    server.behaviour, server.poison = "bad_request", "poison"
    zava = CommandLine(shop)
    far = {"ZAVA_EMBEDDING_PROVIDER": "openai", "ZAVA_EMBEDDING_BASE_URL": server.base_url}
    done = await asyncio.to_thread(
        zava, "embed", "--model", "test-model", "--batch", "4", ZAVA_EMBEDDING_ATTEMPTS="2", **far
    )
    assert done.code == 1
    assert "Embedded 4 products with test-model" in done.out
    assert "search uses this model now" in done.out
    for told in (
        "Refused: S6, Ladder. ",
        "Refused: S4, Work light. ",
        "(HTTP 400)",
        "2 products were refused, 0 of them",
    ):
        assert told in done.err
    status = (await embed_status(shop)).models[0]
    assert (status.embedded, status.missing, status.waiting, status.failed) == (4, 2, 2, 0)
    assert "HTTP 400" in str(status.failure)
    again = await embed_products(remote(shop, server, embedding_attempts=2), EmbedRequest())
    assert (again.embedded, again.put_off, again.given_up) == (0, 2, 2)
    assert {refusal.sku for refusal in again.refused} == {"S4", "S6"}
    server.behaviour = "ok"
    report = await embed_products(remote(shop, server), EmbedRequest())
    assert (report.embedded, report.put_off) == (2, 0)
    assert await queued(shop) == []


async def test_a_refused_product_keeps_the_vector_that_it_had(shop: Target, server: EmbeddingServer) -> None:
    await embed_products(remote(shop, server), EmbedRequest())
    before = await vectors(shop)
    await as_owner(shop, "UPDATE products SET description = 'poison' WHERE name = 'Ladder'")
    server.behaviour, server.poison = "bad_request", "poison"
    report = await embed_products(remote(shop, server), EmbedRequest())
    assert (report.embedded, report.unchanged, report.put_off) == (0, 5, 1)
    assert await vectors(shop) == before
    assert await queued(shop) == ["Ladder"]


async def test_a_run_whose_database_goes_away_says_what_is_kept(shop: Target, server: EmbeddingServer) -> None:
    far, once = remote(shop, server), EmbedRequest(batch=2)
    await embed_products(far, EmbedRequest())
    await as_owner(shop, "UPDATE products SET description = 'changed'")
    # Products come in the order of their keys, which are random: the last one waits for an answer.
    (last,) = await as_owner(shop, "SELECT lower(name) FROM products ORDER BY product_id DESC LIMIT 1")
    server.behaviour, server.poison, server.most_at_once = "slow", last[0], 0
    run = asyncio.create_task(embed_products(far, once))
    await until(lambda: some_are_embedded(shop))
    async with admin_connection(shop) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    server.stop()
    with pytest.raises(DatabaseUnavailableError) as caught:
        await run
    assert "products were embedded in this run" in caught.value.message
    assert "next `zava embed` goes on" in str(caught.value.hint)
    server.behaviour = "ok"
    assert (await embed_products(far, once)).embedded in (2, 4)


async def some_are_embedded(shop: Target) -> bool:
    """Whether a part of the queue is settled."""
    return len(await queued(shop)) < len(NAMES)


_KILLED = """
import asyncio, os, signal, sys
from tests.conftest import settings_for
from zava_cli.data.target import Target
from zava_cli.models.embed import EmbedRequest
from zava_cli.services.embed import embed_products
def die(what, done, total):
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(embed_products(Target(settings_for(sys.argv[1])), EmbedRequest(batch=2), die))
"""


async def test_a_killed_run_is_taken_up_where_it_ended(shop: Target) -> None:
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", _KILLED, shop.settings.profile], env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert len(await vectors(shop)) == 2
    assert await active(shop) == []
    report = await embed_products(shop, EmbedRequest())
    assert (report.embedded, report.unchanged, report.activated) == (4, 2, True)


async def test_an_interrupted_run_keeps_whole_batches_only(shop: Target) -> None:
    seen = asyncio.Event()
    run = asyncio.create_task(embed_products(shop, EmbedRequest(batch=2), lambda *_: seen.set()))
    await seen.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(await vectors(shop)) in (2, 4)
    assert (await embed_products(shop, EmbedRequest())).activated


async def test_two_runs_at_once_embed_every_product_once(shop: Target) -> None:
    reports = await asyncio.gather(*(embed_products(shop, EmbedRequest(batch=2)) for _ in range(2)))
    assert sorted(report.embedded for report in reports) == [0, 6]


async def test_vectors_of_another_length_are_refused_under_the_same_name(shop: Target, server: EmbeddingServer) -> None:
    await embed_products(remote(shop, server), EmbedRequest())
    server.dimensions = 96
    with pytest.raises(EmbeddingError, match="96 dimensions for test-model; 64 were expected") as caught:
        await embed_products(remote(shop, server), EmbedRequest(all=True))
    assert "embedding_dimensions to 96" in str(caught.value.hint)
    report = await embed_products(remote(shop, server, embedding_dimensions=96), EmbedRequest())
    assert (report.model, report.dimensions, report.activated) == ("test-model@96", 96, False)


async def test_status_counts_missing_and_stale_products_per_model(shop: Target, server: EmbeddingServer) -> None:
    assert (await embed_status(shop)).models == []
    await embed_products(shop, EmbedRequest())
    await embed_products(remote(shop, server), EmbedRequest())
    await as_owner(shop, "UPDATE products SET name = 'Sledge' WHERE name = 'Claw hammer'")
    await as_owner(shop, "DELETE FROM product_description_embeddings WHERE model = 'test-model'")
    status = await embed_status(shop)
    assert status.products == 6
    assert [(row.active, row.embedded, row.missing, row.stale, row.waiting) for row in status.models] == [
        (True, 6, 0, 1, 1),
        (False, 0, 6, 0, 1),
    ]
    assert status.models[0].last_updated is not None
    assert status.models[1].last_updated is None


async def test_every_batch_leaves_a_line_in_the_audit_trail(shop: Target) -> None:
    report = await embed_products(shop, EmbedRequest(batch=4))
    rows = await as_owner(shop, "SELECT * FROM ops.load_runs WHERE kind = 'embed' ORDER BY created_at")
    assert {row["source"] for row in rows} == {report.model}
    assert [row["row_counts"] for row in rows] == [
        '{"product_description_embeddings": 4}',
        '{"product_description_embeddings": 2}',
        '{"product_description_embeddings": 0}',
    ]


@pytest.mark.parametrize("dimensions", [64, 2048])
async def test_the_index_of_a_model_is_built_once_and_serves_search(
    shop: Target, server: EmbeddingServer, dimensions: int
) -> None:
    server.dimensions = dimensions
    report = await embed_products(remote(shop, server), EmbedRequest())
    assert not report.indexed
    async with embedding_store(shop) as store:
        assert not await store.build_index(report.model, dimensions, minimum=7)
        assert await store.build_index(report.model, dimensions, minimum=6)
        assert not await store.build_index(report.model, dimensions, minimum=6)
    async with admin_connection(shop) as connection, owner_transaction(connection, shop):
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        await connection.execute("SET LOCAL enable_sort = off")
        plan = await connection.fetch(
            "EXPLAIN " + nearest_statement(dimensions),
            [1.0] * dimensions,
            None,
            None,
            None,
            False,
            None,
            3,
            "test-model",
            [],
            None,
            3,
        )
    assert "embeddings_hnsw_" in "\n".join(row[0] for row in plan)


async def test_an_index_made_for_fewer_vectors_is_built_anew(shop: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    model = (await embed_products(shop, EmbedRequest())).model
    indexes = "SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'embeddings_hnsw_%'"
    async with embedding_store(shop) as store:
        assert await store.build_index(model, 256, minimum=6)
        before = await as_owner(shop, indexes)
        monkeypatch.setattr(embed_index, "MANY", 6)
        assert await store.build_index(model, 256, minimum=6)
        assert not await store.build_index(model, 256, minimum=6)
        assert await as_owner(shop, indexes) == [(before[0]["relname"], ["m=32", "ef_construction=200"])]
        # A larger graph than fits is no worse.
        monkeypatch.undo()
        assert not await store.build_index(model, 256, minimum=6)


async def test_an_administrator_who_is_no_superuser_can_embed(own_roles: Walls) -> None:
    # Named, since the model that search uses there is none that can be had.
    target = Target(own_roles.target.settings.model_copy(update={"embedding_dimensions": 256}))
    report: EmbedReport = await embed_products(target, EmbedRequest())
    assert report.embedded == report.products > 0
    await as_owner(target, "UPDATE products SET name = 'Maul' WHERE sku = 'SKU1'")
    assert (await drain_queue(target, EmbedRequest())).embedded == 1
