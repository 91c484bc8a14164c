"""zava's own bearer tokens: known for a second, so that not every request has a question of its own for the database.

In that second a token that was revoked opens no door that leads to data: each transaction asks once more.
"""

from __future__ import annotations

import hashlib

from cachetools import TTLCache
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
        # The text of a token itself is kept nowhere.
        self._known: TTLCache[bytes, AccessToken] = TTLCache(MOST_KNOWN, KNOWN_SECONDS)

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the token opens; None for any other text. DatabaseUnavailableError when nobody can tell."""
        name = hashlib.sha256(token.encode()).digest()
        known = self._known.get(name)
        if known is None:
            grant = await resolve_token(self._provider, token)
            if grant is None:
                return None
            known = self._known[name] = _accepted(grant)
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
