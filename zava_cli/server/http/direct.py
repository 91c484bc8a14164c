"""Plain calls of tools over HTTP, answered without the machinery for everything else that the protocol knows.

That machinery takes almost half of the CPU time of a small query: sessions, streams, questions to the client, spans.
A request that wants a tool and nothing more, and is right in every way, needs none of it. Who asks, how often, for how
long, and what is recorded of it are decided where they are for every other request. Whatever is unusual or wrong is
handed on untouched, so that the SDK answers it in its own words.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

from fastmcp.exceptions import AuthorizationError
from fastmcp.server.auth import AuthContext, run_auth_checks
from fastmcp.server.dependencies import get_access_token
from fastmcp.tools import FunctionTool
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER, REQUEST_CANCELLED, check_accept_headers
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types import DEFAULT_NEGOTIATED_VERSION, SERVER_INFO_META_KEY, RequestId
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_MODERN_VERSION
from pydantic import BaseModel, ConfigDict, create_model
from pydantic_core import to_json
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zava_cli.server.bare import BareServer
from zava_cli.server.http.called_sessions import CalledSession, CalledSessions
from zava_cli.server.http.plain_calls import is_plain, program_named, read_message
from zava_cli.server.middleware import Told, ToolCall
from zava_cli.server.state import ServerState

STATE_PARAMETER = "state"
"""Parameter of tools that no caller gives."""
MOST_TYPES = 100


class _Speaker(NamedTuple):
    """What a request's head says: the version of the protocol, and the session where that has any."""

    version: str
    session_name: str | None = None
    session: CalledSession | None = None
    program: str | None = None


class _Call(NamedTuple):
    """A plain call, read and found right."""

    id: RequestId
    tool: FunctionTool
    arguments: Mapping[str, Any]
    program: str | None


class DirectCalls:
    """ASGI middleware, inside of authentication, for a server that answers JSON: a stream has more to say.

    `is_open` says that callers need no credentials; without `sessions` the server keeps none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        path: str,
        server: BareServer,
        state: ServerState,
        sessions: CalledSessions | None,
        is_open: bool,
    ) -> None:
        self._app = app
        self._path = path
        self._server = server
        self._state = state
        self._sessions = sessions
        self._is_open = is_open
        information = {"name": server.name, "version": server.version}
        self._stamp = {"resultType": "complete", "_meta": {SERVER_INFO_META_KEY: information}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        headers = _headers(scope)
        speaker = self._speaker(scope, headers)
        if speaker is None:
            await self._app(scope, receive, send)
            return
        first: list[Message] = [await receive()]
        call = await self._read(speaker, headers, first[0])
        # A header that is there twice is unusual, in a call.
        if call is None or len(headers) < len(scope["headers"]):

            async def again() -> Message:
                return first.pop() if first else await receive()

            await self._app(scope, again, send)
            return
        await self._answer(speaker, call, send)

    def _speaker(self, scope: Scope, headers: Mapping[str, str]) -> _Speaker | None:
        """Who may have sent a plain call; None where something outside of the body says otherwise."""
        if (
            not headers
            or scope["path"] != self._path
            or not (self._is_open or isinstance(scope.get("user"), AuthenticatedUser))
        ):
            return None
        speaker = self._by_version(scope, headers)
        is_plain = scope["method"] == "POST" and _is_json(headers.get("content-type", ""), headers.get("accept", ""))
        return speaker if is_plain else None

    def _by_version(self, scope: Scope, headers: Mapping[str, str]) -> _Speaker | None:
        version = headers.get(MCP_PROTOCOL_VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)
        if version == LATEST_MODERN_VERSION:
            return _Speaker(version)
        if version not in HANDSHAKE_PROTOCOL_VERSIONS:
            return None
        if self._sessions is None:
            return _Speaker(version)
        name = headers.get(MCP_SESSION_ID_HEADER)
        if scope["method"] == "DELETE":
            self._sessions.end(name, scope)
        session = self._sessions.find(name, scope)
        return None if session is None else _Speaker(session.version, name, session, session.program)

    async def _read(self, speaker: _Speaker, headers: Mapping[str, str], message: Message) -> _Call | None:
        """The call that a body holds; None for any other."""
        if message["type"] != "http.request" or message.get("more_body", False):
            return None
        said = read_message(message["body"], headers, speaker.version)
        if said is not None and speaker.session:
            speaker.session.notice(said)
        if said is None or not is_plain(said, speaker.version):
            return None
        params = said.params or {}
        tool = self._server.by_name.get(params["name"])
        if tool is None or not await _may_call(tool):
            return None
        try:
            arguments = vars(_parameters(tool.fn).model_validate(params.get("arguments") or {}))
        except ValueError:
            return None
        # Last: nothing is waited for from here until the call is known to run.
        if speaker.session and not speaker.session.may_answer(said.id):
            return None
        program = program_named(said) if speaker.version == LATEST_MODERN_VERSION else speaker.program
        return _Call(said.id, tool, arguments, program)

    async def _answer(self, speaker: _Speaker, call: _Call, send: Send) -> None:
        run = partial(call.tool.fn, **call.arguments, state=self._state)
        told: dict[str, Any] = {"error": {"code": REQUEST_CANCELLED, "message": "Request cancelled"}}
        is_modern = speaker.version == LATEST_MODERN_VERSION
        with speaker.session.running(call.id) if speaker.session else nullcontext():
            result = await self._server.surrounded(ToolCall(call.tool.name, call.program), run)
            told = {"result": _told(result) | (self._stamp if is_modern else {})}
        # The SDK writes ASCII in the newest version alone.
        body = to_json({"jsonrpc": "2.0", "id": call.id, **told}, ensure_ascii=is_modern)
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        if speaker.session_name:
            headers.append((MCP_SESSION_ID_HEADER.encode(), speaker.session_name.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> Mapping[str, str]:
    """Those of a request; none of what is no request. Of one that is there twice it has the first, as the SDK does."""
    if scope["type"] != "http":
        return {}
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


@lru_cache(MOST_TYPES)
def _is_json(content_type: str, accept: str) -> bool:
    """Whether JSON is sent and taken, by these headers."""
    request = Request({"type": "http", "headers": [(b"accept", accept.encode("latin-1"))]})
    return content_type.partition(";")[0].strip() == "application/json" and check_accept_headers(request)[0]


async def _may_call(tool: FunctionTool) -> bool:
    """Whether the caller has that tool, by the check that it was registered with."""
    try:
        return await run_auth_checks(tool.auth or [], AuthContext(token=get_access_token(), component=tool))
    except AuthorizationError:
        return False


@cache
def _parameters(function: Callable[..., Any]) -> type[BaseModel]:
    """What a caller may give to a tool, with its types and defaults."""
    given = [
        one for one in inspect.signature(function, eval_str=True).parameters.values() if one.name != STATE_PARAMETER
    ]
    fields: Any = {one.name: (one.annotation, ... if one.default is one.empty else one.default) for one in given}
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def _told(result: Told) -> dict[str, Any]:
    """A result as clients read it."""
    if isinstance(result, str):
        return {"content": [{"type": "text", "text": result}], "isError": False}
    told: dict[str, Any] = {
        "content": [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content],
        "isError": result.is_error,
    }
    if result.structured_content is not None:
        told["structuredContent"] = result.structured_content
    return told
