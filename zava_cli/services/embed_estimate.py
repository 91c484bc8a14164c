"""What embedding would take before anybody is called for it."""

from __future__ import annotations

import math

from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.embeddings.base import tidy
from zava_cli.models.embed import EmbedEstimate, EmbedRequest
from zava_cli.services.embed import Pending
from zava_cli.services.embedding import EmbedderSource, stored_name

BYTES_PER_TOKEN = 4
"""Of English text with the tokenizers of the hosted models; catalogues differ from it by up to a third."""


async def estimate_embedding(target: Target, request: EmbedRequest) -> EmbedEstimate:
    """Products, characters, tokens and cost of bringing the configured model up to date; calls no provider."""
    settings = target.settings
    async with EmbedderSource(settings) as source, embedding_store(target) as store:
        embedder = source.get()
        model = stored_name(embedder, settings)
        prefix = "" if embedder.provider == "local" else settings.embedding_document_prefix
        products = characters = tokens = 0
        async for page in store.pages(model, request.batch):
            for text in (tidy(prefix + text) for text in Pending.of(page, everything=request.all).texts):
                products += 1
                characters += len(text)
                tokens += math.ceil(len(text.encode()) / BYTES_PER_TOKEN)
    price = 0.0 if embedder.provider == "local" else settings.embedding_price
    return EmbedEstimate(
        model=model,
        provider=embedder.provider,
        products=products,
        characters=characters,
        tokens=tokens,
        cost=None if price is None else round(tokens / 1_000_000 * price, 6),
    )
