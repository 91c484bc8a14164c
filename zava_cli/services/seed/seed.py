"""`zava seed`: generates a data set and loads it in one transaction."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

from zava_cli.data.seed import Names, Rows, SeedLoader, refresh_statistics, seed_transaction
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.models.identity import ManagerRole
from zava_cli.models.seed import SeedReport, SeedRequest
from zava_cli.services.seed.catalogue import Catalogue, key
from zava_cli.services.seed.generator import generate
from zava_cli.services.seed.model import SeedModel
from zava_cli.services.seed.plan import Plan, make_plan


async def seed_database(target: Target, request: SeedRequest, on_progress: Progress = no_progress) -> SeedReport:
    """Fills an empty database; all or nothing.

    Raises ConfigurationError when it holds data (unless `if_empty`, then nothing is done, or `reset`) and when
    `reset` meets imported data, ValidationError for an `until` in the future or too early.
    """
    started = time.monotonic()
    async with seed_transaction(target) as loader:
        state = await loader.state()
        if state["holds_data"] and request.if_empty and not request.reset:
            return await _nothing_done(loader, state, started)
        await _make_room(loader, state, request)
        plan = make_plan(request, state["time_zone"], state["today"])
        report = await _load(loader, plan, on_progress)
    on_progress("statistics", 0, None)
    await refresh_statistics(target)
    return report.model_copy(update={"seconds": round(time.monotonic() - started, 2)})


async def _make_room(loader: SeedLoader, state: dict[str, Any], request: SeedRequest) -> None:
    if request.reset and state["was_imported"]:
        raise ConfigurationError(
            "This database holds imported data, which a reset would remove for good.",
            hint="Seed another database instead: zava seed --profile NAME (after zava db migrate --profile NAME).",
        )
    if request.reset:
        await loader.reset()
    elif state["holds_data"]:
        raise ConfigurationError(
            "This database holds data already.",
            hint="Use --if-empty to leave it as it is, --reset to replace what was seeded, or another --profile.",
        )


async def _load(loader: SeedLoader, plan: Plan, on_progress: Progress) -> SeedReport:
    catalogue = catalogue_rows(plan.catalogue)
    digest = hashlib.sha256(fingerprint(catalogue, plan.model))
    counts = {table: len(rows) for table, rows in zip(_CATALOGUE_NAMES, catalogue.values(), strict=True)}
    await loader.prepare(catalogue)
    names = _names(plan.catalogue)
    expected, sales = round(sum(plan.sales_per_store)), 0
    blocks = generate(plan)
    coming = asyncio.create_task(asyncio.to_thread(_next_block, blocks))
    try:
        while (block := await coming) is not None:
            # The next block is generated while the server works on this one.
            coming = asyncio.create_task(asyncio.to_thread(_next_block, blocks))
            for rows in block:
                digest.update(rows.stream)
                counts[rows.table] = counts.get(rows.table, 0) + rows.count
            await loader.load(block, names)
            sales = counts["orders"]
            on_progress("orders", min(sales, expected), expected)
    finally:
        coming.cancel()
    parameters = {"seed": plan.seed, "until": str(plan.until), "customers": plan.customers, "time_zone": plan.zone.key}
    await loader.finish(digest.hexdigest(), parameters, counts)
    return SeedReport(
        seeded=True, seed=plan.seed, until=plan.until, customers=plan.customers, time_zone=plan.zone.key,
        row_counts=counts, content_hash=digest.hexdigest(), seconds=0,
    )  # fmt: skip


def _next_block(blocks: Iterator[list[Rows]]) -> list[Rows] | None:
    return next(blocks, None)


async def _nothing_done(loader: SeedLoader, state: dict[str, Any], started: float) -> SeedReport:
    last = await loader.last_seed() or {"parameters": {}, "row_counts": {}, "content_hash": None}
    known = last["parameters"]
    return SeedReport(
        seeded=False, seed=known.get("seed"), until=known.get("until"), customers=known.get("customers"),
        time_zone=state["time_zone"], row_counts=last["row_counts"], content_hash=last["content_hash"],
        seconds=round(time.monotonic() - started, 2),
    )  # fmt: skip


_CATALOGUE_NAMES = ("managers", "stores", "manager_stores", "categories", "product_types", "products")


def catalogue_rows(catalogue: Catalogue) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of the small tables by the name of what one row is, in the order of their columns."""
    stores = {store.name: store for store in catalogue.stores}
    own = [(s.manager_id, s.manager_name, s.manager_email, ManagerRole.STORE_MANAGER.value) for s in stores.values()]
    seen = [(store.manager_id, store.key) for store in stores.values()]
    seen += [(m.manager_id, stores[name].key) for m in catalogue.managers for name in m.store_names]
    types = dict.fromkeys((product.category, product.product_type) for product in catalogue.products)
    return {
        "manager": own + [(m.manager_id, m.name, m.email, m.role) for m in catalogue.managers],
        "store": [(s.key, s.name, s.location, s.manager_id, s.is_online) for s in stores.values()],
        "manager_store": seen,
        "category": [(key("category", name), name) for name in catalogue.categories],
        "product_type": [
            (key("type", f"{category}/{name}"), key("category", category), name) for category, name in types
        ],
        "product": [
            (p.key, p.sku, p.name, p.description, key("category", p.category),
             key("type", f"{p.category}/{p.product_type}"), p.cost, p.price)
            for p in catalogue.products
        ],
    }  # fmt: skip


def fingerprint(catalogue: dict[str, list[tuple[Any, ...]]], model: SeedModel) -> bytes:
    """What the small tables and the model hold, as bytes that differ when anything does."""
    return json.dumps([catalogue, model.model_dump(mode="json")], default=str, sort_keys=True).encode()


def _names(catalogue: Catalogue) -> Names:
    first, last = catalogue.first_names, catalogue.last_names
    return Names(first, last, [_address(name) for name in first], [_address(name) for name in last])


def _address(name: str) -> str:
    """A name as people write it in e-mail addresses: lower case, without accents or marks."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum()).lower()
