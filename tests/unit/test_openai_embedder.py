"""The openai embedding provider, with the real library against a real HTTP server."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from tests.embedding_server import KEY, Behaviour, EmbeddingServer, embedder_for, embedding_server, vector_of
from zava_cli.infra.deadline import bounded
from zava_cli.infra.embeddings.base import EmbeddingCall, EmbeddingConfig
from zava_cli.infra.embeddings.providers import create_embedder
from zava_cli.infra.errors import ConfigurationError, EmbeddingError, EmbeddingUnavailableError

TEXTS = ["claw hammer", "garden hose", "barn red paint"]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as running:
        yield running


def expected(texts: list[str], dimensions: int = 64) -> np.ndarray[Any, Any]:
    rows = np.array([vector_of(text, dimensions) for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def test_vectors_are_float32_of_length_one_and_belong_to_their_texts(server: EmbeddingServer) -> None:
    async with embedder_for(server) as embedder:
        vectors = await embedder.embed_documents(TEXTS)
        assert np.allclose(await embedder.embed_query(TEXTS[1]), vectors[1])
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, expected(TEXTS), atol=1e-6)


async def test_an_answer_in_another_order_is_put_right_by_its_index(server: EmbeddingServer) -> None:
    server.behaviour = "shuffled"
    texts = [f"text {i}" for i in range(20)]
    async with embedder_for(server) as embedder:
        assert np.allclose(await embedder.embed_documents(texts), expected(texts), atol=1e-6)


async def test_the_request_asks_for_floats_and_names_no_dimensions_of_its_own(
    server: EmbeddingServer,
) -> None:
    async with embedder_for(server) as embedder:
        await embedder.embed_documents(["hammer"])
    assert server.requests == [{"model": "test-model", "input": ["hammer"], "encoding_format": "float"}]
    assert server.paths == ["/v1/embeddings"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_configured_dimensions_are_asked_for_and_given(server: EmbeddingServer) -> None:
    async with embedder_for(server, dimensions=128) as embedder:
        assert embedder.dimensions == 128
        assert (await embedder.embed_query("hammer")).shape == (128,)
    assert server.requests[0]["dimensions"] == 128


async def test_the_own_size_of_a_known_model_is_not_asked_for_because_old_ones_refuse_it() -> None:
    with embedding_server(dimensions=1536) as server:
        async with embedder_for(server, model="text-embedding-ada-002", dimensions=1536) as embedder:
            await embedder.embed_query("hammer")
    assert "dimensions" not in server.requests[0]


async def test_the_size_of_an_unknown_model_is_learnt_from_its_first_answer(server: EmbeddingServer) -> None:
    async with embedder_for(server) as embedder:
        assert embedder.dimensions == 0
        line = await embedder.check()
        assert embedder.dimensions == 64
        assert line == f"openai test-model at {server.base_url[7:-3]}, 64 dimensions"
        server.behaviour = "wrong_dimension"
        with pytest.raises(EmbeddingError, match="65 dimensions for test-model; 64 were expected"):
            await embedder.embed_query("hammer")


def test_known_models_have_their_sizes_before_any_request() -> None:
    small = create_embedder(EmbeddingConfig(provider="openai"))
    large = create_embedder(EmbeddingConfig(provider="openai", model="text-embedding-3-large", threshold=0.4))
    assert (small.model, small.dimensions, small.threshold) == ("text-embedding-3-small", 1536, 0.7)
    assert (large.dimensions, large.threshold) == (3072, 0.4)


async def test_many_texts_travel_in_batches_of_which_only_so_many_run_at_once(
    server: EmbeddingServer,
) -> None:
    # The server answers nothing before three requests are there together: it proves that they overlap.
    server.gathering = 3
    texts = [f"product {i}" for i in range(256 * 5 + 1)]
    async with embedder_for(server, concurrency=3) as embedder:
        vectors = await embedder.embed_documents(texts)
    assert np.allclose(vectors, expected(texts), atol=1e-6)
    assert sorted(len(request["input"]) for request in server.requests) == [1, 256, 256, 256, 256, 256]
    assert server.most_at_once == 3


async def test_long_texts_are_cut_and_spread_over_more_requests(server: EmbeddingServer) -> None:
    async with embedder_for(server) as embedder:
        await embedder.embed_documents(["x" * 20_000] * 40)
    sizes = [sum(map(len, request["input"])) for request in server.requests]
    assert sum(sizes) == 40 * 8_000
    assert max(sizes) <= 250_000


async def test_blank_texts_are_not_sent_and_become_zero_vectors(server: EmbeddingServer) -> None:
    async with embedder_for(server, dimensions=64) as embedder:
        vectors = await embedder.embed_documents(["", "hammer", "  "])
        assert (await embedder.embed_query(" ")).shape == (64,)
    assert [request["input"] for request in server.requests] == [["hammer"]]
    assert [bool(row.any()) for row in vectors] == [False, True, False]


async def test_a_rate_limit_is_waited_out(server: EmbeddingServer) -> None:
    server.behaviour = "rate_limited_once"
    async with embedder_for(server, max_retries=1) as embedder:
        assert (await embedder.embed_documents(TEXTS)).shape == (3, 64)
    assert len(server.requests) == 2


async def test_a_wait_that_is_longer_than_the_request_has_is_not_begun(server: EmbeddingServer) -> None:
    server.behaviour, server.retry_after = "rate_limited", "60"
    async with embedder_for(server) as embedder:
        with bounded(20), pytest.raises(EmbeddingUnavailableError, match="rate limit") as caught:
            await embedder.embed_query("hammer")
    assert len(server.requests) == 1
    assert caught.value.retry_after == 60


async def test_a_search_ends_with_the_request_that_it_is_a_part_of(server: EmbeddingServer) -> None:
    server.behaviour = "slow"
    async with embedder_for(server, timeout=600) as embedder:
        with bounded(0.2), pytest.raises(EmbeddingUnavailableError, match="did not embed"):
            await embedder.embed_query("hammer")


async def test_a_lasting_failure_is_tried_as_often_as_configured(server: EmbeddingServer) -> None:
    server.behaviour = "server_error"
    async with embedder_for(server, max_retries=2) as embedder:
        with pytest.raises(EmbeddingError, match="HTTP 500"):
            await embedder.embed_documents(TEXTS)
    assert len(server.requests) == 3


async def test_a_service_is_left_alone_after_so_many_requests_that_failed_however_many_have_asked(
    server: EmbeddingServer,
) -> None:
    server.behaviour = "server_error"
    async with embedder_for(server, max_retries=3) as embedder:
        for _ in range(2):
            with pytest.raises(EmbeddingUnavailableError, match="HTTP 500"):
                await embedder.embed_query("hammer")
        with pytest.raises(EmbeddingUnavailableError, match="has failed several times in a row"):
            await embedder.embed_query("hammer")
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("rate_limited", "rate limit or the quota"),
        ("server_error", "failed to embed"),
        ("unauthorized", "did not accept the API key"),
        ("bad_request", "refused the request for test-model"),
        ("truncated", "no list of embeddings"),
        ("not_json", "no list of embeddings"),
        ("null", "no list of embeddings"),
        ("base64", "no list of embeddings"),
        ("wrong_dimension", "65 dimensions"),
        ("ragged", "different lengths"),
        ("nan", "NaN"),
        ("zeros", "nothing but zeros"),
        ("fewer", "2 vectors for 3 texts"),
        ("repeated_index", "not one for each"),
    ],
)
async def test_a_bad_answer_is_an_embedding_error_with_a_way_out_and_without_the_key(
    server: EmbeddingServer, behaviour: Behaviour, message: str
) -> None:
    server.behaviour = behaviour
    async with embedder_for(server, dimensions=64) as embedder:
        with pytest.raises(EmbeddingError, match=message) as caught:
            await embedder.embed_documents(TEXTS)
    assert caught.value.hint
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert TEXTS[0] not in caught.value.message


async def test_huge_numbers_are_scaled_and_do_not_overflow(server: EmbeddingServer) -> None:
    server.behaviour = "huge"
    async with embedder_for(server) as embedder:
        assert np.allclose((await embedder.embed_query("hammer"))[:2], [1, 0])


async def test_one_failing_batch_fails_the_whole_call_with_a_plain_error(server: EmbeddingServer) -> None:
    server.behaviour = "server_error"
    async with embedder_for(server) as embedder:
        with pytest.raises(EmbeddingError, match="HTTP 500"):
            await embedder.embed_documents([f"product {i}" for i in range(1_000)])


async def test_a_server_that_does_not_answer_is_given_up(server: EmbeddingServer) -> None:
    server.behaviour = "slow"
    async with embedder_for(server, timeout=0.1) as embedder:
        with pytest.raises(EmbeddingError, match=r"did not embed within 0\.1 seconds"):
            await embedder.embed_documents(TEXTS)


async def test_a_query_does_not_wait_for_all_retries(server: EmbeddingServer) -> None:
    server.behaviour = "slow"
    async with embedder_for(server, timeout=0.2, max_retries=10) as embedder:
        with pytest.raises(EmbeddingError, match=r"did not embed within 0\.2 seconds"):
            await embedder.embed_query("hammer")
    assert len(server.requests) < 3


async def test_a_caller_that_goes_away_is_not_turned_into_an_error(server: EmbeddingServer) -> None:
    server.behaviour = "slow"
    async with embedder_for(server) as embedder:
        task = asyncio.create_task(embedder.embed_query("hammer"))
        await asyncio.to_thread(server.wait_for_a_request)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_unreachable_server_is_named_without_its_password() -> None:
    with embedding_server() as gone:
        address = gone.base_url[7:-3]
    async with embedder_for(gone, base_url=f"http://me:s3cret@{address}/v1?token=t0ken") as embedder:
        with pytest.raises(EmbeddingError, match=f"{address} cannot be reached") as caught:
            await embedder.check()
    told = "".join(traceback.format_exception(caught.value)) + (caught.value.hint or "")
    assert "s3cret" not in told
    assert "t0ken" not in told


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://example.com", "http://", "https://me:s3cret@[bad/v1", "http://x:99999"]
)
def test_a_base_url_that_is_none_is_refused_at_once_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not a web address") as caught:
        create_embedder(EmbeddingConfig(provider="openai", base_url=url))
    assert "s3cret" not in caught.value.message


async def test_without_a_key_the_error_says_which_one_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EmbeddingError, match="needs an API key") as caught:
        await create_embedder(EmbeddingConfig(provider="openai")).check()
    assert "OPENAI_API_KEY" in (caught.value.hint or "")


async def test_the_key_for_openai_in_the_environment_does_not_travel_to_another_server(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-openai")
    async with embedder_for(server, api_key=None) as embedder:
        await embedder.embed_query("hammer")
    assert server.headers[0]["authorization"] == "Bearer none"


@pytest.mark.parametrize("key", ["sk-ünïcode", "sk-two\nlines"])
async def test_a_key_with_odd_characters_is_refused_and_not_repeated(server: EmbeddingServer, key: str) -> None:
    async with embedder_for(server, api_key=SecretStr(key)) as embedder:
        with pytest.raises(EmbeddingError, match="characters that no key has") as caught:
            await embedder.check()
    assert key not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


async def test_a_key_from_a_file_may_end_with_a_line_break(server: EmbeddingServer) -> None:
    async with embedder_for(server, api_key=SecretStr(f"{KEY}\n")) as embedder:
        await embedder.check()
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_it_may_be_used_again_after_closing(server: EmbeddingServer) -> None:
    async with embedder_for(server) as embedder:
        await embedder.check()
        await embedder.aclose()
        assert (await embedder.embed_query("hammer")).shape == (64,)


async def test_each_request_is_told_of_with_its_tokens_and_how_it_ended(server: EmbeddingServer) -> None:
    calls: list[EmbeddingCall] = []
    async with embedder_for(server, on_call=calls.append) as embedder:
        await embedder.embed_documents(TEXTS)
        server.behaviour = "nan"
        with pytest.raises(EmbeddingError):
            await embedder.embed_query(TEXTS[0])
    assert [(call.provider, call.tokens, call.failed) for call in calls] == [("openai", 1, False), ("openai", 1, True)]
    assert all(call.seconds > 0 for call in calls)
