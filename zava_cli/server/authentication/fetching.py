"""Fetches the few small documents of an issuer: no redirects, no large answers, nothing compressed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

LARGEST = 65_536
SECONDS = 10.0


def small_client() -> httpx2.AsyncClient:
    """A client that keeps no connection open, so that nobody has to close it."""
    return httpx2.AsyncClient(
        headers={"accept": "application/json", "accept-encoding": "identity"},
        timeout=SECONDS,
        limits=httpx2.Limits(max_keepalive_connections=0),
        follow_redirects=False,
        # Only this machine is asked without https, and no proxy in between is to answer for it.
        mounts={"http://": None},
        event_hooks={"response": [_keep_small]},
    )


async def _keep_small(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        # A small answer may unpack to a large one.
        raise httpx2.ReadError("the answer is compressed")
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _SmallStream(response.stream)


class _SmallStream(httpx2.AsyncByteStream):
    """The bytes of another stream; an error instead of too many."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST:
                raise httpx2.ReadError("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
