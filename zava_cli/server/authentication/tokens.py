"""zava's own bearer tokens: known for a second, so that not every request has a question of its own for the database.

In that second a token that was revoked opens no door that leads to data: each transaction asks once more.
"""

from __future__ import annotations

import hashlib
import time

from cachetools import LRUCache
from fastmcp.server.auth import AccessToken, TokenVerifier

from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.token import resolve_token
from zava_cli.infra.token_text import MARK
from zava_cli.models.token import TokenGrant
from zava_cli.server.state import MANAGER_CLAIM

KNOWN_SECONDS = 1.0
MOST_KNOWN = 10_000


class ZavaTokens(TokenVerifier):
    """Knows the tokens that `zava token create` made."""

    def __init__(self, provider: PostgreSQLProvider) -> None:
        super().__init__()
        self._provider = provider
        # Each with the moment until which it is believed; the text of a token itself is kept nowhere.
        self._known: LRUCache[bytes, tuple[AccessToken, float]] = LRUCache(MOST_KNOWN)

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the token opens; None for any other text. DatabaseUnavailableError when nobody can tell."""
        name = hashlib.sha256(token.encode()).digest()
        known, until = self._known.get(name, (None, 0.0))
        if known is None or until < time.monotonic():
            grant = await resolve_token(self._provider, token)
            if grant is None:
                return None
            known = _accepted(grant)
            self._known[name] = known, time.monotonic() + KNOWN_SECONDS
        return known


def _accepted(grant: TokenGrant) -> AccessToken:
    return AccessToken(
        # The text of the token itself is needed no more, and lives in no variable from here on.
        token=MARK + grant.prefix,
        client_id=grant.name,
        subject=str(grant.manager_id),
        scopes=[scope.value for scope in grant.scopes],
        expires_at=int(grant.expires_at.timestamp()),
        claims={MANAGER_CLAIM: str(grant.manager_id)},
    )
