"""A question as a model sees it: its vector, and how near a product must be to fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from zava_cli.data.search import ActiveModel, Match
from zava_cli.infra.errors import EmbeddingError
from zava_cli.infra.onnx_models import shown_name
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search_reading import Asked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLLOWERS = 2 / 3
"""Where the nearest product reaches the model's threshold, others count down to this part of it."""


@dataclass(frozen=True)
class Question:
    """The question, its vector by the active model, and the lowest similarity of the nearest and of the others."""

    asked: Asked
    vector: NDArray[np.float32]
    active: ActiveModel
    entry: float
    threshold: float

    def is_by(self, active: ActiveModel | None) -> bool:
        """Whether that is its model, however many products changed meanwhile."""
        return active is not None and replace(active, behind=self.active.behind) == self.active

    def has_meaning(self) -> bool:
        """Whether the model makes anything of it: the cosine distance to a zero vector is NaN."""
        return bool(self.vector.any())

    def near_enough(self, nearest: dict[UUID, Match]) -> dict[UUID, Match]:
        """Those of the nearest products that are hits."""
        if not any(match.score >= self.entry for match in nearest.values()):
            return {}
        return {key: match for key, match in nearest.items() if match.score >= self.threshold}


async def question_by(
    active: ActiveModel | None, asked: Asked, threshold: float | None, source: EmbedderSource
) -> Question:
    """The question as the active model sees it; EmbeddingError where that cannot be had."""
    if active is None:
        raise EmbeddingError("No product is embedded yet.", hint="Run `zava embed` once, as the administrator.")
    embedder = source.of(active)
    vector = await source.embed_query(active, asked.meaning)
    if len(vector) != active.dimensions:
        raise EmbeddingError(
            f"The question got {len(vector)} dimensions from {shown_name(active.model)}; the products have "
            f"{active.dimensions}.",
            hint="Set embedding_dimensions and run `zava embed`, or use the service that embedded the products.",
        )
    if threshold is not None:
        return Question(asked, vector, active, threshold, threshold)
    return Question(asked, vector, active, embedder.threshold, embedder.threshold * FOLLOWERS)
