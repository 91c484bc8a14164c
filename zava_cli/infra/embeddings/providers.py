"""Picks the embedding provider; imports only the one that is asked for, and only when it is."""

from __future__ import annotations

from zava_cli.infra.embeddings.base import Embedder, EmbeddingConfig


def create_embedder(config: EmbeddingConfig) -> Embedder:
    """The embedder for `config`. Loads no model and opens no connection yet.

    Raises ConfigurationError when the configuration asks for a model or address that cannot exist.
    """
    if config.provider == "openai":
        from zava_cli.infra.embeddings.openai import OpenAIEmbedder

        return OpenAIEmbedder(config)
    if config.provider == "onnx":
        from zava_cli.infra.embeddings.onnx import OnnxEmbedder

        return OnnxEmbedder(config)
    from zava_cli.infra.embeddings.local import LocalEmbedder

    return LocalEmbedder(config)
