"""A FastMCP server that keeps nothing of a session."""

from __future__ import annotations

from typing import Any

from fastmcp import FastMCP


class BareServer(FastMCP[dict[str, Any]]):
    """Offers what it was given, to every session alike."""

    @property
    def _state_store(self) -> Any:
        # FastMCP asks it on every request for the tools that a session has hidden. Nothing here hides any, and
        # FastMCP's own store takes a sixth of the whole start to import.
        return _NO_STATE


class _NoState:
    """What FastMCP reads of a session's state."""

    async def get(self, *, key: str) -> None:
        """Nothing was ever put there."""


_NO_STATE = _NoState()
