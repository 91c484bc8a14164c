"""A cross-encoder that puts the best products of a search into order, and search when it cannot."""

from __future__ import annotations

import gc
import shutil
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.command_line import CommandLine
from tests.conftest import opened
from tests.onnx_folders import cross_encoder, sentence_transformer
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.operations import Way
from zava_cli.models.embed import EmbedRequest
from zava_cli.models.search import SearchRequest, SearchResult
from zava_cli.server.app import server_of
from zava_cli.server.state import ServerState
from zava_cli.services.embed import embed_products
from zava_cli.services.embed_check import switch_model
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search import search_products
from zava_cli.services.search_memory import SearchMemory

QUESTION = "claw hammer or a rubber mallet"


async def find(
    provider: PostgreSQLProvider,
    caller: Caller,
    text: str,
    model: Path | str | None,
    timeout: float = 30,
    **options: Any,
) -> SearchResult:
    reranking = {"rerank_model": model and str(model), "rerank_timeout": timeout}
    memory = SearchMemory.of(provider.settings.model_copy(update=reranking))
    async with EmbedderSource(provider.settings) as source:
        return await search_products(provider, caller, SearchRequest(query_description=text, **options), source, memory)


def skus(result: SearchResult) -> list[str]:
    return [hit.sku for hit in result.hits]


async def test_hits_come_in_the_order_of_the_reranker_which_is_their_score_and_among_the_reasons(
    provider: PostgreSQLProvider, seattle: Caller, tmp_path: Path
) -> None:
    plain = await find(provider, seattle, QUESTION, None, limit=3)
    assert "Claw Hammer" in plain.hits[0].name
    result = await find(provider, seattle, QUESTION, cross_encoder(tmp_path / "tiny", ["mallet"]), limit=3)
    texts = [f"{hit.name} {hit.product_type} {hit.description}".lower() for hit in result.hits]
    assert "mallet" in texts[0]
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.7
    assert f"; {scores[0]:.2f} by the re-ranker" in result.hits[0].why
    assert (len(result.hits), result.notices) == (3, [])


async def test_it_reads_fifty_products_for_an_answer_of_one(
    provider: PostgreSQLProvider, seattle: Caller, tmp_path: Path
) -> None:
    many = await find(provider, seattle, "hammer", None, limit=50)
    late = many.hits[-1]
    # A word that only a late product has: its SKU is not read, its name is.
    others = {word for hit in many.hits[:-1] for word in f"{hit.name} {hit.description}".lower().split()}
    word = next(word for word in late.name.lower().split() if word not in others and word.isalpha())
    result = await find(provider, seattle, f"hammer {word}", cross_encoder(tmp_path / "tiny", [word]), limit=1)
    assert word in result.hits[0].name.lower()


async def test_a_sku_stays_first_and_what_is_unwanted_stays_last(
    provider: PostgreSQLProvider, seattle: Caller, tmp_path: Path
) -> None:
    model = cross_encoder(tmp_path / "tiny", ["dimmer"])
    sku = (await find(provider, seattle, "ladder", None, limit=1)).hits[0].sku
    assert skus(await find(provider, seattle, sku, model))[0] == sku
    result = await find(provider, seattle, "light switch, not a dimmer", model, limit=50)
    is_unwanted = ["dimmer" in hit.name.lower() for hit in result.hits]
    assert True in is_unwanted
    assert is_unwanted == sorted(is_unwanted)


async def test_a_search_by_words_asks_no_model(provider: PostgreSQLProvider, seattle: Caller) -> None:
    result = await find(provider, seattle, QUESTION, "nobody/nothing", mode="keyword")
    assert result.notices == []
    assert "re-ranker" not in "".join(hit.why for hit in result.hits)


