"""The one answer for a store that is not there and for one that the caller may not see."""

from __future__ import annotations

from zava_cli.data.session import Session
from zava_cli.data.store import store_names
from zava_cli.infra.errors import AuthorizationError

MOST_NAMES = 10


async def unseen_store(session: Session) -> AuthorizationError:
    """The error to raise; its hint names stores that the caller does see."""
    names = await store_names(session, MOST_NAMES + 1)
    more = ", …" if len(names) > MOST_NAMES else ""
    return AuthorizationError(
        "There is no such store among those that you may see.",
        hint=f"You see {', '.join(names[:MOST_NAMES])}{more}." if names else "You see no store.",
    )
