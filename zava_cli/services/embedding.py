"""The embedding provider that the settings ask for, or the one that a model on record needs, made when first needed."""

from __future__ import annotations

import hashlib
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from cachetools import LRUCache

from zava_cli.infra.embeddings.base import Embedder, EmbeddingConfig, OnCall, tidy
from zava_cli.infra.embeddings.providers import create_embedder
from zava_cli.infra.errors import ConfigurationError, EmbeddingError
from zava_cli.infra.onnx_models import shown_name
from zava_cli.infra.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT_BYTES = 8_000_000
"""Vectors of search texts: about 2,000 of the largest models, 8,000 of the local one."""

HURRIED_SECONDS = 5.0
"""Models on this machine that have to be loaded first take some of them."""


class RecordedModel(Protocol):
    """How a model on record is asked for."""

    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def provider_model(self) -> str: ...
    @property
    def asked_dimensions(self) -> int | None: ...
    @property
    def query_prefix(self) -> str: ...
    @property
    def document_prefix(self) -> str: ...


def embedding_config(settings: Settings, on_call: OnCall | None = None) -> EmbeddingConfig:
    """What the settings say about embeddings."""
    return EmbeddingConfig(
        provider=settings.embedding_provider,
        model=settings.embedding_model,
        dimensions=settings.embedding_dimensions,
        query_prefix=settings.embedding_query_prefix,
        document_prefix=settings.embedding_document_prefix,
        base_url=settings.embedding_base_url,
        api_version=settings.embedding_api_version,
        api_key=settings.openai_api_key,
        timeout=settings.embedding_timeout,
        concurrency=settings.embedding_concurrency,
        rate=settings.embedding_rate,
        threshold=settings.embedding_threshold,
        on_call=on_call,
    )


def hurried(config: EmbeddingConfig) -> EmbeddingConfig:
    """One attempt that nobody waits for very long."""
    return config.model_copy(update={"timeout": min(config.timeout, HURRIED_SECONDS), "max_retries": 0})


def question_text(text: str) -> str:
    """What is embedded for a question: in lower case, as the products' texts are."""
    return text.lower()


def embedder_from_settings(settings: Settings) -> Embedder:
    """The configured embedder, nothing loaded yet; ConfigurationError when there can be no such one."""
    return create_embedder(embedding_config(settings))


def stored_name(embedder: Embedder, settings: Settings) -> str:
    """The name under which a model's vectors are stored.

    Vectors of different lengths, or of texts with different prefixes, cannot be compared, so a size that was
    asked for and a sign of the prefixes are part of the name; the local models have their size in their own.
    """
    if embedder.provider == "local":
        return embedder.model
    size = "" if settings.embedding_dimensions is None else f"@{settings.embedding_dimensions}"
    prefixes = (settings.embedding_query_prefix, settings.embedding_document_prefix)
    return f"{embedder.model}{size}{f'#{_sign(prefixes)}' if any(prefixes) else ''}"


def settings_for(recorded: RecordedModel, settings: Settings) -> Settings:
    """The settings with which a process embeds by a model on record, where and with which key they say themselves.

    Raises EmbeddingError for a remote model unless the settings name its provider: what people ask never goes to
    a service because a row of the database says so.
    """
    _check_provider(recorded, settings)
    return settings.model_copy(
        update={
            "embedding_provider": recorded.provider,
            "embedding_model": recorded.provider_model,
            "embedding_dimensions": recorded.asked_dimensions,
            "embedding_query_prefix": recorded.query_prefix,
            "embedding_document_prefix": recorded.document_prefix,
        }
    )


def _check_provider(recorded: RecordedModel, settings: Settings) -> None:
    if recorded.provider not in ("local", settings.embedding_provider):
        raise EmbeddingError(
            f"The products are embedded with {shown_name(recorded.model)}, and the settings ask for "
            f"{shown_name(stored_name(embedder_from_settings(settings), settings))}.",
            hint=f"Set ZAVA_EMBEDDING_PROVIDER={recorded.provider} with the model's address and key, or run "
            "`zava embed` and `zava embed switch` to change to the configured one.",
        )


class EmbedderSource:
    """Makes an embedder on first use and keeps it; as an async context manager it closes what it made.

    One that `is_hurried` asks once and not for long, for who would rather have an answer without it.
    It also keeps the vectors of search texts: the same text has the same one for as long as the model is the same.
    """

    def __init__(self, settings: Settings, on_call: OnCall | None = None, *, is_hurried: bool = False) -> None:
        self.settings = settings
        self._is_hurried = is_hurried
        self._on_call = on_call
        self._embedders: dict[str, Embedder] = {}
        self._vectors: LRUCache[tuple[str, str], NDArray[np.float32]] = LRUCache(
            KEPT_BYTES, getsizeof=lambda vector: vector.nbytes
        )

    def get(self) -> Embedder:
        """The configured embedder; ConfigurationError as for embedder_from_settings."""
        return self._kept("", self.settings)

    def chosen(self, active: RecordedModel | None) -> tuple[Embedder, Settings]:
        """The embedder to bring products up to date with, and its settings: the configured one, or that of the model
        which search uses where the settings name a provider alone. Errors as for `of`.
        """
        if active is None or active.provider != self.settings.embedding_provider or _name_a_model(self.settings):
            return self.get(), self.settings
        return self.of(active), settings_for(active, self.settings)

    def of(self, recorded: RecordedModel) -> Embedder:
        """The embedder of a model on record; errors as for settings_for, also for a local one that zava has not."""
        try:
            _check_provider(recorded, self.settings)
            if recorded.model == stored_name(self.get(), self.settings):
                return self.get()
            kept = self._embedders.get(recorded.model)
            return kept or self._kept(recorded.model, settings_for(recorded, self.settings))
        except ConfigurationError as error:
            if recorded.provider != "local":
                raise
            raise EmbeddingError(error.message, hint=error.hint) from None

    def _kept(self, name: str, settings: Settings) -> Embedder:
        if name not in self._embedders:
            config = embedding_config(settings, self._on_call)
            self._embedders[name] = create_embedder(hurried(config) if self._is_hurried else config)
        return self._embedders[name]

    def is_at_hand(self, recorded: RecordedModel | None, text: str) -> bool:
        """Whether nobody else has to be asked for the vector of a search text, or there can be none."""
        return recorded is None or recorded.provider != "openai" or _key(recorded, text) in self._vectors

    async def embed_query(self, recorded: RecordedModel, text: str) -> NDArray[np.float32]:
        """The vector of a search text by a model on record, not to be written to; errors as for `of`."""
        embedder = self.of(recorded)
        key = _key(recorded, text)
        vector = self._vectors.get(key)
        if vector is None:
            vector = await embedder.embed_query(question_text(text))
            vector.setflags(write=False)
            self._vectors[key] = vector
        return vector

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for embedder in self._embedders.values():
            await embedder.aclose()


def _name_a_model(settings: Settings) -> bool:
    prefixes = (settings.embedding_query_prefix, settings.embedding_document_prefix)
    return settings.embedding_model is not None or settings.embedding_dimensions is not None or any(prefixes)


def _key(recorded: RecordedModel, text: str) -> tuple[str, str]:
    return recorded.model, tidy(text)


def _sign(prefixes: tuple[str, str]) -> str:
    return hashlib.sha256("\n".join(prefixes).encode()).hexdigest()[:8]
