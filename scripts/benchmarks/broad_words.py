"""Search by words that very many products hold, beside PostgreSQL's own ranking of all that hold any of them."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable

import asyncpg

from benchmarks.common import Measure
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.search import NO_FILTERS, by_keyword

WORDS = (["steel", "drill", "bit"], ["ft", "wall", "water"], ["wood", "screw", "pack"], ["door", "frame", "nail"])
TIMES = 3
"""How often each of them is asked in a run."""
_ANY_WORD = """
SELECT product_id FROM products, to_tsquery('english', array_to_string($1::text[], ' | ')) AS query
WHERE search_text @@ query ORDER BY ts_rank(search_text, query) DESC LIMIT $2
"""

Ask = Callable[[list[str]], Awaitable[None]]


async def broad_words(provider: PostgreSQLProvider, plain: asyncpg.Pool, rows: int, runs: int) -> Measure:
    """How long 95 of 100 such questions for so many rows take at most, as head office and as plain SQL."""
    caller = await provider.identify("head office")

    async def by_zava(words: list[str]) -> None:
        async with provider.reader(caller) as session:
            await by_keyword(session, words, [], NO_FILTERS, rows)

    async def by_rank(words: list[str]) -> None:
        await plain.fetch(_ANY_WORD, words, rows)

    ways: dict[str, Ask] = {"plain SQL": by_rank, "zava": by_zava}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number, words in enumerate(TIMES * WORDS):
            # Who comes first finds less in memory, so they take turns.
            for name, ask in list(ways.items())[:: -1 if number % 2 else 1]:
                started = time.perf_counter()
                await ask(words)
                times[name].append((time.perf_counter() - started) * 1000)
        for name, run in times.items():
            spent[name].append(sorted(run)[math.ceil(0.95 * len(run)) - 1])
    return Measure("three broad words p95", "ms", spent, "plain SQL")
