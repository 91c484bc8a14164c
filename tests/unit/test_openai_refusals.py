"""What becomes of texts that a service does not take, and of requests that are too large for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.embedding_server import Behaviour, EmbeddingServer, embedder_for, embedding_server
from tests.unit.test_openai_embedder import expected
from zava_cli.infra.errors import EmbeddingError

TEXTS = [f"thing {number}" for number in range(300)]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as running:
        yield running


@pytest.mark.parametrize(
    "behaviour", ["bad_request", "too_large", "nan", "truncated", "server_error", "wrong_dimension"]
)
async def test_a_text_that_is_refused_is_told_of_and_all_others_are_embedded(
    server: EmbeddingServer, behaviour: Behaviour
) -> None:
    server.behaviour, server.poison = behaviour, "poison"
    refused: dict[int, EmbeddingError] = {}
    texts = [*TEXTS[:100], "a poison", *TEXTS[100:]]
    async with embedder_for(server, dimensions=64) as embedder:
        vectors = await embedder.embed_documents(texts, refused.__setitem__)
        first = len(server.requests)
        again = await embedder.embed_documents(TEXTS, refused.__setitem__)
    assert list(refused) == [100]
    assert np.flatnonzero(~vectors.any(axis=1)).tolist() == [100]
    assert np.allclose(np.delete(vectors, 100, axis=0), again)
    # It was one text's fault: as many go together as before.
    assert len(server.requests) == first + 2


async def test_a_service_that_takes_few_texts_at_once_is_soon_sent_no_more(server: EmbeddingServer) -> None:
    server.most_texts = 16
    async with embedder_for(server, concurrency=1) as embedder:
        vectors = await embedder.embed_documents(TEXTS, lambda place, error: pytest.fail(f"{place}: {error}"))
        server.requests.clear()
        await embedder.embed_documents(TEXTS, lambda place, error: pytest.fail(f"{place}: {error}"))
    assert np.allclose(vectors, expected(TEXTS), atol=1e-6)
    assert max(len(request["input"]) for request in server.requests) == 16


@pytest.mark.parametrize("behaviour", ["bad_request", "forbidden", "not_found", "not_json", "rate_limited"])
async def test_a_service_that_refuses_everything_is_not_asked_text_by_text(
    server: EmbeddingServer, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    async with embedder_for(server) as embedder:
        with pytest.raises(EmbeddingError):
            await embedder.embed_documents(TEXTS, lambda place, error: pytest.fail(f"{place}: {error}"))
    assert len(server.requests) <= 4


async def test_whether_a_service_answers_at_all_is_asked_before_the_texts_that_wait_for_their_turn(
    server: EmbeddingServer,
) -> None:
    server.behaviour, server.poison = "bad_request", "poison"
    texts = ["a poison that is longer than the others", *(f"thing {number:05}" for number in range(20 * 256))]
    async with embedder_for(server, concurrency=1) as embedder:
        await embedder.embed_documents(texts, lambda place, error: None)
    words = [number for number, request in enumerate(server.requests) if request["input"] == ["hammer"]]
    assert words[0] < 10
