"""Builds the index of a model's vectors: with how much memory, in how many processes, and how far it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg
import psutil

from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.embedded import BACKEND_ADDRESS_SPACE
from zava_cli.data.named_sql import named_sql
from zava_cli.data.search import FEW_NEIGHBOURS
from zava_cli.data.target import Target
from zava_cli.infra.errors import MCPError
from zava_cli.infra.progress import Progress

MANY = 200_000
"""Vectors from which on a graph needs more neighbours to find 99 % of the nearest: see `scripts/bench recall`."""
LEAST_MEMORY = 16 << 20
SHARE_OF_MACHINE = 4
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class BuiltIndex:
    """Bytes that building the index was thought to need at most, and those that it was allowed."""

    estimate: int
    memory: int


class Shape(NamedTuple):
    """pgvector's m and ef_construction."""

    neighbours: int
    candidates: int


def index_shape(vectors: int) -> Shape:
    """The graph that so many vectors need; of a million the smaller one found 97 % of the nearest ten."""
    return Shape(FEW_NEIGHBOURS, 100) if vectors < MANY else Shape(32, 200)


def index_memory(vectors: int, dimensions: int) -> int:
    """Bytes that the graph of so many vectors takes while it is built; with less the build goes on, far slower.

    By pgvector 0.8's hnsw.h: an element, its vector of two bytes a dimension, and 16 bytes for each neighbour, twice
    `m` of them at the bottom and `m` on each of the levels above, on which one in `m` elements is.
    """
    m = index_shape(vectors).neighbours
    element = 144 + (8 + 2 * dimensions)
    neighbours = 16 + 16 * 2 * m + (16 + 16 * m) / (m - 1)
    return LEAST_MEMORY + int(vectors * (element + neighbours))


@dataclass(frozen=True)
class ModelIndex:
    """A model's index: whether it is usable, None without one, its bytes, and the vectors that no index covers.

    `building` is how many vectors the index that is being built now holds, None where none is.
    """

    is_valid: bool | None
    bytes: int
    unindexed: int
    building: int | None


async def model_indexes(connection: asyncpg.Connection, target: Target) -> dict[str, ModelIndex]:
    """The indexes by model, the active one first."""
    sql = named_sql("embed")
    # As the login, which sees what it does elsewhere; the owner would not.
    building = {row["name"]: row["done"] for row in await connection.fetch(sql["index_builds"])}
    async with owner_transaction(connection, target):
        rows = await connection.fetch(sql["indexes"])
    return {
        row["model"]: ModelIndex(row["is_valid"], row["bytes"], row["unindexed"], building.get(row["name"]))
        for row in rows
    }


class IndexBuild:
    """One build, on an administrator's connection."""

    def __init__(
        self, connection: asyncpg.Connection, target: Target, model: str, dimensions: int, on_progress: Progress
    ) -> None:
        self._connection = connection
        self._target = target
        self._model = model
        self._dimensions = dimensions
        self._on_progress = on_progress
        self._sql = named_sql("embed")

    async def run(self, minimum: int) -> BuiltIndex | None:
        """Builds it if the model has `minimum` vectors and none is there, or one of a graph made for fewer."""
        async with owner_transaction(self._connection, self._target):
            plan = await self._connection.fetchrow(
                self._sql["index_plan"], self._model, self._dimensions, self._target.settings.index_memory
            )
        assert plan is not None
        if plan["vectors"] < minimum or (plan["neighbours"] or 0) >= index_shape(plan["vectors"]).neighbours:
            return None
        # Not in the transaction that builds: its lock would keep searches waiting until that ends.
        async with owner_transaction(self._connection, self._target):
            await self._connection.execute(plan["clearing"])
        async with owner_transaction(self._connection, self._target):
            estimate = index_memory(plan["vectors"], self._dimensions)
            built = BuiltIndex(estimate, min(estimate, self._most_memory(plan["memory"])))
            what = f"building the index in {_size(built.memory)}"
            if built.memory < estimate:
                what += f" of the {_size(estimate)} that would be fastest"
            self._on_progress(what, 0, plan["vectors"])
            async with self._watched(what, plan["vectors"]):
                options = "WITH (m = {}, ef_construction = {})".format(*index_shape(plan["vectors"]))
                await self._build(f"{plan['statement']} {options} {plan['condition']}", built.memory)
            self._on_progress(what, plan["vectors"], plan["vectors"])
            await self._connection.execute(self._sql["analyze"])
        # Not in the transaction that built it: whoever waits there to write may have read what this has to lock.
        async with owner_transaction(self._connection, self._target):
            await self._connection.execute(plan["replacing"])
        return built

    def _most_memory(self, said: int) -> int:
        """What the setting says, or else the server; without either, a share of the embedded server's machine."""
        if self._target.settings.index_memory is not None or self._target.embedded is None:
            return max(LEAST_MEMORY, said)
        return min(psutil.virtual_memory().total // SHARE_OF_MACHINE, BACKEND_ADDRESS_SPACE // 2)

    async def _build(self, statement: str, memory: int) -> None:
        workers = None if self._target.embedded is None else min(8, os.cpu_count() or 1) - 1
        try:
            await self._build_with(statement, memory, workers)
        except asyncpg.DiskFullError:
            # Processes share the graph in /dev/shm, which containers keep small.
            if workers == 0:
                raise
            await self._build_with(statement, memory, 0)

    async def _build_with(self, statement: str, memory: int, workers: int | None) -> None:
        async with self._connection.transaction():
            await self._connection.fetch(self._sql["index_settings"], memory >> 10, workers)
            await self._connection.execute(statement)

    @asynccontextmanager
    async def _watched(self, what: str, vectors: int) -> AsyncGenerator[None]:
        """Tells during the block how far the build is."""
        watch = asyncio.create_task(self._watch(self._connection.get_server_pid(), what, vectors))
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def _watch(self, backend: int, what: str, vectors: int) -> None:
        # A build whose progress cannot be seen goes on all the same.
        with suppress(MCPError):
            async with admin_connection(self._target) as connection:
                while True:
                    done = await connection.fetchval(self._sql["index_progress"], backend)
                    if done is not None:
                        self._on_progress(what, done, vectors)
                    await asyncio.sleep(POLL_SECONDS)


def _size(memory: int) -> str:
    return f"{memory / (1 << 20):,.0f} MB"
