"""The models that products are embedded with: how far each is, and the end of one."""

from __future__ import annotations

from zava_cli.data.embed import EmbeddingStore, ModelRow, embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.models.embed import EmbedStatus, ModelStatus


async def embed_status(target: Target) -> EmbedStatus:
    """How each model's vectors compare with the catalogue as it is now; embeds nothing."""
    async with embedding_store(target) as store:
        products = await store.count_products()
        models = [
            ModelStatus(**row, products=products, missing=products - row["embedded"]) for row in await store.backlog()
        ]
        return EmbedStatus(products=products, models=models)


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