@pytest.mark.parametrize(
    ("is_there", "timeout", "notice"),
    [
        (True, 1e-6, "took longer than there was time for"),
        (False, 30, "There is no folder tiny with a model"),
    ],
    ids=["too slow", "missing"],
)
async def test_without_an_answer_of_it_the_hits_are_in_the_order_of_search_and_it_is_said(
    provider: PostgreSQLProvider, seattle: Caller, tmp_path: Path, is_there: bool, timeout: float, notice: str
) -> None:
    folder = cross_encoder(tmp_path / "tiny", ["mallet"])
    if not is_there:
        shutil.rmtree(folder)
    plain = await find(provider, seattle, QUESTION, None, limit=5)
    result = await find(provider, seattle, QUESTION, folder, timeout, limit=5)
    assert [(hit.sku, hit.score, hit.why) for hit in result.hits] == [
        (hit.sku, hit.score, hit.why) for hit in plain.hits
    ]
    assert result.notices[0].startswith("Not re-ranked: ")
    assert notice in result.notices[0]


async def test_a_model_that_is_no_cross_encoder_is_told(
    provider: PostgreSQLProvider, seattle: Caller, tmp_path: Path
) -> None:
    folder = sentence_transformer(tmp_path / "tiny", ["mallet"], pooling_mode="mean")
    result = await find(provider, seattle, QUESTION, folder, limit=5)
    assert "tiny is no re-ranker" in result.notices[0]
    assert len(result.hits) == 5


async def test_without_the_package_search_goes_on_and_says_how_to_get_it(
    provider: PostgreSQLProvider, seattle: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = await find(provider, seattle, QUESTION, tmp_path)
    assert len(result.hits) > 5
    assert "pip install 'zava[onnx]'" in result.notices[0]


def test_a_name_is_looked_up_in_the_hubs_cache_and_nowhere_else(target: Target, tmp_path: Path) -> None:
    zava = CommandLine(target, "seattle")
    revision = tmp_path / "models--somebody--tiny" / "snapshots" / "0123"
    cross_encoder(revision, ["mallet"])
    (revision.parents[1] / "refs").mkdir()
    (revision.parents[1] / "refs" / "main").write_text("0123")
    cache = {"HF_HUB_CACHE": str(tmp_path), "ZAVA_RERANK_TIMEOUT": "60", "HF_ENDPOINT": "http://127.0.0.1:1"}
    found = zava("search", QUESTION, "--format", "json", ZAVA_RERANK_MODEL="somebody/tiny", **cache)
    assert "by the re-ranker" in found.out
    assert "re-ranked" not in found.err
    missing = zava("search", QUESTION, "--format", "json", ZAVA_RERANK_MODEL="somebody/else", **cache)
    assert "hf download somebody/else" in missing.err


async def test_products_embedded_with_a_model_of_ones_own_are_found_by_it(seeded_copy: Target, tmp_path: Path) -> None:
    folder = str(sentence_transformer(tmp_path / "tiny", ["claw", "hammer", "ladder"], pooling_mode="mean"))
    own = {"embedding_provider": "onnx", "embedding_model": folder}
    target = Target(seeded_copy.settings.model_copy(update=own))
    await embed_products(target, EmbedRequest())
    await switch_model(target, folder, force=True)
    async with opened(target) as provider:
        result = await find(
            provider, await provider.identify("seattle"), "claw hammer", None, mode="semantic", threshold=-1
        )
    assert "Claw Hammer" in result.hits[0].name
    assert (result.model, result.notices) == ("tiny", [])


async def test_a_server_that_has_ended_holds_no_model(provider: PostgreSQLProvider, tmp_path: Path) -> None:
    reranking = {"rerank_model": str(cross_encoder(tmp_path / "tiny", ["mallet"]))}
    state = ServerState(Target(provider.settings.model_copy(update=reranking)), "seattle", Way.MCP_STDIO)
    async with Client(server_of(state)) as client:
        answer = await client.call_tool("search_products", {"query_description": QUESTION})
        assert "by the re-ranker" in str(answer.content)
        assert state.searches.reranker is not None
        loaded = weakref.ref(state.searches.reranker.model.load())
    gc.collect()
    assert loaded() is None
