"""Several models side by side: building, checking, switching and dropping them, and what search says meanwhile."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.command_line import CommandLine
from tests.conftest import clone, drop, opened
from tests.embedding_server import EmbeddingServer
from tests.integration.test_search import find
from tests.small_shop import NAMES, active, as_owner, remote, until, vectors
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.errors import EmbeddingError, ValidationError
from zava_cli.models.embed import EmbedRequest
from zava_cli.models.health import HealthStatus
from zava_cli.models.search import SearchMode, SearchResult
from zava_cli.services.embed import embed_products
from zava_cli.services.embed_check import check_model, switch_model
from zava_cli.services.embed_models import drop_model
from zava_cli.services.health import check_health

LOCAL, FAR = "wordllama-l2-256", "test-model"
ALL = EmbedRequest()


@pytest.fixture
async def both(shop: Target, server: EmbeddingServer) -> Target:
    """Six products with vectors of two models; the settings are those of the second, search uses the first."""
    await embed_products(shop, ALL)
    far = remote(shop, server)
    await embed_products(far, ALL)
    return far


@pytest.fixture
async def seeded_twice(server: EmbeddingServer) -> AsyncIterator[PostgreSQLProvider]:
    """The seeded catalogue with a second model that is not in use."""
    async with opened(remote(await clone(), server)) as provider:
        await embed_products(provider.target, ALL)
        yield provider
    await drop(provider.target)


async def test_search_uses_the_old_model_until_the_switch_and_the_new_one_from_then_on(
    seeded_twice: PostgreSQLProvider, server: EmbeddingServer
) -> None:
    seattle = await seeded_twice.identify("seattle")
    server.requests.clear()
    before = await find(seeded_twice, seattle, "claw hammer")
    assert (before.model, before.mode, before.notices, server.requests) == (LOCAL, SearchMode.HYBRID, [], [])
    report = await switch_model(seeded_twice.target, FAR, force=True)
    assert (report.model, report.before, report.switched) == (FAR, LOCAL, True)
    after = await find(seeded_twice, seattle, "claw hammer")
    assert (after.model, after.notices) == (FAR, [])
    assert (await switch_model(seeded_twice.target, LOCAL)).switched
    assert (await find(seeded_twice, seattle, "claw hammer")).model == LOCAL


async def test_a_model_that_answers_worse_is_refused_with_the_figures(seeded_twice: PostgreSQLProvider) -> None:
    # Its vectors know nothing but the same words.
    target = seeded_twice.target
    async with embedding_store(target) as store, store.alone(FAR):
        await as_owner(
            target, "UPDATE product_description_embeddings SET description_embedding = ("
            "SELECT description_embedding FROM product_description_embeddings WHERE model = $1 LIMIT 1)"
            " WHERE model = $1", FAR,
        )  # fmt: skip
    with pytest.raises(
        EmbeddingError, match=r"answers \d+% of the golden queries well, wordllama-l2-256 \d+%"
    ) as caught:
        await switch_model(target, FAR)
    assert "--force" in str(caught.value.hint)
    assert await active(target) == [LOCAL]


async def test_an_incomplete_model_is_refused(both: Target) -> None:
    await as_owner(both, "DELETE FROM product_description_embeddings WHERE model = $1", FAR)
    await as_owner(both, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    with pytest.raises(EmbeddingError, match="6 products have no vector of it, 1 are in its queue"):
        await switch_model(both, FAR)
    with pytest.raises(EmbeddingError, match="no vector at all"):
        await switch_model(both, FAR, force=True)
    assert await active(both) == [LOCAL]


async def test_the_active_model_is_never_dropped_and_another_one_leaves_nothing(both: Target) -> None:
    indexes = "SELECT indexname FROM pg_indexes WHERE indexname ~ '^embeddings_hnsw' ORDER BY 1"
    async with embedding_store(both) as store:
        assert await store.build_index(FAR, 64, minimum=6)
        assert await store.build_index(LOCAL, 256, minimum=6)
    await as_owner(both, "UPDATE products SET name = 'Maul' WHERE name = 'Ladder'")
    built = await as_owner(both, indexes)
    with pytest.raises(ValidationError, match="search uses it"):
        await drop_model(both, LOCAL)
    assert await as_owner(both, indexes) == built
    with pytest.raises(ValidationError, match="no such model"):
        await drop_model(both, "other")
    assert await drop_model(both, FAR) == 6
    assert {model for model, _ in await vectors(both)} == {LOCAL}
    left = await as_owner(
        both,
        "SELECT model FROM ops.embedding_queue WHERE model <> $1 UNION ALL SELECT model FROM embedding_models"
        " WHERE model <> $1",
        LOCAL,
    )
    assert left == []
    assert len(await as_owner(both, indexes)) == 1


async def test_what_an_interrupted_build_left_goes_with_the_next_build_and_with_the_model(both: Target) -> None:
    indexes = "SELECT indexname FROM pg_indexes WHERE indexname ~ '^embeddings_hnsw' ORDER BY 1"
    async with embedding_store(both) as store:
        assert await store.build_index(FAR, 64, minimum=6)
        ((name,),) = await as_owner(both, indexes)
        interrupted = f"ALTER INDEX {name} RENAME TO {name}_new"
        await as_owner(both, interrupted)
        assert await store.build_index(FAR, 64, minimum=6)
        assert await as_owner(both, indexes) == [(name,)]
        await as_owner(both, interrupted)
    await drop_model(both, FAR)
    assert await as_owner(both, indexes) == []


async def test_a_check_compares_with_the_last_one_and_says_what_drifted(seeded_copy: Target) -> None:
    first = await check_model(seeded_copy, None)
    assert (first.model, first.agreement, first.problems) == (LOCAL, None, [])
    assert first.queries >= 40
    assert first.recall == 1
    assert first.hits > 0.9
    second = await check_model(seeded_copy, LOCAL)
    assert (second.agreement, second.hits, second.problems) == (1, first.hits, [])
    await as_owner(
        seeded_copy,
        "UPDATE product_description_embeddings e SET description_embedding = o.description_embedding"
        " FROM (SELECT product_id, lead(description_embedding, 7) OVER (ORDER BY content_hash) AS description_embedding"
        " FROM product_description_embeddings) o"
        " WHERE o.product_id = e.product_id AND o.description_embedding IS NOT NULL",
    )
    zava = CommandLine(seeded_copy)
    drifted = await asyncio.to_thread(zava, "embed", "check")
    assert drifted.code == 1
    assert "of what it found at the last check" in drifted.err
    assert (await asyncio.to_thread(zava, "embed", "check", "--accept")).code == 0
    assert (await check_model(seeded_copy, None)).problems == []


async def test_vectors_of_another_text_than_todays_are_noticed(seeded_copy: Target) -> None:
    await as_owner(seeded_copy, "UPDATE product_description_embeddings SET content_hash = repeat('0', 64)")
    report = await check_model(seeded_copy, None)
    assert report.outdated > 0
    assert "not of today's texts" in report.problems[-1]


async def test_prefixes_go_in_front_of_texts_and_make_another_model(both: Target, server: EmbeddingServer) -> None:
    prefixed = Target(
        both.settings.model_copy(update={"embedding_query_prefix": "query: ", "embedding_document_prefix": "passage: "})
    )
    server.requests.clear()
    report = await embed_products(prefixed, ALL)
    assert report.model.startswith(f"{FAR}#")
    asked = server.requests[0]["input"], server.requests[-1]["input"]
    assert asked[0] == ["query: hammer"]
    assert all(text.startswith("passage: ") for text in asked[1])
    await switch_model(both, report.model, force=True)
    assert server.requests[-1]["input"][0].startswith("query: ")


async def test_search_over_stale_vectors_says_so_to_every_manager(target: Target, seeded_copy: Target) -> None:
    await as_owner(seeded_copy, "UPDATE products SET description = description || '.' WHERE name ~ '^A'")
    changed = (await as_owner(seeded_copy, "SELECT count(*) FROM ops.embedding_queue"))[0][0]
    async with opened(seeded_copy) as provider:
        for who in ("seattle", "head office"):
            found = await find(provider, await provider.identify(who), "claw hammer")
            assert found.notices[0].startswith(f"{changed} product(s) changed since they were embedded")
        assert (await find(provider, await provider.identify("seattle"), "hammer", mode="keyword")).notices == []
        report = await check_health(provider, "seattle")
    embeddings = next(component for component in report.components if component.component == "embeddings")
    assert embeddings.status is HealthStatus.WARN
    assert f"{changed} wait and 0 failed, since 20" in embeddings.detail


async def test_a_dry_run_counts_tokens_and_money_and_calls_nobody(shop: Target, server: EmbeddingServer) -> None:
    zava = CommandLine(shop)
    asked = await asyncio.to_thread(
        zava, "embed", "--dry-run", "--provider", "openai", "--model", "other",
        ZAVA_EMBEDDING_BASE_URL=server.base_url, ZAVA_EMBEDDING_PRICE="100",
    )  # fmt: skip
    assert (asked.code, server.requests) == (0, [])
    size = sum(len(f"{name}. kinds. tools. for the house".encode()) for name in NAMES)
    tokens = [math.ceil(size / bytes_each) for bytes_each in (4, 4.5, 3.5)]
    assert asked.out == (
        "6 products to embed with other: about {} tokens ({} to {} if the texts are English) at a cost of {:.4f}, "
        "at most {:.4f}. Nobody was called.\n".format(*tokens, tokens[0] / 10_000, tokens[2] / 10_000)
    )
    assert await vectors(shop) == {}


@pytest.mark.parametrize("dimensions", [64, 3072])
async def test_a_model_of_any_size_is_built_found_by_and_dropped_from_the_terminal(
    seeded_twice: PostgreSQLProvider, server: EmbeddingServer, dimensions: int
) -> None:
    zava, name = CommandLine(seeded_twice.target, "seattle"), f"{FAR}@{dimensions}"
    far = {
        "ZAVA_EMBEDDING_PROVIDER": "openai", "ZAVA_EMBEDDING_BASE_URL": server.base_url, "ZAVA_EMBEDDING_MODEL": FAR,
        "ZAVA_EMBEDDING_DIMENSIONS": str(dimensions), "ZAVA_EMBEDDING_THRESHOLD": "0",
    }  # fmt: skip
    await asyncio.to_thread(zava, "embed", **far)
    async with embedding_store(seeded_twice.target) as store:
        assert await store.build_index(name, dimensions, minimum=1)
    steps = [
        (("embed", "switch", name, "--force"), f"Search uses {name} now"),
        (("search", "claw hammer", "--mode", "semantic"), "Hammer"),
        (("search", "claw hammer", "--mode", "hybrid"), "Hammer"),
        (("similar", "HTHM001600"), "alike (meaning #1)"),
        (("embed", "switch", LOCAL), f"Search uses {LOCAL} now"),
        (("embed", "drop", name), f"Dropped {name}"),
    ]
    for arguments, expected in steps:
        done = await asyncio.to_thread(zava, *arguments, **far)
        assert done.code == 0, done.err
        assert expected in done.out


async def has_grown(answers: list[SearchResult], length: int) -> bool:
    """Whether there are so many."""
    return len(answers) >= length


async def test_no_search_fails_or_compares_with_the_wrong_model_while_models_are_switched(
    seeded_twice: PostgreSQLProvider,
) -> None:
    seattle, target = await seeded_twice.identify("seattle"), seeded_twice.target
    expected = {LOCAL: await find(seeded_twice, seattle, "claw hammer", mode="semantic", threshold=-1)}
    await switch_model(target, FAR, force=True)
    expected[FAR] = await find(seeded_twice, seattle, "claw hammer", mode="semantic", threshold=-1)
    answers: list[SearchResult] = []
    is_over = asyncio.Event()

    async def search() -> None:
        while not is_over.is_set():
            answers.append(await find(seeded_twice, seattle, "claw hammer", mode="semantic", threshold=-1))

    searching = [asyncio.create_task(search()) for _ in range(3)]
    async with embedding_store(target) as store:
        for model in (LOCAL, FAR, LOCAL, FAR, LOCAL):
            assert await store.activate(model)
            answers_before = len(answers)
            await until(partial(has_grown, answers, answers_before + 5))
    is_over.set()
    await asyncio.gather(*searching)
    assert {answer.model for answer in answers} == {LOCAL, FAR}
    assert all(answer.hits == expected[answer.model or ""].hits for answer in answers)


async def test_the_terminal_builds_switches_shows_and_drops(shop: Target, server: EmbeddingServer) -> None:
    zava = CommandLine(shop)
    far = {"ZAVA_EMBEDDING_PROVIDER": "openai", "ZAVA_EMBEDDING_BASE_URL": server.base_url}
    steps = [
        (("embed",), {}, "search uses this model now"),
        (("embed", "--model", FAR), far, "Embedded 6 products with test-model"),
        (("embed", "switch", FAR, "--force"), far, "Search uses test-model now"),
        (("embed", "drop", LOCAL), {}, "Dropped wordllama-l2-256 with 6 vectors."),
        (("embed", "--once", "--model", FAR), far, "Embedded 0 changed products"),
        (("embed", "status"), {}, FAR),
    ]  # fmt: skip
    for arguments, environment, expected in steps:
        done = await asyncio.to_thread(zava, *arguments, **environment)
        assert done.code == 0, done.err
        assert expected in done.out
    assert (await asyncio.to_thread(zava, "embed", "--once", "--watch")).code == 2
