"""What embedding would take before anybody is called for it."""

from __future__ import annotations

import math

from zava_cli.data.embed import embedding_store
from zava_cli.data.target import Target
from zava_cli.infra.embeddings.base import tidy
from zava_cli.models.embed import EmbedEstimate, EmbedRequest
from zava_cli.services.embed import Pending
from zava_cli.services.embedding import EmbedderSource, stored_name

BYTES_PER_TOKEN = (3.5, 4.0, 4.5)
"""Least, middle and most bytes of UTF-8 that a token of English products' texts has.

Counted with cl100k_base, the tokenizer of text-embedding-3-small and -large: 4.36 over the 424 texts of the sample
catalogue, 3.69 over the 4,211 descriptions of Online Retail (https://doi.org/10.24432/C5BW33), whole catalogues each.
Single texts reach from 3.0 to 5.3.
"""


async def estimate_embedding(target: Target, request: EmbedRequest) -> EmbedEstimate:
    """Products, characters, tokens and cost of what `embed_products` would embed; calls no provider."""
    async with EmbedderSource(target.settings) as source, embedding_store(target) as store:
        embedder, settings = source.chosen(await store.active())
        model = stored_name(embedder, settings)
        prefix = "" if embedder.provider == "local" else settings.embedding_document_prefix
        products = characters = size = 0
        async for page in store.pages(model, request.batch):
            for text in (tidy(prefix + text) for text in Pending.of(page, everything=request.all).texts):
                products += 1
                characters += len(text)
                size += len(text.encode())
    price = settings.embedding_price if embedder.provider == "openai" else 0.0
    most, middle, least = (math.ceil(size / bytes_each) for bytes_each in BYTES_PER_TOKEN)
    return EmbedEstimate(
        model=model,
        provider=embedder.provider,
        products=products,
        characters=characters,
        tokens=middle,
        least_tokens=least,
        most_tokens=most,
        cost=None if price is None else round(middle / 1_000_000 * price, 6),
        most_cost=None if price is None else round(most / 1_000_000 * price, 6),
    )
