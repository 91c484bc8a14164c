"""Embeddings with a model of one's own, with tiny models that onnxruntime runs for real."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.onnx_folders import DIMENSIONS, cross_encoder, sentence_transformer, weights_moved
from zava_cli.infra.embeddings.base import Embedder, EmbeddingCall, EmbeddingConfig
from zava_cli.infra.embeddings.providers import create_embedder
from zava_cli.infra.errors import ConfigurationError, EmbeddingRefusedError, EmbeddingSetupError

WORDS = ["claw", "hammer", "garden", "hose", "query", ":"]
MEAN = {"pooling_mode": "mean"}


def of(folder: Path, **options: Any) -> Embedder:
    return create_embedder(EmbeddingConfig(provider="onnx", model=str(folder), **options))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sentence_transformer(tmp_path / "tiny", WORDS, **MEAN)


async def test_vectors_are_float32_of_length_one_and_in_the_order_of_the_texts(folder: Path) -> None:
    texts = ["hammer", *(f"{WORDS[i % 4]} hose" * (1 + i % 5) for i in range(100)), "claw"]
    embedder = of(folder)
    vectors = await embedder.embed_documents(texts)
    assert (vectors.shape, vectors.dtype) == ((102, DIMENSIONS), np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for i in (0, 1, 50, 101):
        assert np.allclose(vectors[i], await embedder.embed_query(texts[i]), atol=1e-6)


async def test_what_fills_up_a_shorter_text_says_nothing(folder: Path) -> None:
    embedder = of(folder)
    alone = (await embedder.embed_documents(["hammer"]))[0]
    beside = (await embedder.embed_documents(["hammer", "garden hose garden hose garden hose"]))[0]
    assert np.allclose(alone, beside, atol=1e-6)


async def test_a_text_is_read_beyond_the_length_that_the_tokenizers_file_names(folder: Path) -> None:
    vectors = await of(folder).embed_documents(["garden " * 10 + "hammer", "garden " * 10 + "hose", "claw " * 2_000])
    assert not np.allclose(vectors[0], vectors[1])
    assert np.isfinite(vectors[2]).all()


async def test_a_blank_text_becomes_a_zero_vector(folder: Path) -> None:
    vectors = await of(folder, query_prefix="query: ").embed_documents([" ", "hammer"])
    assert not vectors[0].any()
    assert vectors[1].any()


async def test_a_question_gets_its_prefix_and_a_product_the_other_one(folder: Path) -> None:
    prefixed = of(folder, query_prefix="query: ", document_prefix="claw ")
    plain = of(folder)
    assert np.allclose(await prefixed.embed_query("hammer"), await plain.embed_query("query: hammer"))
    assert np.allclose(await prefixed.embed_documents(["hammer"]), await plain.embed_documents(["claw hammer"]))


@pytest.mark.parametrize("pooling", [{"pooling_mode": "cls"}, {"pooling_mode_cls_token": True}])
async def test_a_model_of_the_first_token_is_used_as_one(tmp_path: Path, pooling: dict[str, Any]) -> None:
    embedder = of(sentence_transformer(tmp_path / "tiny", WORDS, **pooling))
    # The first token is the same for all texts, and this model does not let words look at each other.
    assert np.allclose(await embedder.embed_query("hammer"), await embedder.embed_query("garden hose"))


@pytest.mark.parametrize("pooling", [{}, {"pooling_mode": "lasttoken"}, {"pooling_mode_max_tokens": True}])
async def test_a_model_that_is_used_in_another_way_is_refused(tmp_path: Path, pooling: dict[str, Any]) -> None:
    with pytest.raises(EmbeddingSetupError, match="cannot be told how tiny makes"):
        await of(sentence_transformer(tmp_path / "tiny", WORDS, **pooling)).embed_query("hammer")


async def test_a_size_that_the_model_does_not_have_is_refused(folder: Path) -> None:
    with pytest.raises(EmbeddingSetupError, match="vectors of 64 dimensions, not 128"):
        await of(folder, dimensions=128).embed_query("hammer")


async def test_each_batch_is_counted(folder: Path) -> None:
    calls: list[EmbeddingCall] = []
    await of(folder, on_call=calls.append).embed_documents(["hammer"] * 40)
    assert [(call.provider, call.failed) for call in calls] == [("onnx", False)] * 2


async def test_a_cross_encoder_is_no_embedding_model(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingSetupError, match="cannot be told"):
        await of(cross_encoder(tmp_path / "tiny", WORDS)).embed_query("hammer")


async def test_a_model_that_fails_says_so_without_the_folders_above_it(folder: Path) -> None:
    # A word that the tokenizer knows and the model does not.
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"hose": 7', '"hose": 700'))
    with pytest.raises(EmbeddingRefusedError, match="The model tiny failed on these texts") as caught:
        await of(folder).embed_query("hose")
    assert str(folder.parent) not in f"{caught.value.message} {caught.value.hint}"


FILES = ["onnx/model.onnx", "tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json"]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[1]", b"\xff\0\1", b"[" * 100_000], ids=str)
@pytest.mark.parametrize("broken", FILES)
async def test_a_broken_file_is_named_without_the_folders_above_it(folder: Path, broken: str, content: bytes) -> None:
    (folder / broken).write_bytes(content)
    with pytest.raises(EmbeddingSetupError, match="The model tiny cannot be") as caught:
        await of(folder).embed_query("hammer")
    assert Path(broken).name in str(caught.value.hint)
    assert str(folder.parent) not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("huge", FILES[1:])
async def test_a_file_too_large_to_be_what_it_is_called_is_not_read(folder: Path, huge: str) -> None:
    with (folder / huge).open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(EmbeddingSetupError) as caught:
        await of(folder).embed_query("hammer")
    assert f"{Path(huge).name}: it has 3,221,225,472 bytes" in str(caught.value.hint)


@pytest.mark.parametrize("missing", FILES[:2])
async def test_a_file_that_is_missing_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    # As the hub's cache has a file that was removed.
    (folder / missing).symlink_to(folder / "nowhere")
    with pytest.raises(EmbeddingSetupError) as caught:
        await of(folder).embed_query("hammer")
    assert Path(missing).name in str(caught.value.hint)


async def test_weights_in_a_file_beside_the_model_are_read(folder: Path) -> None:
    plain = await of(folder).embed_query("hammer")
    (folder / "onnx" / "weights").write_bytes(weights_moved(folder, "weights"))
    assert np.array_equal(await of(folder).embed_query("hammer"), plain)


@pytest.mark.parametrize("way", ["above", "absolute", "link"])
async def test_no_weights_are_read_from_outside_of_the_folder(folder: Path, way: str) -> None:
    outside = folder.parent / "weights"
    location = {"above": "../../weights", "absolute": str(outside), "link": "weights"}[way]
    outside.write_bytes(weights_moved(folder, location))
    if way == "link":
        (folder / "onnx" / "weights").symlink_to(outside)
    with pytest.raises(EmbeddingSetupError) as caught:
        await of(folder).embed_query("hammer")
    assert "model.onnx" in str(caught.value.hint)
    assert str(folder.parent) not in str(caught.value.hint)


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra: pip install 'zava[onnx]'")
    with pytest.raises(EmbeddingSetupError, match="There is no folder nothing with a model"):
        await of(tmp_path / "nothing").embed_query("hammer")


async def test_without_the_package_one_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EmbeddingSetupError, match="onnxruntime, which is not installed") as caught:
        await of(tmp_path).embed_query("hammer")
    assert caught.value.hint == "pip install 'zava[onnx]'."


def test_a_model_has_to_be_named() -> None:
    with pytest.raises(ConfigurationError, match="needs a model"):
        create_embedder(EmbeddingConfig(provider="onnx"))
