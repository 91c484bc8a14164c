"""What the transport refuses without a word, or with a library's, is told as people and clients can use it."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zava_cli.server.authentication.proxy import VOUCHED

NO_TOKEN = "A bearer token is needed: Authorization: Bearer TOKEN."
BAD_TOKEN = "This token opens nothing here: it may have expired, been revoked or never existed."
NO_MANAGER = "The proxy names nobody who is a manager here."
OWN_WAY = "The administrator of this server makes one with zava token create."
ISSUERS_WAY = "Sign in at the issuer that resource_metadata leads to, or have zava token create make one."
NO_MESSAGE = "The body is not one JSON-RPC message; batches are not taken, which MCP dropped with version 2025-06-18."
INVALID_REQUEST = -32600
_DESCRIPTION = re.compile(rb'error_description="[^"]*"')


class ExplainedRefusals:
    """ASGI middleware: gives a 401 of the endpoint at `path` a body (RFC 6750), and a malformed message a sentence.

    With `has_issuer` clients can find out where to sign in (RFC 9728). What a token is not good for stays untold.
    """

    def __init__(self, app: ASGIApp, *, path: str, has_issuer: bool) -> None:
        self._app = app
        self._path = path
        self._way = ISSUERS_WAY if has_issuer else OWN_WAY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        refusal: Message | None = None
        body = b""

        async def explained(message: Message) -> None:
            nonlocal refusal, body
            if message["type"] == "http.response.start" and message["status"] in (400, 401):
                refusal = message
                return
            if refusal is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._tell(scope, refusal, body, send)

        await self._app(scope, receive, explained)

    async def _tell(self, scope: Scope, refusal: Message, body: bytes, send: Send) -> None:
        headers = dict(refusal["headers"])
        if refusal["status"] == 401:
            body = self._unauthorized(headers, is_vouched=VOUCHED in scope)
        elif _is_unread(body):
            body = _encoded({"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": NO_MESSAGE}})
        headers[b"content-length"] = str(len(body)).encode()
        await send({**refusal, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": body})

    def _unauthorized(self, headers: dict[bytes, bytes], *, is_vouched: bool) -> bytes:
        """The body; the challenge says the same where it says anything."""
        challenge = headers.get(b"www-authenticate", b"")
        told = NO_MANAGER if is_vouched else f"{BAD_TOKEN if b'error=' in challenge else NO_TOKEN} {self._way}"
        headers[b"www-authenticate"] = _DESCRIPTION.sub(f'error_description="{told}"'.encode(), challenge)
        headers[b"content-type"] = b"application/json"
        return _encoded({"error": "invalid_token", "error_description": told})


def _is_unread(body: bytes) -> bool:
    """Whether that says that a body was no JSON-RPC message, in the words of a library of one protocol version."""
    try:
        told: Any = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return False
    return told.startswith(("Validation error: ", "Body must be a single JSON-RPC "))


def _encoded(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
