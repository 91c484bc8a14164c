"""Embeddings on this machine with WordLlama: 16 MB of weights inside its package, no network, no GPU."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zava_cli.infra.embeddings.base import (
    EmbeddingConfig,
    OnRefused,
    batches,
    embedding_span,
    tidy,
    timed_call,
    unit_rows,
)
from zava_cli.infra.errors import ConfigurationError, EmbeddingError

if TYPE_CHECKING:
    from wordllama.inference import WordLlamaInference

# The package carries 256-dimensional weights that may be cut to these sizes (Matryoshka training).
_SIZES = (64, 128, 256)
_MODEL = "wordllama-l2-"
# On 34 product texts, 0.3 kept 24 of the 26 that fitted a shopper's question and 2 % of all other pairs;
# on the sample catalogue it left 11 of 12 unrelated questions without any hit.
_THRESHOLD = 0.3
# On 20,000 product texts smaller batches are slower and larger ones not faster.
_BATCH = 512
_BATCH_CHARACTERS = 128_000


class LocalEmbedder:
    """WordLlama, loaded once on first use; loading it and embedding products run in threads beside the event loop."""

    provider = "local"

    def __init__(self, config: EmbeddingConfig) -> None:
        self.dimensions = _size(config)
        self.model = f"{_MODEL}{self.dimensions}"
        self.threshold = _THRESHOLD if config.threshold is None else config.threshold
        self._on_call = config.on_call
        self._lock = threading.Lock()
        self._loaded: WordLlamaInference | None = None

    async def embed_documents(self, texts: Sequence[str], on_refused: OnRefused | None = None) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimensions), in the order of `texts`. Raises EmbeddingError."""
        tidied = [tidy(text) for text in texts]
        vectors = np.zeros((len(tidied), self.dimensions), dtype=np.float32)
        # One thread call per batch: a cancelled caller waits for one batch, not for all of them.
        for group in batches(tidied, _BATCH, _BATCH_CHARACTERS):
            with embedding_span(self.model):
                vectors[group] = await asyncio.to_thread(self._embed, [tidied[i] for i in group])
        return vectors

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of shape (dimensions,) for one search text. Raises EmbeddingError."""
        tidied = tidy(text)
        if self._loaded is None or not tidied:
            return (await self.embed_documents([text]))[0]
        # A question is short: it is embedded before a thread would have begun.
        with embedding_span(self.model):
            return self._embed([tidied])[0]

    async def check(self) -> str:
        """One line for health; loads the model. Raises EmbeddingError."""
        await self.embed_query("hammer")
        return f"local {self.model}, {self.dimensions} dimensions, on this machine"

    async def aclose(self) -> None:
        """Let go of the model's memory."""
        with self._lock:
            self._loaded = None

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        with timed_call(self.provider, self._on_call):
            return unit_rows(_means(self._model(), texts))

    def _model(self) -> WordLlamaInference:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self.dimensions)
            return self._loaded


def _means(model: WordLlamaInference, texts: list[str]) -> NDArray[np.float64]:
    """The mean of each text's token vectors; zeros for a text without any.

    What the model's own `embed` computes, which needs twice the time: it pads every text to the longest, and asks the
    tokenizer where each token stood.
    """
    tokens = model.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    means = np.zeros((len(texts), model.embedding.shape[1]))
    for row, found in enumerate(tokens):
        if found.ids:
            means[row] = model.embedding[found.ids].mean(axis=0)
    return means


def _size(config: EmbeddingConfig) -> int:
    """The dimensions that model name and number ask for; ConfigurationError when there is no such model."""
    named = {f"{_MODEL}{size}": size for size in _SIZES}
    size = config.dimensions or named.get(config.model or "", _SIZES[-1])
    if size not in _SIZES or (config.model is not None and named.get(config.model) != size):
        asked = f"{config.model or 'the local model'} with {size} dimensions"
        raise ConfigurationError(
            f"The local embedding provider has no {asked}.",
            hint=f"Use one of {', '.join(named)}, or choose the openai provider.",
        )
    return size


def _load(dimensions: int) -> WordLlamaInference:
    """The model from the installed package's own files; EmbeddingError where it is missing or broken."""
    # wordllama calls logging.basicConfig when imported, which would add a second handler that writes to
    # stderr; a root logger that has a handler is left alone.
    placeholder = logging.NullHandler()
    logging.getLogger().addHandler(placeholder)
    try:
        import wordllama

        # Its wheel has the tokenizer in another folder than the default one; without cache_dir it would
        # look in the home directory and then on the network.
        model = wordllama.WordLlama.load(
            cache_dir=Path(wordllama.__file__).parent,
            trunc_dim=None if dimensions == _SIZES[-1] else dimensions,
            disable_download=True,
        )
        model.tokenizer.no_padding()
        return model
    except ImportError as exc:
        raise EmbeddingError(
            "Local embeddings need the package wordllama, which is not installed here.",
            hint="There is no wheel of it for Python 3.14 or Linux on Arm: search by keyword, "
            "or use the openai provider.",
        ) from exc
    except (OSError, RuntimeError, ValueError) as exc:
        raise EmbeddingError(
            "The local embedding model cannot be loaded.",
            hint="Install the package wordllama again, search by keyword, or use the openai provider.",
        ) from exc
    finally:
        logging.getLogger().removeHandler(placeholder)
