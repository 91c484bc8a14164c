"""Embeddings on this machine with a sentence-transformers model that one has fetched oneself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

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
from zava_cli.infra.errors import ConfigurationError, EmbeddingSetupError
from zava_cli.infra.onnx_models import OnnxModel

_THRESHOLD = 0.3
_BATCH = 32
_BATCH_CHARACTERS = 16_000
_POOLINGS = ("cls", "mean")


class OnnxEmbedder:
    """A model in sentence-transformers' layout with an ONNX file, loaded once on first use; it works in threads."""

    provider = "onnx"

    def __init__(self, config: EmbeddingConfig) -> None:
        if config.model is None:
            raise ConfigurationError(
                "The onnx provider needs a model.",
                hint="Set ZAVA_EMBEDDING_MODEL, such as sentence-transformers/all-MiniLM-L6-v2 or a folder.",
            )
        self.model = config.model
        self.dimensions = config.dimensions or 0
        self.threshold = _THRESHOLD if config.threshold is None else config.threshold
        self.batch_size = _BATCH
        self._config = config
        self._model = OnnxModel(config.model)

    async def embed_documents(self, texts: Sequence[str], on_refused: OnRefused | None = None) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimensions), in the order of `texts`. Raises EmbeddingError."""
        return await self._embed_all(texts, self._config.document_prefix)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of shape (dimensions,) for one search text. Raises EmbeddingError."""
        return (await self._embed_all([text], self._config.query_prefix))[0]

    async def check(self) -> str:
        """One line for health; loads the model. Raises EmbeddingError."""
        await self.embed_query("hammer")
        return f"onnx {self._model.shown}, {self.dimensions} dimensions, on this machine"

    async def aclose(self) -> None:
        """Let go of the model's memory."""
        self._model.unload()

    async def _embed_all(self, texts: Sequence[str], prefix: str) -> NDArray[np.float32]:
        tidied = [tidy(prefix + text) if text.strip() else "" for text in texts]
        # One thread call per batch: a cancelled caller waits for one batch, not for all of them.
        answers: list[tuple[list[int], NDArray[np.float32]]] = []
        for group in batches(tidied, self.batch_size, _BATCH_CHARACTERS):
            with embedding_span(self._model.shown):
                answers.append((group, await asyncio.to_thread(self._embed, [tidied[i] for i in group])))
        vectors = np.zeros((len(tidied), self.dimensions), dtype=np.float32)
        for group, rows in answers:
            vectors[group] = rows
        return vectors

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        with timed_call(self.provider, self._config.on_call):
            output, mask = self._model.run(texts)
            vectors = unit_rows(self._pooled(output, mask))
        self.dimensions = self.dimensions or vectors.shape[1]
        if vectors.shape[1] != self.dimensions:
            raise EmbeddingSetupError(
                f"The model {self._model.shown} makes vectors of {vectors.shape[1]} dimensions, not {self.dimensions}.",
                hint="Leave ZAVA_EMBEDDING_DIMENSIONS empty, or take another model.",
            )
        return vectors

    def _pooled(self, output: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """One vector a text of the tokens' vectors (texts, tokens, dimensions), as the model was trained."""
        pooling = self._pooling()
        if pooling not in _POOLINGS or output.ndim != 3:
            raise EmbeddingSetupError(
                f"It cannot be told how {self._model.shown} makes a text's vector of its words'.",
                hint="Take a sentence-transformers model whose 1_Pooling/config.json says cls or mean.",
            )
        if pooling == "cls":
            return output[:, 0]
        weights = mask[:, :, None].astype(np.float32)
        return (output * weights).sum(axis=1) / weights.sum(axis=1)

    def _pooling(self) -> object:
        """The one way that 1_Pooling/config.json names, in today's form or the older one of a flag for each."""
        config = self._model.config("1_Pooling/config.json")
        flags = [name for name, is_on in config.items() if name.startswith("pooling_mode_") and is_on is True]
        if len(flags) == 1:
            return flags[0].removeprefix("pooling_mode_").removesuffix("s").removesuffix("_token")
        return config.get("pooling_mode")
