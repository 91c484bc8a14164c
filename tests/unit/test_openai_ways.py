"""How the openai provider is addressed: prefixes, Azure, pace, and where its key comes from."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend

from tests.embedding_server import KEY, EmbeddingServer, embedder_for, embedding_server
from tests.http_stub import Answering, answering
from zava_cli.infra.embeddings.base import EmbeddingConfig
from zava_cli.infra.embeddings.providers import create_embedder
from zava_cli.infra.errors import EmbeddingError, EmbeddingUnavailableError


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as running:
        yield running


async def test_prefixes_of_questions_and_texts_are_sent_in_front_of_them(server: EmbeddingServer) -> None:
    async with embedder_for(server, query_prefix="query: ", document_prefix="passage: ") as embedder:
        await embedder.embed_documents(["hammer", " "])
        await embedder.embed_query("hammer")
    assert [request["input"] for request in server.requests] == [["passage: hammer"], ["query: hammer"]]


async def test_an_azure_resource_gets_its_version_deployment_and_key_as_it_wants_them(server: EmbeddingServer) -> None:
    address = server.base_url.removesuffix("/v1")
    async with embedder_for(server, base_url=address, api_version="2024-10-21") as embedder:
        await embedder.embed_query("hammer")
    assert server.paths == ["/openai/deployments/test-model/embeddings?api-version=2024-10-21"]
    assert server.headers[0]["api-key"] == KEY
    assert "authorization" not in server.headers[0]


async def test_neither_texts_nor_key_follow_a_redirect_to_another_host(server: EmbeddingServer) -> None:
    class Elsewhere(Answering):
        def respond(self) -> None:
            self.answer(307, headers={"location": server.base_url + "/embeddings"})

    with answering(Elsewhere) as redirecting:
        for version in (None, "2024-10-21"):
            address = f"http://127.0.0.1:{redirecting.server_port}"
            async with embedder_for(server, base_url=address, api_version=version) as embedder:
                with pytest.raises(EmbeddingError):
                    await embedder.embed_query("hammer")
    assert server.requests == []


async def test_no_proxy_reads_what_is_meant_for_this_machine(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with embedder_for(server) as embedder:
        await embedder.embed_query("hammer")
    assert len(server.requests) == 1


async def test_no_more_requests_are_under_way_than_configured(server: EmbeddingServer) -> None:
    async with embedder_for(server, concurrency=2) as embedder:
        await embedder.embed_documents([f"product {i}" for i in range(1_500)])
    assert len(server.requests) == 6
    assert server.most_at_once <= 2


async def test_requests_start_no_more_often_than_configured(server: EmbeddingServer) -> None:
    loop = asyncio.get_running_loop()
    async with embedder_for(server, rate=600) as embedder:
        started = loop.time()
        for _ in range(4):
            await embedder.embed_query("hammer")
        # Three waits of a tenth of a second: less would be a faster rate, however slow the machine.
        assert loop.time() - started >= 0.29


async def test_a_wait_that_one_request_is_told_holds_every_other_back(server: EmbeddingServer) -> None:
    server.behaviour, server.retry_after = "rate_limited_once", "0.5"
    loop = asyncio.get_running_loop()
    async with embedder_for(server) as embedder:
        started = loop.time()
        with pytest.raises(EmbeddingError, match="HTTP 429"):
            await embedder.embed_documents(["hammer"])
        await asyncio.gather(*(embedder.embed_documents([text]) for text in ("hose", "paint", "ladder")))
        # Less would be a request before its time, however slow the machine.
        assert loop.time() - started >= 0.5
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("reset", "seconds"), [("1m30s", 90), ("20ms", 0.02), ("6m0.5s", 360.5), ("7", 7), ("soon", None), ("", None)]
)
async def test_a_limit_that_is_used_up_says_when_to_come_back(
    server: EmbeddingServer, reset: str, seconds: float | None
) -> None:
    server.behaviour = "rate_limited"
    server.limits = {
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset,
        "x-ratelimit-remaining-tokens": "500", "x-ratelimit-reset-tokens": "6h",
    }  # fmt: skip
    async with embedder_for(server) as embedder:
        with pytest.raises(EmbeddingUnavailableError) as caught:
            await embedder.embed_documents(["hammer"])
    assert caught.value.wanted_wait == seconds


async def test_nobody_waits_longer_for_a_held_service_than_for_a_silent_one(server: EmbeddingServer) -> None:
    server.behaviour, server.retry_after = "rate_limited_once", "60"
    async with embedder_for(server, timeout=5) as embedder:
        with pytest.raises(EmbeddingError, match="HTTP 429"):
            await embedder.embed_documents(["hammer"])
        with pytest.raises(EmbeddingError, match=r"wants to be left alone and is asked again in \d\d seconds"):
            await embedder.embed_query("hose")
    assert len(server.requests) == 1


@pytest.mark.parametrize(("dimensions", "is_usable"), [(4_000, True), (4_001, False)])
async def test_vectors_that_no_index_can_hold_are_refused(dimensions: int, is_usable: bool) -> None:
    with embedding_server(dimensions=dimensions) as server:
        async with embedder_for(server) as embedder:
            if is_usable:
                assert (await embedder.embed_documents(["hammer"])).shape == (1, dimensions)
                return
            with pytest.raises(EmbeddingError, match="4,001 dimensions for test-model; more than 4,000 cannot be kept"):
                await embedder.embed_documents(["hammer"])


class MemoryKeyring(KeyringBackend):
    """A keyring that holds what a test puts there."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, kept: dict[tuple[str, str], str]) -> None:
        super().__init__()
        self.kept = kept

    def get_password(self, service: str, username: str) -> str | None:
        """The stored password."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Stores one, as `keyring set` does."""
        self.kept[service, username] = password


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[tuple[str, str], str]]:
    """What the keyring of this process holds."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    before = keyring.get_keyring()
    kept: dict[tuple[str, str], str] = {}
    keyring.set_keyring(MemoryKeyring(kept))
    yield kept
    keyring.set_keyring(before)


async def test_the_keyrings_key_for_a_host_is_shown_to_that_host_alone(
    server: EmbeddingServer, stored: dict[tuple[str, str], str]
) -> None:
    stored["zava", "api.openai.com"] = "sk-of-openai"
    async with embedder_for(server, api_key=None) as embedder:
        await embedder.embed_query("hammer")
    assert server.headers[0]["authorization"] == "Bearer none"
    keyring.set_password("zava", "127.0.0.1", KEY)
    async with embedder_for(server, api_key=None) as embedder:
        await embedder.embed_query("hammer")
    assert server.headers[1]["authorization"] == f"Bearer {KEY}"


async def test_without_a_keyring_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(EmbeddingError, match="needs an API key") as caught:
        await create_embedder(EmbeddingConfig(provider="openai")).check()
    assert "zava[keyring]" in str(caught.value.hint)
