"""JWTs of an OpenID Connect issuer: verified by FastMCP, mapped to a manager by e-mail or id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
from fastmcp.server.auth import AccessToken, JWTVerifier, TokenVerifier
from fastmcp.utilities.auth import decode_jwt_header

from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.token import resolve_subject
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.settings import Settings
from zava_cli.models.scopes import Scope
from zava_cli.server.authentication.discovery import Discovery
from zava_cli.server.authentication.fetching import small_client
from zava_cli.server.state import MANAGER_CLAIM

LONGEST_TOKEN = 16_384
LONGEST_SUBJECT = 320
FETCH_SECONDS = 15.0
"""For everything that one token makes the server fetch, however slowly it trickles in."""
REFRESH_SECONDS = 30.0
"""Least time between two looks at the issuer's keys, however many unknown ones are presented."""
KEY_SECONDS = 600
"""After this long a key that the issuer has withdrawn is forgotten; with the next new one it is at once."""
MALFORMED = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, TimeoutError)


class OidcTokens(TokenVerifier):
    """Accepts the JWTs of one issuer for one audience, signed in one of the pinned ways, that expire."""

    def __init__(self, provider: PostgreSQLProvider, settings: Settings) -> None:
        super().__init__()
        assert settings.oidc_issuer is not None
        if not settings.oidc_audience:
            raise ConfigurationError(
                "oidc_audience is not set, so a JWT that was made for any other service would be accepted.",
                hint="Set ZAVA_OIDC_AUDIENCE to what the issuer writes into aud for this server.",
            )
        self._provider = provider
        self._settings = settings
        self._issuer = settings.oidc_issuer
        self._client = small_client()
        self._discovery = Discovery(self._issuer, self._client, REFRESH_SECONDS)
        # FastMCP pins each verifier to one algorithm.
        self._verifiers: dict[str, JWTVerifier | None] = dict.fromkeys(settings.oidc_algorithms)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who bears the token and what they may use; None for everything else than a valid token of a manager."""
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            with anyio.fail_after(FETCH_SECONDS):
                verified = await self._verified(token)
        except MALFORMED:
            return None
        # FastMCP takes a token without an end for a good one.
        if verified is None or verified.expires_at is None:
            return None
        subject = self._subject(verified.claims)
        if subject is None or (manager_id := await resolve_subject(self._provider, subject)) is None:
            return None
        return AccessToken(
            token=hashlib.sha256(token.encode()).hexdigest(),
            client_id=verified.subject or subject,
            # What a session belongs to; nobody else's token may go on with it.
            subject=verified.subject or str(manager_id),
            scopes=self._scopes(verified),
            expires_at=verified.expires_at,
            claims={"iss": self._issuer, MANAGER_CLAIM: str(manager_id)},
        )

    async def _verified(self, token: str) -> AccessToken | None:
        algorithm = decode_jwt_header(token)["alg"]
        if algorithm not in self._verifiers:
            return None
        verifier = self._verifiers[algorithm] or await self._new_verifier(algorithm)
        return await verifier.verify_token(token)

    async def _new_verifier(self, algorithm: str) -> JWTVerifier:
        url = self._settings.oidc_jwks_url or await self._discovery.jwks_url()
        # The issuer may send us to its own server, or else to a public one: nowhere into our own network.
        is_trusted = self._settings.oidc_jwks_url is not None or _origin(url) == _origin(self._issuer)
        verifier = JWTVerifier(
            jwks_uri=url,
            issuer=self._issuer,
            audience=self._settings.oidc_audience,
            algorithm=algorithm,
            ssrf_safe=not is_trusted,
            http_client=self._client if is_trusted else None,
            jwks_refresh_interval=REFRESH_SECONDS,
        )
        # An hour by default, and no parameter.
        verifier._cache_ttl = KEY_SECONDS  # pyright: ignore[reportPrivateUsage]
        # Another request may have been a moment faster; its keys are the same.
        self._verifiers[algorithm] = verifier
        return verifier

    def _subject(self, claims: Mapping[str, Any]) -> str | None:
        """What the issuer says that stands for a manager."""
        name = self._settings.oidc_manager_claim
        value = claims.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_SUBJECT or "\0" in value:
            return None
        # Whoever may write any address into a profile would be anybody.
        if name == "email" and claims.get("email_verified", True) not in (True, "true"):
            return None
        return value

    def _scopes(self, verified: AccessToken) -> list[str]:
        """Those of the issuer's scopes that are zava's."""
        claim = self._settings.oidc_scope_claim
        given: Any = verified.scopes if claim is None else verified.claims.get(claim)
        named: list[Any] = given.split() if isinstance(given, str) else cast("list[Any]", given) or []
        known = zip(Scope, self._settings.oidc_scopes, strict=True)
        return [scope.value for scope, name in known if name in named]


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
