"""The embedding provider that the settings ask for, made when it is first needed."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from cachetools import LRUCache

from zava_cli.infra.embeddings.base import Embedder, EmbeddingConfig, tidy
from zava_cli.infra.embeddings.providers import create_embedder
from zava_cli.infra.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT_BYTES = 8_000_000
"""Vectors of search texts: about 2,000 of the largest models, 8,000 of the local one."""


def embedder_from_settings(settings: Settings) -> Embedder:
    """The configured embedder, nothing loaded yet; ConfigurationError when there can be no such one."""
    return create_embedder(
        EmbeddingConfig(
            provider=settings.embedding_provider,
            model=settings.embedding_model,
            dimensions=settings.embedding_dimensions,
            base_url=settings.embedding_base_url,
            api_key=settings.openai_api_key,
            timeout=settings.embedding_timeout,
            threshold=settings.embedding_threshold,
        )
    )


def stored_name(embedder: Embedder, settings: Settings) -> str:
    """The name under which a model's vectors are stored.

    Vectors of different lengths cannot be compared, so a size that was asked for is part of the name; the
    local models have it in their own.
    """
    if embedder.provider == "local" or settings.embedding_dimensions is None:
        return embedder.model
    return f"{embedder.model}@{settings.embedding_dimensions}"


class EmbedderSource:
    """Makes the configured embedder on first use and keeps it; as an async context manager it closes it.

    It also keeps the vectors of search texts: the same text has the same one for as long as the model is the same.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._embedder: Embedder | None = None
        self._vectors: LRUCache[tuple[str, str], NDArray[np.float32]] = LRUCache(
            KEPT_BYTES, getsizeof=lambda vector: vector.nbytes
        )

    def get(self) -> Embedder:
        """The embedder; ConfigurationError as for embedder_from_settings."""
        if self._embedder is None:
            self._embedder = embedder_from_settings(self.settings)
        return self._embedder

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a search text, not to be written to; errors as for Embedder.embed_query."""
        embedder = self.get()
        key = (stored_name(embedder, self.settings), tidy(text))
        vector = self._vectors.get(key)
        if vector is None:
            vector = await embedder.embed_query(text)
            vector.setflags(write=False)
            self._vectors[key] = vector
        return vector

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._embedder is not None:
            await self._embedder.aclose()
