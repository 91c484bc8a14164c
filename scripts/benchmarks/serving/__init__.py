"""What measures MCP servers: the contestants, raw clients that cost little, and the loads."""

from __future__ import annotations
