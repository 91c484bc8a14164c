"""Looks into the audit log as its owner does."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg

from tests.command_line import CommandLine
from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target

PATIENCE = 20


async def records(target: Target, condition: str = "true", *arguments: object) -> list[asyncpg.Record]:
    """Records that meet a condition, oldest first."""
    async with admin_connection(target) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{target.roles.security}"')
        return await connection.fetch(
            f"SELECT * FROM audit.operations WHERE {condition} ORDER BY occurred_at", *arguments
        )


async def awaited(target: Target, count: int, condition: str = "true", *arguments: object) -> list[asyncpg.Record]:
    """The same once there are so many, and the last look if that takes too long."""
    found: list[asyncpg.Record] = []
    for _ in range(PATIENCE * 10):
        found = await records(target, condition, *arguments)
        if len(found) >= count:
            break
        await asyncio.sleep(0.1)
    return found


def an_entry(**changes: Any) -> dict[str, Any]:
    """A record as a process sends it."""
    return {
        "occurred_at": "2026-06-15T12:00:00+00:00", "record_id": str(uuid4()), "request_id": "abc", "way": "terminal",
        "operation": "query", "outcome": "ok", "seconds": 0.5, "sql": "select 1", **changes,
    }  # fmt: skip


async def run(zava: CommandLine, *arguments: str, **environment: str) -> int:
    """Exit code of a command."""
    return (await asyncio.to_thread(zava, *arguments, **environment)).code
