"""Plain calls of tools over HTTP, answered without the machinery for everything else that the protocol knows.

That machinery takes almost half of the CPU time of a small query: sessions, streams, questions to the client, spans.
A request of the newest protocol that wants a tool and nothing more, and is right in every way, needs none of it. Who
asks, how often, for how long, and what is recorded of it are decided where they are for every other request. Whatever
is unusual or wrong is handed on untouched, so that the SDK answers it in its own words.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from fastmcp.exceptions import AuthorizationError
from fastmcp.server.auth import AuthContext, run_auth_checks
from fastmcp.server.dependencies import get_access_token
from fastmcp.tools import FunctionTool
from fastmcp.tools.base import ToolResult
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.streamable_http import check_accept_headers
from mcp.shared.inbound import (
    MCP_PARAM_HEADER_PREFIX,
    MCP_PROTOCOL_VERSION_HEADER,
    InboundLadderRejection,
    classify_inbound_request,
)
from mcp_types import CLIENT_INFO_META_KEY, SERVER_INFO_META_KEY, JSONRPCRequest, RequestId, methods
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import BaseModel, ConfigDict, create_model
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zava_cli.server.bare import BareServer
from zava_cli.server.errors import as_operation
from zava_cli.server.http.departures import while_somebody_waits
from zava_cli.server.http.rate import RateLimit
from zava_cli.server.state import ServerState

METHOD = "tools/call"
PARAMETERS = {"_meta", "name", "arguments"}
TOOL_VERSION = "fastmcp"
"""Member of `_meta` that asks for a version of a tool."""
STATE = "state"
"""Parameter of tools that no caller gives."""


@dataclass(frozen=True)
class _Call:
    """A plain call, read and found right."""

    id: RequestId
    tool: FunctionTool
    arguments: Mapping[str, Any]
    client: str | None


class DirectCalls:
    """ASGI middleware, inside of authentication, for a server that answers JSON: a stream has more to say.

    `is_open` says that callers need no credentials.
    """

    def __init__(
        self, app: ASGIApp, *, path: str, server: BareServer, state: ServerState, rate: RateLimit, is_open: bool
    ) -> None:
        self._app = app
        self._path = path
        self._server = server
        self._state = state
        self._rate = rate
        self._is_open = is_open
        self._meta = {SERVER_INFO_META_KEY: {"name": server.name, "version": server.version}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        headers = _headers(scope)
        if not self._may_be_plain(scope, headers):
            await self._app(scope, receive, send)
            return
        first: list[Message] = [await receive()]
        call = await self._read(scope, headers, first[0])
        if call is None:

            async def again() -> Message:
                return first.pop() if first else await receive()

            await self._app(scope, again, send)
            return
        run = partial(while_somebody_waits, scope, partial(self._run, call))
        await self._send(send, call.id, await as_operation(self._state, call.tool.name, call.client, run))

    def _may_be_plain(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        """Whether nothing outside of the body says otherwise."""
        return (
            headers.get(MCP_PROTOCOL_VERSION_HEADER) == LATEST_MODERN_VERSION
            and scope["method"] == "POST"
            and scope["path"] == self._path
            and (self._is_open or isinstance(scope.get("user"), AuthenticatedUser))
            # None is there twice.
            and len(headers) == len(scope["headers"])
            and headers.get("content-type", "").lower().startswith("application/json")
            and not any(name.startswith(MCP_PARAM_HEADER_PREFIX.lower()) for name in headers)
            and check_accept_headers(Request(scope))[0]
        )

    async def _read(self, scope: Scope, headers: Mapping[str, str], message: Message) -> _Call | None:
        """The call that a body holds; None for any other."""
        if message["type"] != "http.request" or message.get("more_body", False):
            return None
        try:
            body = json.loads(message["body"])
            request = JSONRPCRequest.model_validate(body)
            params = request.params or {}
            route = classify_inbound_request(body, headers=headers)
            if request.method != METHOD or isinstance(route, InboundLadderRejection) or params.keys() - PARAMETERS:
                return None
            methods.validate_client_request(METHOD, route.protocol_version, params)
            tool = self._server.offered.get(params["name"])
            if tool is None or TOOL_VERSION in params["_meta"] or not await _may_call(tool):
                return None
            arguments = vars(_parameters(tool.fn).model_validate(params.get("arguments") or {}))
        except (ValueError, RecursionError):
            # What json and pydantic raise is a ValueError, but for what is nested too deeply.
            return None
        return _Call(request.id, tool, arguments, _client(params["_meta"].get(CLIENT_INFO_META_KEY), scope))

    async def _run(self, call: _Call) -> ToolResult:
        if not self._rate.may_ask():
            raise self._rate.refusal()
        return await call.tool.fn(**call.arguments, state=self._state)

    async def _send(self, send: Send, number: RequestId, result: ToolResult) -> None:
        told: dict[str, Any] = {
            "content": [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content],
            "isError": result.is_error,
        }
        if result.structured_content is not None:
            told["structuredContent"] = result.structured_content
        told |= {"resultType": "complete", "_meta": self._meta}
        body = json.dumps({"jsonrpc": "2.0", "id": number, "result": told}, separators=(",", ":")).encode()
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> Mapping[str, str]:
    """Those of a request; none of what is no request."""
    if scope["type"] != "http":
        return {}
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _may_call(tool: FunctionTool) -> bool:
    """Whether the caller has that tool, by the check that it was registered with."""
    try:
        return await run_auth_checks(tool.auth or [], AuthContext(token=get_access_token(), component=tool))
    except AuthorizationError:
        return False


@cache
def _parameters(function: Callable[..., Any]) -> type[BaseModel]:
    """What a caller may give to a tool, with its types and defaults."""
    given = [one for one in inspect.signature(function, eval_str=True).parameters.values() if one.name != STATE]
    fields: Any = {one.name: (one.annotation, ... if one.default is one.empty else one.default) for one in given}
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def _client(info: Mapping[str, str] | None, scope: Scope) -> str | None:
    """Name and version of the client's program where it says so, and the address where there is one."""
    known = [info["name"], info["version"]] if info else []
    return " ".join([*known, *(scope["client"][:1] if scope.get("client") else [])]) or None
