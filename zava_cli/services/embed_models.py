"""The models that products are embedded with: how far each is, and the end of one."""

from __future__ import annotations

from typing import Any

from zava_cli.data.embed import EmbeddingStore, ModelRow, embedding_store
from zava_cli.data.embed_index import ModelIndex, model_indexes
from zava_cli.data.search import INDEX_ROWS
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.models.embed import EmbedStatus, IndexState, ModelStatus

LACKING = (IndexState.MISSING, IndexState.INVALID)
NO_INDEX = "they have no index, and search compares them all"
NO_INDEX_FIX = "Run `zava embed`."


async def embed_status(target: Target) -> EmbedStatus:
    """How each model's vectors compare with the catalogue as it is now; embeds nothing."""
    async with embedding_store(target) as store:
        products = await store.count_products()
        backlog = await store.backlog()
        indexes = await model_indexes(store.connection, target)
        models = [_status(row, products, indexes[row["model"]]) for row in backlog if row["model"] in indexes]
        return EmbedStatus(products=products, models=models)


async def models_without_index(target: Target) -> dict[str, int]:
    """Models whose vectors search compares one by one though they are many, and how many."""
    async with embedding_store(target) as store:
        indexes = await model_indexes(store.connection, target)
    return {model: index.unindexed for model, index in indexes.items() if _state(index) in LACKING}


def _status(row: dict[str, Any], products: int, index: ModelIndex) -> ModelStatus:
    building = None if index.building is None else min(1.0, index.building / max(1, row["embedded"]))
    return ModelStatus(
        **row, products=products, missing=products - row["embedded"],
        index=_state(index), index_bytes=index.bytes, index_progress=building,
    )  # fmt: skip


def _state(index: ModelIndex) -> IndexState:
    # Before READY: search has the old index for as long as a larger one is built.
    if index.building is not None:
        return IndexState.BUILDING
    if index.is_valid:
        return IndexState.READY
    if index.unindexed < INDEX_ROWS:
        return IndexState.NOT_NEEDED
    return IndexState.MISSING if index.is_valid is None else IndexState.INVALID


async def drop_model(target: Target, model: str) -> int:
    """Removes a model with its vectors, index and queue; returns how many vectors there were.

    Raises ValidationError for the model that search uses, and for one that is not on record.
    """
    async with embedding_store(target) as store, store.alone(model):
        return await store.drop((await model_on_record(store, model)).model)


async def model_on_record(store: EmbeddingStore, model: str | None) -> ModelRow:
    """The model of that name, or else the one that search uses; ValidationError when there is none."""
    rows = await store.models()
    row = next((row for row in rows if (row.is_active if model is None else row.model == model)), None)
    if row is None:
        known = ", ".join(row.model for row in rows)
        raise ValidationError(
            "model", model, "there is no such model", hint=f"There are: {known or 'none; run `zava embed` first'}."
        )
    return row
