"""What clients are told about a tool's effects."""

from __future__ import annotations

from mcp_types import ToolAnnotations

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
REPLACES_DATA = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
ADDS_DATA = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
