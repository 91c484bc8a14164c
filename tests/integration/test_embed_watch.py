"""`zava embed --watch`: what it completes, what it outlives, and how it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.embedding_server import EmbeddingServer
from tests.small_shop import ADD, NAMES, as_owner, queued, remote, until, vectors
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.errors import EmbeddingError, MCPError
from zava_cli.infra.settings import Settings
from zava_cli.models.embed import EmbedRequest
from zava_cli.services import embed_queue
from zava_cli.services.embed import embed_products
from zava_cli.services.embed_check import switch_model
from zava_cli.services.embed_queue import watch_queue

ONCE = EmbedRequest()
FAR = "test-model"


async def nothing_queued(target: Target) -> bool:
    """Whether every queue is empty."""
    return not await queued(target)


async def has_vector(target: Target, name: str) -> bool:
    """Whether the provider's model has a vector of the product."""
    return (FAR, name) in await vectors(target)


async def nothing_missing(target: Target) -> bool:
    """Whether every product has a vector."""
    return len(await vectors(target)) == len(NAMES)


@asynccontextmanager
async def watching(target: Target) -> AsyncGenerator[asyncio.Queue[MCPError]]:
    """A watcher during the block, which it must outlive, and the troubles that it tells of."""
    troubles: asyncio.Queue[MCPError] = asyncio.Queue()
    watcher = asyncio.create_task(watch_queue(target, ONCE, troubles.put_nowait))
    try:
        yield troubles
        assert not watcher.done()
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


async def test_a_watcher_follows_search_to_another_model(embedded: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_queue, "ROUNDS", 1)
    small = replace(embedded, settings=embedded.settings.model_copy(update={"embedding_dimensions": 64}))
    await embed_products(small, ONCE)

    async def is_embedded() -> bool:
        return ("wordllama-l2-64", "Maul") in await vectors(embedded)

    async with watching(embedded):
        await switch_model(embedded, "wordllama-l2-64", force=True)
        await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
        await until(is_embedded)
    assert await is_embedded()


async def test_a_watcher_embeds_changes_as_they_come_and_outlives_a_provider_that_is_away(
    embedded: Target, server: EmbeddingServer
) -> None:
    far = remote(embedded, server, embedding_attempts=1)
    async with watching(far) as troubles:
        await until(lambda: has_vector(embedded, "Ladder"))
        await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
        await until(lambda: has_vector(embedded, "Maul"))
        server.behaviour = "server_error"
        await as_owner(embedded, "UPDATE products SET name = 'Sledge' WHERE name = 'Maul'")
        async with asyncio.timeout(120):
            assert "HTTP 500" in (await troubles.get()).message
        # One try is all that a product has, and this was none of it.
        server.behaviour = "ok"
        await until(lambda: has_vector(embedded, "Sledge"))


async def test_a_watcher_completes_a_model_whose_first_run_was_broken_off(
    embedded: Target, server: EmbeddingServer
) -> None:
    far = remote(embedded, server)

    def break_down(what: str, done: int, total: int | None) -> None:
        server.behaviour = "unauthorized"

    with pytest.raises(EmbeddingError):
        await embed_products(far, EmbedRequest(batch=2), break_down)
    assert await queued(embedded) == []
    server.behaviour = "ok"

    async def is_complete() -> bool:
        return {name for model, name in await vectors(embedded) if model == FAR} == set(NAMES)

    async with watching(far):
        await until(is_complete)


async def test_a_provider_that_is_away_from_the_first_is_waited_for_and_a_wrong_key_is_not(
    embedded: Target, server: EmbeddingServer
) -> None:
    server.behaviour = "rate_limited"
    async with watching(remote(embedded, server)) as troubles:
        async with asyncio.timeout(120):
            assert "HTTP 429" in (await troubles.get()).message
        server.behaviour = "ok"
        await until(lambda: has_vector(embedded, "Ladder"))
    server.behaviour = "unauthorized"
    await as_owner(embedded, ADD.replace("'S' ||", "'T' ||"), ["Spade"])
    with pytest.raises(EmbeddingError, match="did not accept the API key"):
        await watch_queue(remote(embedded, server), ONCE, lambda _: None)


@pytest.fixture
def own_shop(folder: Path) -> Iterator[Target]:
    """The six products on a server of the test's own, which may be stopped."""
    target = Target(Settings.model_validate({"data_dir": folder}))
    asyncio.run(migrate(target))
    asyncio.run(as_owner(target, ADD, NAMES))
    yield target


def test_a_watcher_leaves_a_stopped_database_alone_and_goes_on_when_it_is_back(own_shop: Target) -> None:
    async def through_a_stop() -> None:
        server = own_shop.embedded
        assert server is not None
        async with watching(own_shop) as troubles:
            await until(lambda: nothing_missing(own_shop))
            await asyncio.to_thread(server.stop)
            async with asyncio.timeout(120):
                for _ in range(3):
                    assert "PostgreSQL cannot be reached" in (await troubles.get()).message
            assert not server.is_running()
            await asyncio.to_thread(server.start)
            await as_owner(own_shop, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
            await until(lambda: nothing_queued(own_shop))

    asyncio.run(through_a_stop())


async def test_ctrl_c_ends_a_watcher_in_order(embedded: Target) -> None:
    process = CommandLine(embedded).start("embed", "--watch")
    try:
        await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
        await until(lambda: nothing_queued(embedded))
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(process.communicate, timeout=120)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert "embedding: 1 products" in err
    assert err.endswith("Interrupted.\n")


async def test_sigterm_in_the_middle_of_a_batch_ends_a_watcher_and_gives_the_batch_back(
    embedded: Target, server: EmbeddingServer
) -> None:
    await embed_products(remote(embedded, server), ONCE)
    await as_owner(embedded, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    before = await vectors(embedded)
    server.behaviour, server.most_at_once = "slow", 0
    process = CommandLine(embedded).start(
        "embed", "--watch", ZAVA_EMBEDDING_PROVIDER="openai", ZAVA_EMBEDDING_MODEL=FAR,
        ZAVA_EMBEDDING_BASE_URL=server.base_url,
    )  # fmt: skip
    try:
        await asyncio.to_thread(server.wait_for_a_request)
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate, timeout=120)
    finally:
        process.kill()
    assert (process.returncode, out) == (143, "")
    assert err.endswith("Terminated.\n")
    assert await vectors(embedded) == before
    waiting = await as_owner(
        embedded,
        "SELECT is_claimed, attempts, due_at <= now() AS is_due FROM ops.embedding_queue WHERE model = $1",
        FAR,
    )
    assert [tuple(row) for row in waiting] == [(False, 0, True)]
