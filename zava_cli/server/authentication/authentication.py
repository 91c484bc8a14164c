"""Who calls over HTTP: zava's own bearer tokens, JWTs of an issuer, or the word of a listed proxy. Nobody else."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from fastmcp.server.auth import AccessToken, AuthProvider, RemoteAuthProvider
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend
from pydantic import AnyHttpUrl
from starlette.authentication import AuthCredentials, AuthenticationError
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.data.token import resolve_subject
from zava_cli.infra.errors import ConfigurationError, MCPError
from zava_cli.infra.log import logger
from zava_cli.infra.settings import Settings
from zava_cli.infra.token_text import MARK
from zava_cli.models.scopes import Scope
from zava_cli.server.authentication.proxy import VOUCHED, TrustedProxy
from zava_cli.server.authentication.tokens import ZavaTokens
from zava_cli.server.state import MANAGER_CLAIM

if TYPE_CHECKING:
    from zava_cli.server.authentication.oidc import OidcTokens


def authentication(target: Target, provider: PostgreSQLProvider, public_url: str | None) -> Authentication:
    """What the settings accept; ConfigurationError when they do not fit together.

    With an issuer and a `public_url` clients can discover where to get a token.
    """
    settings = target.settings
    # Fails here, not with the first token.
    target.master_keys().by_version()
    return Authentication(provider, settings, _oidc(provider, settings), public_url)


class Authentication(AuthProvider):
    """The one place that turns credentials into a manager and scopes."""

    def __init__(
        self, provider: PostgreSQLProvider, settings: Settings, oidc: OidcTokens | None, public_url: str | None
    ) -> None:
        super().__init__(base_url=public_url)
        self._tokens = ZavaTokens(provider)
        self._oidc = oidc
        self._proxies = _proxies(settings)
        self._backend = _Backend(self, provider, _identity_scopes(settings))
        self._discoverable = _discoverable(oidc, settings, public_url)

    async def verify_token(self, token: str) -> AccessToken | None:
        """What a bearer token opens; None when it opens nothing, for whatever reason."""
        verifier = self._tokens if token.startswith(MARK) else self._oidc
        return None if verifier is None else await verifier.verify_token(token)

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """The protected-resource metadata (RFC 9728), where there is an issuer to point to."""
        self.set_mcp_path(mcp_path)
        return [] if self._discoverable is None else self._discoverable.get_routes(mcp_path)

    def get_middleware(self) -> list[Middleware]:
        """What runs before every request of the application."""
        return [
            *self._proxies,
            Middleware(AuthenticationMiddleware, backend=self._backend, on_error=_unavailable),
            Middleware(AuthContextMiddleware),
        ]


class _Backend(BearerAuthBackend):
    """Authenticates one request."""

    def __init__(self, verifier: Authentication, provider: PostgreSQLProvider, scopes: list[str]) -> None:
        super().__init__(verifier)
        self._provider = provider
        self._scopes = scopes

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, AuthenticatedUser] | None:
        """Who asks; None for nobody. AuthenticationError when that cannot be told at the moment."""
        try:
            if VOUCHED in conn.scope:
                return await self._vouched(conn.scope[VOUCHED])
            return await super().authenticate(conn)
        except MCPError as error:
            logger().warning("authentication unavailable", error_code=error.error_code)
            raise AuthenticationError from error

    async def _vouched(self, named: str) -> tuple[AuthCredentials, AuthenticatedUser] | None:
        manager_id = await resolve_subject(self._provider, named)
        if manager_id is None:
            return None
        token = AccessToken(
            token=f"proxy {manager_id}",
            client_id=named,
            subject=str(manager_id),
            scopes=self._scopes,
            claims={"iss": "proxy", MANAGER_CLAIM: str(manager_id)},
        )
        return AuthCredentials(self._scopes), AuthenticatedUser(token)


def _unavailable(_: HTTPConnection, __: Exception) -> Response:
    return JSONResponse({"error": "temporarily_unavailable"}, status_code=503, headers={"retry-after": "2"})


def _proxies(settings: Settings) -> list[Middleware]:
    header, listed = settings.http_identity_header, settings.http_trusted_proxies
    if header is None:
        return []
    if not listed or header.lower() in {"authorization", "host", "cookie", "forwarded", "x-forwarded-for"}:
        raise ConfigurationError(
            "http_identity_header cannot be believed: no proxy is listed, or callers write that header themselves.",
            hint="Set ZAVA_HTTP_TRUSTED_PROXIES to the proxy's addresses, and a header that the proxy alone writes.",
        )
    return [Middleware(TrustedProxy, header=header, proxies=[ip_network(text) for text in listed])]


def _identity_scopes(settings: Settings) -> list[str]:
    try:
        return [Scope(name).value for name in settings.http_identity_scopes]
    except ValueError:
        raise ConfigurationError(
            "http_identity_scopes names a scope that does not exist.", hint=f"There are {', '.join(Scope)}."
        ) from None


def _oidc(provider: PostgreSQLProvider, settings: Settings) -> OidcTokens | None:
    if not settings.oidc_issuer:
        return None
    from zava_cli.server.authentication.oidc import OidcTokens

    return OidcTokens(provider, settings)


def _discoverable(oidc: OidcTokens | None, settings: Settings, public_url: str | None) -> RemoteAuthProvider | None:
    if oidc is None or public_url is None or settings.oidc_issuer is None:
        return None
    return RemoteAuthProvider(
        token_verifier=oidc,
        authorization_servers=[AnyHttpUrl(settings.oidc_issuer)],
        base_url=public_url,
        scopes_supported=settings.oidc_scopes,
        resource_name="zava",
    )
