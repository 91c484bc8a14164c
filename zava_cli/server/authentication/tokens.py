"""zava's own bearer tokens, asked of the database with every request, so that a revoked one is refused at once."""

from __future__ import annotations

from fastmcp.server.auth import AccessToken, TokenVerifier

from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.token import resolve_token
from zava_cli.infra.token_text import MARK
from zava_cli.models.token import TokenGrant
from zava_cli.server.state import MANAGER_CLAIM


class ZavaTokens(TokenVerifier):
    """Knows the tokens that `zava token create` made."""

    def __init__(self, provider: PostgreSQLProvider) -> None:
        super().__init__()
        self._provider = provider

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the token opens; None for any other text. DatabaseUnavailableError when nobody can tell."""
        grant = await resolve_token(self._provider, token)
        return None if grant is None else _accepted(grant)


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
