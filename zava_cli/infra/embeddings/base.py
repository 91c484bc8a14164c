"""What every embedding provider offers and shares: the protocol, its configuration, text and vector care."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, Field, SecretStr

from zava_cli.infra.errors import EmbeddingError
from zava_cli.infra.tracing import Span, span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# About 8,000 tokens at worst for ordinary scripts, which is what the larger hosted models take at once.
MAX_TEXT_CHARACTERS = 8_000
LARGEST = 4_000
"""Dimensions that pgvector can index, as halfvec (2,000 as vector): https://github.com/pgvector/pgvector#halfvec."""


@dataclass
class EmbeddingCall:
    """One batch that a provider was asked for; `tokens` where it counts them."""

    provider: str
    seconds: float = 0
    tokens: int = 0
    failed: bool = False


OnCall = Callable[[EmbeddingCall], None]
"""Hears of each call when it has ended, perhaps on another thread; neither waits nor raises."""
OnRefused = Callable[[int, EmbeddingError], None]
"""Hears of the place of a text that its provider does not take, and why."""


# A refused value may be a key or a URL with a password: it must not show up in the error text.
class EmbeddingConfig(BaseModel, frozen=True, hide_input_in_errors=True):
    """Which provider embeds, and how. None means the provider's own default; `timeout` is in seconds."""

    provider: Literal["local", "onnx", "openai"] = "local"
    model: str | None = Field(default=None, min_length=1, max_length=200)
    dimensions: int | None = Field(default=None, ge=64, le=3072)
    query_prefix: str = ""
    document_prefix: str = ""
    # It may hold a password.
    base_url: str | None = Field(default=None, repr=False)
    api_version: str | None = None
    api_key: SecretStr | None = None
    timeout: float = Field(default=30, gt=0, le=600)
    max_retries: int = Field(default=3, ge=0, le=10)
    concurrency: int = Field(default=4, ge=1, le=64)
    rate: float | None = Field(default=None, gt=0)
    threshold: float | None = Field(default=None, ge=-1, le=1)
    on_call: OnCall | None = Field(default=None, exclude=True, repr=False)


class Embedder(Protocol):
    """Turns texts into vectors of length 1. Every method but `aclose` may raise EmbeddingError.

    A blank text becomes a zero vector, never NaN; callers should not search with one or store one, because
    the cosine distance to a zero vector is NaN in PostgreSQL. Texts are cut at MAX_TEXT_CHARACTERS.
    `dimensions` is 0 until the first answer for a remote model that zava does not know and that has no
    configured size. `threshold` is the cosine similarity below which search drops a row by default; scores
    of different models are not comparable.
    """

    provider: str
    model: str
    dimensions: int
    threshold: float

    async def embed_documents(self, texts: Sequence[str], on_refused: OnRefused | None = None) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimensions), in the order of `texts`.

        With `on_refused` a text that the provider does not take becomes a zero vector, and the others go on.
        """
        ...

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of shape (dimensions,) for one search text."""
        ...

    async def check(self) -> str:
        """One line that says what works, for health; embeds one word for real."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and memory. The embedder may be used again; it starts afresh."""
        ...


@contextmanager
def timed_call(provider: str, on_call: OnCall | None) -> Generator[EmbeddingCall]:
    """Times the block, which may fill in what it learns, and tells of it."""
    call = EmbeddingCall(provider, failed=True)
    started = time.monotonic()
    try:
        yield call
        call.failed = False
    finally:
        call.seconds = time.monotonic() - started
        if on_call is not None:
            on_call(call)


def embedding_span(model: str) -> AbstractContextManager[Span]:
    """A span around a call of a model."""
    return span("embeddings", {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": model})


def tidy(text: str) -> str:
    """`text` as every provider can take it: no outer blanks, no lone surrogates, at most 8,000 characters."""
    # A terminal hands over bytes that are no UTF-8 as lone surrogates; tokenizers and JSON choke on them.
    return text.strip()[:MAX_TEXT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def batches(texts: Sequence[str], size: int, characters: int) -> Iterator[list[int]]:
    """Positions of the texts that are not empty, in groups of at most `size` texts.

    Texts of like length stay together, and the longest times the number of texts in a group is at most
    `characters` (unless a single text is longer), which bounds memory where texts are padded and the size of
    a request where they are not.
    """
    group: list[int] = []
    for position in sorted((i for i, text in enumerate(texts) if text), key=lambda i: -len(texts[i])):
        if group and (len(group) == size or (len(group) + 1) * len(texts[group[0]]) > characters):
            yield group
            group = []
        group.append(position)
    if group:
        yield group


def unit_rows(matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """The finite rows of `matrix` (n, d) scaled to length 1 as float32; rows of zeros stay zeros."""
    import numpy as np

    rows = matrix.astype(np.float64)
    # The largest component goes first, so that squaring neither overflows nor vanishes.
    rows /= _divisors(np.abs(rows).max(axis=1, initial=0.0))
    rows /= _divisors(np.linalg.norm(rows, axis=1))
    return rows.astype(np.float32)


def _divisors(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """`lengths` as a column, with 1 instead of 0."""
    lengths[lengths == 0] = 1.0
    return lengths.reshape(-1, 1)
