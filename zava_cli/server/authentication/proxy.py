"""An identity header is believed if one of the listed proxies sends it, and does not exist for anybody else.

The address that counts is that of the connection. Therefore uvicorn must run with `proxy_headers` off: it
would put in its place what `X-Forwarded-For` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

VOUCHED = "zava.vouched"
"""Key of the ASGI scope, which no client can write, with the text by which a proxy names the manager."""
PLACEHOLDER = (b"authorization", b"Bearer proxy")
"""Tells FastMCP that there are credentials; opens nothing by itself."""


class TrustedProxy:
    """Takes the identity header out of every request, and keeps what a listed proxy wrote into it."""

    def __init__(self, app: ASGIApp, header: str, proxies: Sequence[IPv4Network | IPv6Network]) -> None:
        self.app = app
        self._header = header.lower().encode()
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on without the header."""
        if scope["type"] in ("http", "websocket"):
            self._take_identity(scope)
        await self.app(scope, receive, send)

    def _take_identity(self, scope: Scope) -> None:
        given = [value for name, value in scope["headers"] if name.lower() == self._header]
        # In place: what wraps this application has the same scope.
        scope["headers"] = [item for item in scope["headers"] if item[0].lower() != self._header]
        named = _text(given)
        if named is None or not self._is_listed(scope.get("client")):
            return
        scope[VOUCHED] = named
        # The proxy has authenticated the caller. A token beside its word was meant for the proxy.
        scope["headers"] = [item for item in scope["headers"] if item[0].lower() != PLACEHOLDER[0]] + [PLACEHOLDER]

    def _is_listed(self, client: tuple[str, int] | None) -> bool:
        if client is None:
            return False
        try:
            address = ip_address(client[0])
        except ValueError:
            return False
        # How a socket for both families shows an IPv4 address.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._proxies)


def _text(given: Sequence[bytes]) -> str | None:
    """The one value; None where there are several, since nobody knows which of them the proxy wrote."""
    if len(given) != 1:
        return None
    try:
        text = given[0].decode().strip()
    except UnicodeDecodeError:
        return None
    return text if text and "\0" not in text else None
