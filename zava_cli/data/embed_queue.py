"""The queue of products whose vector of a model is missing or stale: claimed by workers, settled, or put off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from zava_cli.data.admin import owner_transaction
from zava_cli.data.driver_errors import translated
from zava_cli.data.embed import EmbeddingStore, ProductRow, Refused
from zava_cli.data.named_sql import named_sql

LEASE = timedelta(seconds=60)
"""How long a claim outlives a worker that is gone without anybody's notice."""


class EmbeddingQueue:
    """One model's queue, on a store's connection. Every method is a short transaction of its own.

    No row is locked while a provider thinks: a claim runs out by itself after `lease`, and what a product's row says
    about its last change decides whether a vector may still be written.
    """

    def __init__(self, store: EmbeddingStore, model: str, lease: timedelta = LEASE) -> None:
        self._connection = store.connection
        self._target = store.target
        self._model = model
        self._lease = lease
        self._sql = named_sql("embed_queue")

    @asynccontextmanager
    async def batch(self, size: int) -> AsyncGenerator[list[ProductRow]]:
        """At most `size` products that are due, for this worker alone; what the block leaves is due again at once."""
        with translated():
            await self._connection.execute(self._sql["lock_beside"], self._model)
            try:
                products = await self._claim(size)
                try:
                    yield products
                finally:
                    if products and not self._connection.is_closed():
                        await self._execute("put_back", products)
            finally:
                if not self._connection.is_closed():
                    await self._connection.execute(self._sql["unlock_beside"], self._model)

    @asynccontextmanager
    async def kept(self, products: Sequence[ProductRow]) -> AsyncGenerator[None]:
        """Renews the claim on these products for as long as the block takes, which leaves the connection alone."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._lease.total_seconds() / 3)
                await self._execute("renew", products, self._lease)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            # What broke it breaks the next statement too, and is told there.
            await asyncio.gather(renewing, return_exceptions=True)

    async def take_back(self) -> None:
        """Frees what a worker that died had claimed, if no other one is at work."""
        async with self._as_owner():
            await self._connection.execute(self._sql["take_back"], self._model)

    async def put_off(self, refused: Sequence[Refused], most_attempts: int) -> int:
        """Notes a failed try of these products and why, also of those that were not queued; returns for how many it
        was the last.
        """
        keys = [str(product.product_id) for product, _ in refused]
        changes = [None if product.change_no is None else str(product.change_no) for product, _ in refused]
        reasons = [reason for _, reason in refused]
        async with self._as_owner():
            rows = await self._connection.fetch(
                self._sql["put_off"], self._model, keys, changes, reasons, most_attempts
            )
        return sum(row["is_last"] for row in rows)

    async def note(self, products: Sequence[ProductRow], failure: str) -> None:
        """Notes why these products wait, where that is no fault of theirs: it takes none of their tries."""
        await self._execute("note", products, failure)

    async def retry_failed(self) -> None:
        """Gives what failed too often all its tries again."""
        async with self._as_owner():
            await self._connection.execute(self._sql["retry_failed"], self._model)

    async def _claim(self, size: int) -> list[ProductRow]:
        async with self._as_owner():
            claimed = await self._connection.fetch(self._sql["claim"], self._model, size, self._lease)
        keys = [str(row["product_id"]) for row in claimed]
        if not keys:
            return []
        # Read after the claim is committed: whatever changes from here on has a new number.
        async with self._as_owner():
            rows = await self._connection.fetch(self._sql["claimed"], self._model, keys)
            if len(rows) < len(keys):
                await self._connection.execute(self._sql["forget_unknown"], self._model, keys)
        return [ProductRow(**dict(row)) for row in rows]

    async def _execute(self, name: str, products: Sequence[ProductRow], *arguments: object) -> None:
        async with self._as_owner():
            await self._connection.execute(self._sql[name], self._model, *_places(products), *arguments)

    def _as_owner(self) -> Any:
        return owner_transaction(self._connection, self._target)


def _places(products: Sequence[ProductRow]) -> tuple[list[str], list[str]]:
    """Keys and change numbers, as the statements take them."""
    return [str(product.product_id) for product in products], [str(product.change_no) for product in products]
