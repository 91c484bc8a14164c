"""Embeddings from OpenAI or any server that speaks its embeddings API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import numpy as np
from numpy.typing import NDArray
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncAzureOpenAI,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
    omit,
)

from zava_cli.infra.breaker import CircuitBreaker
from zava_cli.infra.deadline import at_most, bounded
from zava_cli.infra.embeddings.api_key import api_key
from zava_cli.infra.embeddings.base import (
    LARGEST,
    EmbeddingConfig,
    OnRefused,
    batches,
    embedding_span,
    tidy,
    timed_call,
)
from zava_cli.infra.embeddings.halving import Halving, Piece
from zava_cli.infra.embeddings.openai_answers import NonsenseError, vectors_of
from zava_cli.infra.embeddings.openai_errors import ServiceErrors
from zava_cli.infra.embeddings.pacing import Pace
from zava_cli.infra.errors import ConfigurationError, EmbeddingUnavailableError
from zava_cli.infra.retrying import attempts
from zava_cli.infra.setting_types import LOOPBACK

_OPENAI_URL = "https://api.openai.com/v1"
_DEFAULT_MODEL = "text-embedding-3-small"
_NATIVE_SIZES = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_THRESHOLD = 0.7
_BATCH = 256
# One request may hold 300,000 tokens; a character of a dense script is about one.
_BATCH_CHARACTERS = 250_000
_LONGEST_WAIT = 8.0
_LONGEST_WANTED_WAIT = 120.0
_LEAST_LEFT = 1.0


class OpenAIEmbedder:
    """An OpenAI-compatible service. Batches run side by side, at most `concurrency` requests at a time.

    What a service may recover from is tried again, when it says or after a growing wait; when it says, no request of
    this process starts before. `embed_query` and `check` end with the request that they are a part of and after
    `timeout` seconds, because somebody is waiting; a service that keeps failing them is left alone for a while.
    """

    provider = "openai"

    def __init__(self, config: EmbeddingConfig) -> None:
        self.model = config.model or _DEFAULT_MODEL
        native = _NATIVE_SIZES.get(self.model, 0)
        self.dimensions = config.dimensions or native
        self.threshold = _THRESHOLD if config.threshold is None else config.threshold
        self._config = config
        # Older models refuse the parameter even when it names their own size.
        self._asked = config.dimensions if config.dimensions != native else None
        self._url = _split(config.base_url or _OPENAI_URL)
        self._slots = asyncio.Semaphore(config.concurrency)
        self._pace = Pace(config.rate)
        self._connected: AsyncOpenAI | None = None
        self._breaker = CircuitBreaker(EmbeddingUnavailableError)
        self._halving = Halving(self._answers, _BATCH)
        # Host and port, without user name, password, path or query.
        place = self._url.netloc.rpartition("@")[2]
        self._errors = ServiceErrors(place, self.model, config.timeout)

    async def embed_documents(self, texts: Sequence[str], on_refused: OnRefused | None = None) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimensions), in the order of `texts`; `on_refused` as in Embedder.

        Raises EmbeddingError.
        """
        return await self._embed_all(texts, self._config.document_prefix, on_refused)

    async def _embed_all(
        self,
        texts: Sequence[str],
        prefix: str,
        on_refused: OnRefused | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> NDArray[np.float32]:
        tidied = [tidy(prefix + text) if text.strip() else "" for text in texts]

        async def send(places: list[int]) -> NDArray[np.float32]:
            return await self._embed([tidied[place] for place in places], breaker)

        async def pieces(places: list[int]) -> list[Piece]:
            if on_refused is None:
                return [(places, await send(places))]
            return await self._halving.pieces(places, send, on_refused)

        groups = batches(tidied, self._halving.most, _BATCH_CHARACTERS)
        try:
            async with asyncio.TaskGroup() as tasks:
                answers = [tasks.create_task(pieces(group)) for group in groups]
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        vectors = np.zeros((len(tidied), self.dimensions), dtype=np.float32)
        for places, rows in (piece for answer in answers for piece in answer.result()):
            vectors[places] = rows
        return vectors

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of shape (dimensions,) for one search text. Raises EmbeddingError."""
        self._check(self._breaker)
        with bounded(self._config.timeout) as deadline:
            try:
                async with asyncio.timeout(deadline.left()):
                    return (await self._embed_all([text], self._config.query_prefix, breaker=self._breaker))[0]
            except TimeoutError:
                self._breaker.failed()
                raise self._errors.timed_out() from None

    async def check(self) -> str:
        """One line for health; embeds one word for real. Raises EmbeddingError."""
        await self.embed_query("hammer")
        return f"openai {self.model} at {self._errors.place}, {self.dimensions} dimensions"

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._connected = self._connected, None
        if client is not None:
            await client.close()

    def _check(self, breaker: CircuitBreaker) -> None:
        if pause := breaker.seconds_left():
            raise self._errors.left_alone("has failed several times in a row", pause)

    async def _answers(self) -> None:
        """Embeds a word at once, past the texts that wait for their turn. Raises EmbeddingError."""
        with bounded(self._config.timeout) as deadline:
            try:
                async with asyncio.timeout(deadline.left()):
                    await self._ask(["hammer"])
            except TimeoutError:
                raise self._errors.timed_out() from None

    async def _embed(self, texts: list[str], breaker: CircuitBreaker | None) -> NDArray[np.float32]:
        async with self._slots:
            return await self._ask(texts, breaker)

    async def _ask(self, texts: list[str], breaker: CircuitBreaker | None = None) -> NDArray[np.float32]:
        with embedding_span(self.model), timed_call(self.provider, self._config.on_call) as call:
            body = await self._patiently(texts, breaker)
            # Reading a few megabytes of JSON takes long enough to hold up other callers.
            try:
                vectors, call.tokens = await asyncio.to_thread(vectors_of, body, len(texts))
            except NonsenseError as nonsense:
                call.tokens = nonsense.tokens
                raise self._errors.nonsense(nonsense.what) from None
        self.dimensions = self.dimensions or vectors.shape[1]
        if vectors.shape[1] != self.dimensions:
            raise self._errors.wrong_size(vectors.shape[1], self.dimensions)
        if self.dimensions > LARGEST:
            raise self._errors.too_large(self.dimensions)
        return vectors

    async def _patiently(self, texts: list[str], breaker: CircuitBreaker | None) -> bytes:
        def again(error: Exception) -> bool | float:
            return not (breaker and breaker.seconds_left()) and _wait_for(error)

        most = self._config.max_retries + 1
        async for attempt in attempts(again, most, first=0.5, longest=_LONGEST_WAIT, jitter=0.25):
            with attempt:
                held = self._pace.held_for()
                if held >= at_most(_LONGEST_WANTED_WAIT):
                    raise self._errors.left_alone("wants to be left alone", held)
                await self._pace.turn()
                if breaker is None:
                    return await self._request(texts)
                # Each request counts, not each of those who ask: they wait seconds for all of theirs.
                self._check(breaker)
                with breaker.attempt():
                    return await self._request(texts)
        raise self._errors.timed_out()

    async def _request(self, texts: list[str]) -> bytes:
        client = self._client()
        # The errors are raised `from None`: the library's texts hold the answer's body, and some servers
        # repeat the whole key there.
        try:
            # The raw answer, because building the library's objects takes five times as long as the rest.
            answer = await client.embeddings.with_raw_response.create(
                model=self.model, input=texts, encoding_format="float", dimensions=self._asked or omit
            )
        except APITimeoutError:
            raise self._errors.timed_out() from None
        except APIConnectionError:
            raise self._errors.unreachable() from None
        except APIStatusError as exc:
            refused = self._errors.refused(exc)
            if isinstance(refused, EmbeddingUnavailableError) and refused.wanted_wait is not None:
                self._pace.hold(min(refused.wanted_wait, _LONGEST_WANTED_WAIT))
            raise refused from None
        except OpenAIError as exc:
            raise self._errors.failed(type(exc).__name__) from None
        return answer.http_response.content

    def _client(self) -> AsyncOpenAI:
        if self._connected is None:
            key, address = api_key(self._config, self._url.hostname or ""), self._url.geturl()
            timeout, version = self._config.timeout, self._config.api_version
            # A redirect would take the texts, and Azure's key, to a host that nobody chose; a proxy of the environment
            # would read what is meant for this machine.
            is_plain = self._url.scheme == "http" and self._url.hostname in LOOPBACK
            http = DefaultAsyncHttpxClient(follow_redirects=False, trust_env=not is_plain)
            common: dict[str, Any] = {"api_key": key, "timeout": timeout, "max_retries": 0, "http_client": http}
            self._connected = (
                AsyncOpenAI(base_url=address, **common)
                if version is None
                else AsyncAzureOpenAI(azure_endpoint=address, api_version=version, **common)
            )
        return self._connected


def _wait_for(error: Exception) -> bool | float:
    """Whether to try again, or in how many seconds where the service says so; not past the request's end."""
    if not isinstance(error, EmbeddingUnavailableError):
        return False
    left = at_most(_LONGEST_WANTED_WAIT)
    if error.wanted_wait is None:
        return left > _LEAST_LEFT
    return error.wanted_wait < left and error.wanted_wait


def _split(url: str) -> SplitResult:
    """The parts of a base URL; ConfigurationError, which does not repeat it, when it is none."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        usable, parts = False, SplitResult("", "", "", "", "")
    if not usable:
        raise ConfigurationError(
            "The base URL for embeddings is not a web address.",
            hint="Write it like https://api.openai.com/v1 or http://localhost:11434/v1.",
        )
    return parts
