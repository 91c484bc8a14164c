"""The queue of stale embeddings: what gets into it whoever writes, and what workers do with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import CommandLine
from tests.embedding_server import EmbeddingServer
from tests.small_data import Walls
from tests.small_shop import NAMES, as_owner, queued, remote, until, vectors
from zava_cli.data.admin import admin_connection
from zava_cli.data.embed import embedding_store
from zava_cli.data.embed_queue import EmbeddingQueue
from zava_cli.data.target import Target
from zava_cli.infra.errors import EmbeddingError
from zava_cli.models.embed import DrainReport, EmbedReport, EmbedRequest
from zava_cli.services.embed import embed_products
from zava_cli.services.embed_check import switch_model
from zava_cli.services.embed_estimate import estimate_embedding
from zava_cli.services.embed_models import embed_status
from zava_cli.services.embed_queue import drain_queue

LOCAL = "wordllama-l2-256"
ONCE = EmbedRequest()


async def drained(target: Target) -> bool:
    """Whether a worker found something to do."""
    return (await drain_queue(target, ONCE)).embedded > 0


CHANGES = {
    "a name": ("UPDATE products SET name = 'Maul' WHERE name = 'Ladder'", ["Maul"]),
    "a description": ("UPDATE products SET description = 'x' WHERE name = 'Ladder'", ["Ladder"]),
    "a category": (
        "WITH c AS (INSERT INTO categories (name) VALUES ('NEW') RETURNING category_id)"
        " UPDATE products SET category_id = c.category_id FROM c WHERE name = 'Ladder'",
        ["Ladder"],
    ),
    "a category's name": ("UPDATE categories SET name = 'OTHER'", sorted(NAMES)),
    "a type's name": ("UPDATE product_types SET name = 'OTHER'", sorted(NAMES)),
    "a new product": (
        "INSERT INTO products (sku, name, category_id, type_id, price)"
        " SELECT 'N', 'Spade', category_id, type_id, 1 FROM product_types",
        ["Spade"],
    ),
    "a price": ("UPDATE products SET price = 7, sku = 'X' || sku", []),
    "the same name": ("UPDATE products SET name = name; UPDATE categories SET name = name", []),
    "a product that goes": (
        "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'; DELETE FROM products WHERE name = 'Maul'",
        [],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_the_text_queues_the_product_in_the_same_transaction(embedded: Target, change: str) -> None:
    sql, expected = CHANGES[change]
    async with admin_connection(embedded) as connection:
        # The superuser of the embedded server, as anybody with another program would be.
        await connection.execute("SET search_path = retail, public")
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(sql)
        await transaction.rollback()
        assert await queued(embedded) == []
        await connection.execute(sql)
    assert await queued(embedded) == expected


async def test_copy_and_truncate_are_seen_too(embedded: Target) -> None:
    async with admin_connection(embedded) as connection:
        key = await connection.fetchrow("SELECT category_id, type_id FROM retail.product_types")
        await connection.copy_records_to_table(
            "products", schema_name="retail", columns=["sku", "name", "category_id", "type_id", "price"],
            records=[("C1", "Copied", key["category_id"], key["type_id"], 1)],
        )  # fmt: skip
        assert await queued(embedded) == ["Copied"]
        await connection.execute("TRUNCATE retail.products CASCADE")
        assert await connection.fetchval("SELECT count(*) FROM ops.embedding_queue") == 0


async def test_an_import_queues_its_new_products_and_one_that_is_refused_none(embedded: Target, tmp_path: Path) -> None:
    header, sales = "order_id,product,quantity,order_date,unit_price,store", tmp_path / "sales.csv"
    zava = CommandLine(embedded)
    sales.write_text(f"{header}\n1,Maul,1,never,9.50,Leeds\n2,Sledge,1,2025-01-02,9.50,Leeds\n")
    assert (await asyncio.to_thread(zava, "import", sales)).code != 0
    assert await queued(embedded) == []
    sales.write_text(f"{header}\n1,Maul,1,2025-01-01,9.50,Leeds\n")
    done = await asyncio.to_thread(zava, "import", sales)
    assert done.code == 0, done.err
    assert await queued(embedded) == ["Maul"]
    assert (await drain_queue(embedded, ONCE)).embedded == 1


async def test_a_change_is_queued_for_every_model_that_there_is(embedded: Target, server: EmbeddingServer) -> None:
    await embed_products(remote(embedded, server), ONCE)
    await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    assert await queued(embedded) == ["Maul", "Maul"]
    assert (await drain_queue(embedded, ONCE)).embedded == 1
    status = {row.model: (row.stale, row.waiting) for row in (await embed_status(embedded)).models}
    assert status == {LOCAL: (0, 0), "test-model": (1, 1)}


@pytest.mark.parametrize("bring_up_to_date", [drain_queue, embed_products])
async def test_settings_that_name_no_model_keep_the_one_true_that_search_uses(
    embedded: Target, bring_up_to_date: Callable[[Target, EmbedRequest], Awaitable[DrainReport | EmbedReport]]
) -> None:
    small = replace(embedded, settings=embedded.settings.model_copy(update={"embedding_dimensions": 64}))
    await embed_products(small, ONCE)
    await switch_model(embedded, "wordllama-l2-64", force=True)
    await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    assert (await estimate_embedding(embedded, ONCE)).model == "wordllama-l2-64"
    report = await bring_up_to_date(embedded, ONCE)
    assert (report.model, report.embedded) == ("wordllama-l2-64", 1)


async def test_draining_embeds_what_changed_and_nothing_else(embedded: Target) -> None:
    before = await vectors(embedded)
    await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    await as_owner(embedded, "UPDATE products SET name = 'Hose' WHERE name = 'Garden hose'")
    await as_owner(embedded, "UPDATE products SET name = 'Garden hose' WHERE name = 'Hose'")
    report = await drain_queue(embedded, ONCE)
    after = await vectors(embedded)
    assert (report.embedded, report.put_off) == (1, 0)
    assert {name for _, name in after if after[LOCAL, name] != before.get((LOCAL, name))} == {"Maul"}
    assert await queued(embedded) == []
    assert (await embed_products(embedded, ONCE)).embedded == 0


async def test_a_product_that_loses_its_text_loses_its_vector(embedded: Target, server: EmbeddingServer) -> None:
    await as_owner(embedded, "UPDATE products SET name = '\u200b', description = '' WHERE name = 'Ladder'")
    assert (await drain_queue(embedded, ONCE)).embedded == 1
    assert await queued(embedded) == []


async def test_a_model_that_is_new_gets_all_products_first(shop: Target) -> None:
    assert (await drain_queue(shop, ONCE)).embedded == len(NAMES)
    assert (await drain_queue(shop, ONCE)).embedded == 0


async def test_workers_side_by_side_do_no_work_twice(embedded: Target, server: EmbeddingServer) -> None:
    far = remote(embedded, server)
    await embed_products(far, ONCE)
    server.requests.clear()
    await as_owner(embedded, "UPDATE products SET description = 'changed'")
    server.gathering, server.most_at_once = 2, 0
    reports = await asyncio.gather(*(drain_queue(far, EmbedRequest(batch=2)) for _ in range(3)))
    texts = [text for request in server.requests for text in request["input"]]
    assert sum(report.embedded for report in reports) == len(texts) == len(set(texts)) == len(NAMES)
    assert server.most_at_once >= 2


async def test_what_changes_under_a_workers_hands_stays_queued_and_no_writer_waits(
    embedded: Target, server: EmbeddingServer
) -> None:
    far = remote(embedded, server)
    await embed_products(far, ONCE)
    await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    server.behaviour, server.most_at_once = "slow", 0
    worker = asyncio.create_task(drain_queue(far, ONCE))
    await asyncio.to_thread(server.wait_for_a_request)
    async with asyncio.timeout(20):
        await as_owner(embedded, "UPDATE products SET name = 'Sledge' WHERE name = 'Maul'")
    server.behaviour = "ok"
    server.stop()
    report = await worker
    assert report.embedded == 1
    texts = [request["input"] for request in server.requests][-2:]
    assert [text[0].split(".")[0] for text in texts] == ["maul", "sledge"]
    stored = (await vectors(embedded))["test-model", "Sledge"]
    fresh = await embed_products(far, ONCE)
    assert fresh.embedded == 0, stored


async def test_a_failing_provider_leaves_the_queue_and_every_vector_as_they_were(
    embedded: Target, server: EmbeddingServer
) -> None:
    far = remote(embedded, server)
    await embed_products(far, ONCE)
    await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    before = await vectors(embedded)
    server.behaviour = "server_error"
    with pytest.raises(EmbeddingError, match="HTTP 500"):
        await drain_queue(far, ONCE)
    assert await vectors(embedded) == before
    status = next(row for row in (await embed_status(embedded)).models if row.model == "test-model")
    assert (status.waiting, status.failed) == (1, 0)
    assert "failed to embed (HTTP 500)" in str(status.failure)
    server.behaviour = "ok"
    assert (await drain_queue(far, ONCE)).embedded == 1


async def test_a_wrong_key_takes_no_tries_away(embedded: Target, server: EmbeddingServer) -> None:
    far = remote(embedded, server)
    await embed_products(far, ONCE)
    await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    server.behaviour = "unauthorized"
    with pytest.raises(EmbeddingError, match="did not accept the API key"):
        await drain_queue(far, ONCE)
    server.behaviour = "ok"
    assert (await drain_queue(far, ONCE)).embedded == 1


@pytest.mark.parametrize("behaviour", ["bad_request", "nan", "truncated", "server_error", "wrong_dimension"])
async def test_one_bad_product_is_given_up_with_its_reason_and_the_others_go_on(
    embedded: Target, server: EmbeddingServer, behaviour: Any
) -> None:
    far = remote(embedded, server, embedding_attempts=2)
    await embed_products(far, ONCE)
    await as_owner(embedded, "UPDATE products SET description = 'changed'")
    await as_owner(embedded, "UPDATE products SET name = 'POISON' WHERE name = 'Ladder'")
    server.behaviour, server.poison = behaviour, "poison"
    report = await drain_queue(far, ONCE)
    assert (report.embedded, report.put_off, report.given_up) == (5, 1, 0)
    await as_owner(embedded, "UPDATE ops.embedding_queue SET due_at = now()")
    assert (await drain_queue(far, ONCE)).given_up == 1
    await as_owner(embedded, "UPDATE ops.embedding_queue SET due_at = now() WHERE due_at < 'infinity'")
    assert (await drain_queue(far, ONCE)).put_off == 0
    status = next(row for row in (await embed_status(embedded)).models if row.model == "test-model")
    assert (status.waiting, status.failed) == (0, 1)
    assert status.failure
    server.behaviour = "ok"
    assert (await drain_queue(far, ONCE, retry_failed=True)).embedded == 1


_CLAIM = """
import asyncio, os, signal, sys
from datetime import timedelta
from tests.conftest import settings_for
from zava_cli.data.embed import embedding_store
from zava_cli.data.embed_queue import EmbeddingQueue
from zava_cli.data.target import Target
async def main():
    async with embedding_store(Target(settings_for(sys.argv[1]))) as store:
        async with EmbeddingQueue(store, sys.argv[2], timedelta(hours=1)).batch(10) as products:
            assert len(products) == 6
            os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


