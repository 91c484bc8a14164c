"""The local embedding provider, with the real model."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from zava_cli.infra.embeddings.base import Embedder, EmbeddingConfig, batches, tidy, unit_rows
from zava_cli.infra.embeddings.providers import create_embedder
from zava_cli.infra.errors import ConfigurationError, EmbeddingError

PRODUCTS = [
    "Claw Hammer 16 oz. Forged steel hammer with a shock-absorbing handle.",
    "Exterior Paint Barn Red 1 gal. Weatherproof acrylic paint for wood siding.",
    "Garden Hose 50 ft. Kink-resistant rubber hose with brass couplings.",
    "Toilet Repair Kit. Fill valve and flapper that stop running toilets.",
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return create_embedder(EmbeddingConfig())


async def test_vectors_are_float32_of_length_one_and_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = [f"{PRODUCTS[i % 4]} Item {i}" * (1 + i % 7) for i in range(300)]
    vectors = await embedder.embed_documents(texts)
    assert vectors.shape == (300, 256)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for i in (0, 1, 150, 299):
        assert np.allclose(vectors[i], await embedder.embed_query(texts[i]), atol=1e-6)


@pytest.mark.parametrize("size", [64, 256])
async def test_vectors_are_those_of_the_model_s_own_embed(size: int) -> None:
    import wordllama

    folder = Path(wordllama.__file__).parent
    own = wordllama.WordLlama.load(cache_dir=folder, trunc_dim=size, disable_download=True)
    texts = [*PRODUCTS, "½-inch ⌀ 20 mm", "ħăᶆṁẹʀ 🔨", "x" * 5_000]
    vectors = await create_embedder(EmbeddingConfig(dimensions=size)).embed_documents(texts)
    assert np.allclose(vectors, own.embed(texts, norm=True), atol=1e-6)


async def test_a_question_finds_its_product_above_the_threshold_and_an_unrelated_one_finds_none(
    embedder: Embedder,
) -> None:
    products = await embedder.embed_documents(PRODUCTS)
    scores = products @ await embedder.embed_query("paint for the outside of my house")
    assert np.argmax(scores) == 1
    assert scores[1] > embedder.threshold
    unrelated = products @ await embedder.embed_query("election results")
    assert (unrelated < embedder.threshold).all()


async def test_blank_text_gives_a_zero_vector_and_never_nan(embedder: Embedder) -> None:
    vectors = await embedder.embed_documents(["", " \n\t", "hammer"])
    assert not vectors[:2].any()
    assert np.isfinite(vectors).all()
    assert vectors[2].any()
    assert (await embedder.embed_query("")).shape == (256,)


async def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert (await embedder.embed_documents([])).shape == (0, 256)


@pytest.mark.parametrize("text", ["\udcff broken bytes", "\x00", "😀" * 9_000, "日本語のハンマー", "x" * 100_000])
async def test_odd_text_still_gives_a_vector_of_length_one(embedder: Embedder, text: str) -> None:
    assert np.isclose(np.linalg.norm(await embedder.embed_query(text)), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "model", "dimensions"),
    [
        (EmbeddingConfig(), "wordllama-l2-256", 256),
        (EmbeddingConfig(dimensions=64), "wordllama-l2-64", 64),
        (EmbeddingConfig(model="wordllama-l2-128"), "wordllama-l2-128", 128),
    ],
)
async def test_smaller_sizes_have_names_of_their_own(config: EmbeddingConfig, model: str, dimensions: int) -> None:
    smaller = create_embedder(config)
    assert (smaller.model, smaller.dimensions) == (model, dimensions)
    assert (await smaller.embed_query("hammer")).shape == (dimensions,)
    await smaller.aclose()


@pytest.mark.parametrize(
    "config",
    [
        EmbeddingConfig(dimensions=100),
        EmbeddingConfig(model="text-embedding-3-small"),
        EmbeddingConfig(model="wordllama-l2-128", dimensions=64),
    ],
)
def test_a_model_or_size_that_does_not_exist_is_refused_at_once(config: EmbeddingConfig) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_embedder(config)
    assert "wordllama-l2-256" in (caught.value.hint or "")


async def test_it_works_without_any_network_and_leaves_the_log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the local provider used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    before = list(logging.getLogger().handlers)
    fresh = create_embedder(EmbeddingConfig())
    assert await fresh.check() == "local wordllama-l2-256, 256 dimensions, on this machine"
    assert logging.getLogger().handlers == before


def test_its_first_import_adds_no_handler_to_the_root_logger() -> None:
    program = (
        "import asyncio, logging\n"
        "from zava_cli.infra.embeddings.base import EmbeddingConfig\n"
        "from zava_cli.infra.embeddings.providers import create_embedder\n"
        "asyncio.run(create_embedder(EmbeddingConfig()).check())\n"
        "raise SystemExit(len(logging.getLogger().handlers))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_importing_the_factory_imports_no_heavy_package() -> None:
    program = (
        "import sys, zava_cli.infra.embeddings.providers\n"
        "raise SystemExit(', '.join({'numpy', 'openai', 'wordllama'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


async def test_a_missing_package_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules is Python's own way to say that a module cannot be imported.
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(EmbeddingError, match="wordllama, which is not installed") as caught:
        await create_embedder(EmbeddingConfig()).check()
    assert "keyword" in (caught.value.hint or "")
    assert "openai" in (caught.value.hint or "")


async def test_many_callers_at_once_load_the_model_once_and_off_the_loop() -> None:
    import wordllama

    loads: list[int] = []
    # WordLlama reads its tokenizer in every load, so this sees each of them; the real one still runs.
    real = wordllama.WordLlama.load_tokenizer

    def counted(*args: Any, **kwargs: Any) -> Any:
        loads.append(threading.get_ident())
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordllama.WordLlama, "load_tokenizer", staticmethod(counted))
        fresh = create_embedder(EmbeddingConfig())
        await asyncio.gather(*(fresh.embed_query(text) for text in PRODUCTS))
    assert len(loads) == 1
    assert loads[0] != threading.get_ident()


async def test_it_may_be_used_again_after_closing() -> None:
    fresh = create_embedder(EmbeddingConfig())
    first = await fresh.embed_query("hammer")
    await fresh.aclose()
    assert np.array_equal(first, await fresh.embed_query("hammer"))


def test_batches_hold_every_filled_text_once_within_both_limits() -> None:
    texts = ["x" * length for length in (5, 0, 900, 20, 20, 3000, 1, 0, 7)]
    groups = list(batches(texts, size=3, characters=1_000))
    assert sorted(i for group in groups for i in group) == [0, 2, 3, 4, 5, 6, 8]
    assert all(len(group) <= 3 for group in groups)
    assert all(len(group) * max(len(texts[i]) for i in group) <= 1_000 for group in groups if group != [5])


def test_unit_rows_survive_huge_tiny_and_zero_rows() -> None:
    rows = unit_rows(np.array([[3e200, 4e200], [3e-200, 4e-200], [0.0, 0.0]]))
    assert np.allclose(rows, [[0.6, 0.8], [0.6, 0.8], [0, 0]])
    assert unit_rows(np.zeros((0, 4))).shape == (0, 4)


def test_tidy_text_is_valid_short_and_without_outer_blanks() -> None:
    assert tidy("  hammer \n") == "hammer"
    assert tidy("a\udcffb") == "a?b"
    assert len(tidy("x" * 9_000)) == 8_000


def test_a_refused_configuration_does_not_repeat_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        EmbeddingConfig.model_validate({"base_url": {"password": "s3cret"}})
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(EmbeddingConfig(base_url="https://u:s3cret@example.com"))
