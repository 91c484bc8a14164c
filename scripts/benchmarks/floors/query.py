"""The floor of a query from a terminal: connect, ask, print. `query.py URL SQL`."""

from __future__ import annotations

import asyncio
import sys

import asyncpg


async def ask(url: str, sql: str) -> None:
    """Prints the rows."""
    connection = await asyncpg.connect(url)
    for row in await connection.fetch(sql):
        print(*row, sep="\t")
    await connection.close()


asyncio.run(ask(*sys.argv[1:]))
