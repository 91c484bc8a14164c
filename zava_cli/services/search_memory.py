"""What a server keeps from one search to the next, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from zava_cli.infra.reranker import Reranker
from zava_cli.infra.settings import Settings

if TYPE_CHECKING:
    from zava_cli.data.search import ActiveModel


@dataclass
class SearchMemory:
    """The re-ranker, loaded on first use, and guesses at what the next search will find.

    `model` is the one that the last search used, and `words` are those of the thesaurus that the catalogue had.
    """

    reranker: Reranker | None
    model: ActiveModel | None = None
    words: set[str] = field(default_factory=set[str])

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Before the first search."""
        model = settings.rerank_model
        return cls(None if model is None else Reranker(model, settings.rerank_timeout))

    def close(self) -> None:
        """Let go of what takes most memory."""
        if self.reranker is not None:
            self.reranker.model.unload()