async def test_what_a_killed_worker_had_comes_back(embedded: Target) -> None:
    await as_owner(embedded, "UPDATE products SET description = 'changed'")
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", _CLAIM, embedded.settings.profile, LOCAL], env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL
    await until(lambda: drained(embedded))
    assert await queued(embedded) == []


async def test_a_claim_runs_out_when_its_worker_hangs(embedded: Target) -> None:
    await as_owner(embedded, "UPDATE products SET description = 'changed'")
    async with (
        embedding_store(embedded) as hanging,
        embedding_store(embedded) as other,
        EmbeddingQueue(hanging, LOCAL, timedelta(0)).batch(10) as first,
        EmbeddingQueue(other, LOCAL).batch(10) as second,
    ):
        assert len(first) == len(second) == len(NAMES)


async def test_a_claim_lasts_as_long_as_its_worker_is_at_work(embedded: Target) -> None:
    await as_owner(embedded, "UPDATE products SET description = 'changed'")
    lease = timedelta(seconds=3)
    async with embedding_store(embedded) as slow, embedding_store(embedded) as other:
        queue = EmbeddingQueue(slow, LOCAL, lease)
        async with queue.batch(10) as first, queue.kept(first):
            await asyncio.sleep(1.5 * lease.total_seconds())
            async with EmbeddingQueue(other, LOCAL).batch(10) as second:
                assert (len(first), second) == (len(NAMES), [])


async def test_an_outage_takes_no_tries_away_and_status_tells_the_reason(
    embedded: Target, server: EmbeddingServer
) -> None:
    far = remote(embedded, server, embedding_attempts=1)
    await embed_products(far, ONCE)
    await as_owner(embedded, "UPDATE products SET description = 'changed'")
    server.behaviour = "rate_limited"
    for _ in range(2):
        with pytest.raises(EmbeddingError, match="HTTP 429"):
            await drain_queue(far, ONCE)
    status = next(row for row in (await embed_status(embedded)).models if row.model == "test-model")
    assert (status.waiting, status.failed) == (len(NAMES), 0)
    assert "HTTP 429" in str(status.failure)
    server.behaviour = "ok"
    assert (await drain_queue(far, ONCE)).embedded == len(NAMES)


async def test_any_server_queues_and_an_administrator_of_any_kind_may_write(walls: Walls) -> None:
    async with admin_connection(walls.target) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f'SET LOCAL ROLE "{walls.role("owner")}"')
        await connection.execute("UPDATE retail.product_types SET name = name || 'X' WHERE name = 'HAMMERS'")
        assert await connection.fetchval("SELECT count(*) FROM ops.embedding_queue WHERE model = 'tiny'") == 5
        await transaction.rollback()
