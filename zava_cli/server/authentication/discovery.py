"""Finds an issuer's keys by its discovery document (OpenID Connect Discovery 1.0, RFC 8414)."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

from zava_cli.infra.log import logger
from zava_cli.infra.setting_types import is_safe_url


class Discovery:
    """Asks until the issuer has answered once, and then no more; after a failure not again for `pause` seconds."""

    def __init__(self, issuer: str, client: httpx2.AsyncClient, pause: float) -> None:
        self._issuer = issuer
        self._client = client
        self._pause = pause
        self._asking = anyio.Lock()
        self._next_attempt = 0.0
        self._jwks_url: str | None = None

    async def jwks_url(self) -> str:
        """Where the issuer says that its keys are; ValueError when it does not say so."""
        async with self._asking:
            if self._jwks_url is None:
                if time.monotonic() < self._next_attempt:
                    raise ValueError("the issuer was asked a moment ago")
                self._next_attempt = time.monotonic() + self._pause
                self._jwks_url = await self._ask()
            return self._jwks_url

    async def _ask(self) -> str:
        for url in self._places():
            try:
                response = await self._client.get(url)
                response.raise_for_status()
                return self._checked(response.json())
            except (httpx2.HTTPError, ValueError, RecursionError) as error:
                logger().warning("discovery failed", url=url, error=type(error).__name__)
        raise ValueError("the issuer has no discovery document")

    def _places(self) -> list[str]:
        issuer = self._issuer.rstrip("/")
        path = urlsplit(issuer).path
        origin = issuer.removesuffix(path)
        return [
            f"{issuer}/.well-known/openid-configuration",
            f"{origin}/.well-known/oauth-authorization-server{path}",
        ]

    def _checked(self, document: Any) -> str:
        """The address of the keys, if the document is really about this issuer."""
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:  # pyright: ignore
            raise ValueError("the document is another issuer's")
        url = document.get("jwks_uri")  # pyright: ignore
        if not isinstance(url, str) or not is_safe_url(url):
            raise ValueError("the document names no safe place of keys")
        return url
