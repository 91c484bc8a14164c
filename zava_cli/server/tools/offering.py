"""How a function becomes a tool, and what clients are told about its effects."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from fastmcp.server.auth import AuthCheck
from fastmcp.tools import tool
from mcp_types import ToolAnnotations

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
REPLACES_DATA = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
ADDS_DATA = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)

Function = TypeVar("Function", bound=Callable[..., Any])


def offered(annotations: ToolAnnotations, auth: AuthCheck | None = None) -> Callable[[Function], Function]:
    """Makes a function a tool, with its docstring as the description that clients read."""

    def make(function: Function) -> Function:
        # FastMCP would import a parser for docstrings, which is a twentieth of the whole start.
        description, function.__doc__ = inspect.getdoc(function), None
        return tool(description=description, annotations=annotations, output_schema=None, auth=auth)(function)

    return make
