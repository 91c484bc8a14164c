"""Finds the bearer token that somebody means, and revokes it as the administrator."""

from __future__ import annotations

from zava_cli.data import token as data
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.infra.token_text import MARK
from zava_cli.models.token import TokenRecord


async def revoke_token(target: Target, which: str) -> TokenRecord:
    """Revokes the token of that prefix or name; ValidationError unless it is exactly one that was not revoked yet.

    A whole token is understood as well: whoever found one somewhere should not have to take it apart.
    """
    prefix = which.removeprefix(MARK).partition("_")[0]
    alive = [token for token in await data.tokens(target) if token.revoked_at is None]
    found = [token for token in alive if token.prefix == prefix] or [token for token in alive if token.name == which]
    if not found:
        raise ValidationError(
            "token", None, "no token of that prefix or name is left to revoke", hint="`zava token list` shows them all."
        )
    if len(found) > 1:
        raise ValidationError(
            "token", None, f"several tokens have that name: {', '.join(token.prefix for token in found)}",
            hint="Name the one that you mean by its prefix.",
        )  # fmt: skip
    await data.revoke(target, found[0].prefix)
    return found[0]
