"""Reads requests for a tool that want nothing more, in every version of the protocol, as the SDK reads them.

None stands for every request that is unusual or wrong: the SDK has words for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from mcp.shared.inbound import MCP_PARAM_HEADER_PREFIX, InboundLadderRejection, classify_inbound_request
from mcp_types import CLIENT_INFO_META_KEY, JSONRPCMessage, JSONRPCRequest, jsonrpc_message_adapter, methods
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic_core import from_json

METHOD = "tools/call"
PARAMETERS = {"_meta", "name", "arguments"}
TOOL_VERSION = "fastmcp"
"""Member of `_meta` that asks for a version of a tool."""


def read_message(body: bytes, headers: Mapping[str, str], version: str) -> JSONRPCMessage | None:
    """The message that a body holds, in a version of the protocol."""
    try:
        # Less than json.loads takes, but nothing that it would read in another way.
        decoded = from_json(body)
        if version != LATEST_MODERN_VERSION:
            return jsonrpc_message_adapter.validate_python(decoded, by_name=False)
        request = JSONRPCRequest.model_validate(decoded)
        route = classify_inbound_request(decoded, headers=headers)
    except (ValueError, RecursionError):
        # What pydantic raises is a ValueError, but for what is nested too deeply.
        return None
    has_parameters = any(name.startswith(MCP_PARAM_HEADER_PREFIX.lower()) for name in headers)
    return None if has_parameters or isinstance(route, InboundLadderRejection) else request


def is_plain(message: JSONRPCMessage, version: str) -> TypeGuard[JSONRPCRequest]:
    """Whether it wants a tool, and nothing more."""
    if not isinstance(message, JSONRPCRequest) or message.method != METHOD:
        return False
    params = message.params or {}
    if params.keys() - PARAMETERS:
        return False
    try:
        methods.validate_client_request(METHOD, version, params)
    except (ValueError, RecursionError):
        return False
    return TOOL_VERSION not in (params.get("_meta") or {})


def program_named(request: JSONRPCRequest) -> str | None:
    """Name and version of the client's program, where a request of the newest version says so."""
    info = (request.params or {})["_meta"].get(CLIENT_INFO_META_KEY)
    return f"{info['name']} {info['version']}" if info else None
