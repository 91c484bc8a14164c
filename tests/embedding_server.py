"""A small real HTTP server that speaks the OpenAI embeddings API and misbehaves on demand."""

from __future__ import annotations

import json
import random
import threading
import zlib
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from tests.http_stub import Answering, answering
from zava_cli.infra.embeddings.base import Embedder, EmbeddingConfig
from zava_cli.infra.embeddings.providers import create_embedder

KEY = "sk-test-0123456789"

Behaviour = Literal[
    "ok",
    "shuffled",
    "rate_limited_once",
    "rate_limited",
    "server_error",
    "unauthorized",
    "bad_request",
    "forbidden",
    "not_found",
    "too_large",
    "truncated",
    "not_json",
    "wrong_dimension",
    "ragged",
    "nan",
    "null",
    "huge",
    "zeros",
    "base64",
    "fewer",
    "repeated_index",
    "slow",
]
_STATUS = {"rate_limited": 429, "server_error": 500, "unauthorized": 401, "bad_request": 400,
           "forbidden": 403, "not_found": 404, "too_large": 413}  # fmt: skip


@lru_cache(maxsize=10_000)
def _word(word: str, dimensions: int) -> NDArray[np.float64]:
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=dimensions)


def vector_of(text: str, dimensions: int) -> list[float]:
    """What the server answers for `text`: always the same, not of length 1, near where words are shared."""
    words = text.lower().split() or [""]
    return np.sum([_word(word, dimensions) for word in words], axis=0).tolist()


@dataclass
class EmbeddingServer:
    """The running server; change `behaviour` at any time. `requests` holds the JSON body of each request,
    `headers` its headers in lower case and `paths` its path. `most_at_once` counts overlapping requests. A request with
    more than `most_texts` is too large. What is refused bears `retry_after`, or else the headers `limits`."""

    base_url: str
    dimensions: int
    behaviour: Behaviour = "ok"
    poison: str = ""
    gathering: int = 1
    most_texts: int = 2_048
    retry_after: str | None = None
    limits: dict[str, str] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    paths: list[str] = field(default_factory=list[str])
    most_at_once: int = 0
    _at_once: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _stopping: bool = False

    def enter(self) -> None:
        """Count a request in and hold it until `gathering` of them have been seen at the same time."""
        with self._changed:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopping or self.most_at_once >= self.gathering, timeout=30)

    def wait_for_a_request(self) -> None:
        """Block until the first request is here."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.most_at_once > 0, timeout=120)

    def leave(self) -> None:
        """Count a request out."""
        with self._changed:
            self._at_once -= 1

    def hold(self) -> None:
        """Keep a request without an answer until the server stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, timeout=30)

    def behaviour_for(self, body: dict[str, Any]) -> Behaviour:
        """What a request meets: with `poison` only one that holds that text meets anything but "ok"."""
        if len(body["input"]) > self.most_texts:
            return "too_large"
        return self.behaviour if any(self.poison in text for text in body["input"]) else "ok"

    def stop(self) -> None:
        """Let all held requests go."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def answer(self, body: dict[str, Any], behaviour: Behaviour) -> bytes:
        """The bytes of a 200 answer under a behaviour."""
        size = int(body.get("dimensions") or self.dimensions)
        data = [
            {"object": "embedding", "index": index, "embedding": vector_of(text, size)}
            for index, text in enumerate(body["input"])
        ]
        _spoil(data, behaviour)
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        text = json.dumps({"object": "list", "model": body["model"], "data": data, "usage": usage})
        if behaviour == "not_json":
            return b"<html>welcome</html>"
        return text.encode()[: len(text) // 2 if behaviour == "truncated" else None]


def _spoil(data: list[dict[str, Any]], behaviour: Behaviour) -> None:
    last = data[-1]
    odd = {"nan": float("nan"), "null": None, "huge": 1e300}
    if behaviour == "shuffled":
        random.Random(7).shuffle(data)
    elif behaviour == "wrong_dimension":
        for item in data:
            item["embedding"].append(1.0)
    elif behaviour == "ragged":
        last["embedding"].append(1.0)
    elif behaviour == "zeros":
        last["embedding"] = [0.0] * len(last["embedding"])
    elif behaviour == "base64":
        last["embedding"] = "AACAPwAAgD8="
    elif behaviour == "fewer":
        data.pop()
    elif behaviour == "repeated_index":
        last["index"] = 0
    elif behaviour in odd:
        last["embedding"][0] = odd[behaviour]


def _handler(state: EmbeddingServer) -> type[Answering]:
    class Handler(Answering):
        def respond(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.requests.append(body)
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            state.paths.append(self.path)
            state.enter()
            try:
                self._act(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                state.leave()

        def _act(self, body: dict[str, Any]) -> None:
            behaviour = state.behaviour_for(body)
            if behaviour == "slow":
                state.hold()
            wait = {"retry-after-ms": "10"} if state.retry_after is None else {"retry-after": state.retry_after}
            wait = wait if state.limits is None else state.limits
            if behaviour == "rate_limited_once":
                state.behaviour = "ok"
                self._send(429, b"{}", wait)
            elif behaviour in _STATUS:
                # Some servers do repeat the key and the text: nothing of it may reach the user.
                echo = f"{self.headers.get('authorization')} {body['input']}"
                answer = json.dumps({"error": {"message": echo, "code": "x"}}).encode()
                self._send(_STATUS[behaviour], answer, wait)
            else:
                self._send(200, state.answer(body, state.behaviour_for(body)), {})

        def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.answer(status, content, {"content-type": "application/json", **headers})

    return Handler


@contextmanager
def embedding_server(behaviour: Behaviour = "ok", *, dimensions: int = 64) -> Generator[EmbeddingServer]:
    """Run the server on a free port of this machine; `.base_url` is what a client is given."""
    state = EmbeddingServer(base_url="", dimensions=dimensions, behaviour=behaviour)
    with answering(_handler(state)) as server:
        # Stopping waits for the threads, so that no socket outlives its test.
        server.daemon_threads = False
        state.base_url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield state
        finally:
            state.stop()


@asynccontextmanager
async def embedder_for(server: EmbeddingServer, **options: Any) -> AsyncGenerator[Embedder]:
    """An embedder that asks the server, once per request unless told otherwise."""
    settings: dict[str, Any] = {
        "provider": "openai",
        "model": "test-model",
        "base_url": server.base_url,
        "api_key": SecretStr(KEY),
        "max_retries": 0,
    }
    embedder = create_embedder(EmbeddingConfig(**(settings | options)))
    try:
        yield embedder
    finally:
        await embedder.aclose()
