"""Which tools a token opens."""

from __future__ import annotations

from fastmcp.server.auth import AuthCheck, AuthContext

from zava_cli.models.scopes import Scope


def opened_by(scope: Scope) -> AuthCheck:
    """A check for a tool that needs `scope`.

    Requests without a token pass: they exist only where the server was started for one manager, and there is no
    identity to ask as in any other.
    """

    def check(context: AuthContext) -> bool:
        return context.token is None or scope.value in context.token.scopes

    return check
