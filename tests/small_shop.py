"""A catalogue of six products for tests of embedding, and what is looked up in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.embedding_server import EmbeddingServer
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.target import Target

NAMES = ["Claw hammer", "Garden hose", "Barn red paint", "Work light", "Door hinge", "Ladder"]
ADD = """
WITH category AS (
    INSERT INTO categories (name) VALUES ('TOOLS')
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING category_id
), type AS (
    INSERT INTO product_types (category_id, name) SELECT category_id, 'KINDS' FROM category
    ON CONFLICT (category_id, name) DO UPDATE SET name = excluded.name RETURNING category_id, type_id
)
INSERT INTO products (sku, name, description, category_id, type_id, price)
SELECT 'S' || row_number() OVER (), name, 'For the house', category_id, type_id, 5 FROM type, unnest($1::text[]) AS name
"""


async def as_owner(target: Target, sql: str, *arguments: Any) -> list[Any]:
    """Rows of a statement as the data's owner."""
    async with admin_connection(target) as connection, owner_transaction(connection, target):
        return await connection.fetch(sql, *arguments)


def remote(target: Target, server: EmbeddingServer, **settings: Any) -> Target:
    """The same database, to be embedded by the server."""
    changes = {"embedding_provider": "openai", "embedding_model": "test-model", "embedding_base_url": server.base_url}
    return Target(target.settings.model_copy(update=changes | settings))


async def vectors(target: Target) -> dict[tuple[str, str], Any]:
    """Stored vectors by model and product name."""
    rows = await as_owner(
        target,
        "SELECT p.name, e.* FROM product_description_embeddings e JOIN products p USING (product_id)",
    )
    return {(row["model"], row["name"]): row for row in rows}


async def active(target: Target) -> list[str]:
    """The model that search uses."""
    return [row["model"] for row in await as_owner(target, "SELECT model FROM embedding_models WHERE is_active")]


async def queued(target: Target) -> list[str]:
    """Names of the products in the queue."""
    rows = await as_owner(
        target, "SELECT p.name FROM ops.embedding_queue JOIN products p USING (product_id) ORDER BY model, p.name"
    )
    return [row["name"] for row in rows]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(120):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
