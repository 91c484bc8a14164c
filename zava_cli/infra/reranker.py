"""A cross-encoder: a model that reads a question and a text together and says how well one answers the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from zava_cli.infra.deadline import at_most
from zava_cli.infra.embeddings.base import batches, tidy
from zava_cli.infra.errors import EmbeddingSetupError, EmbeddingUnavailableError
from zava_cli.infra.onnx_models import OnnxModel

# Small, so that what nobody waits for any more soon ends.
BATCH, BATCH_CHARACTERS = 16, 8_000


class Reranker:
    """One cross-encoder, loaded once on first use; it works in a thread beside the event loop.

    `timeout` is in seconds, and holds for loading it too.
    """

    def __init__(self, name: str, timeout: float) -> None:
        self.model = OnnxModel(name)
        self._timeout = timeout

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, from 0 to 1, in the order of `texts`.

        Raises EmbeddingError, also where it takes longer than `timeout` or the request allows.
        """
        given_up = threading.Event()
        try:
            async with asyncio.timeout(at_most(self._timeout)):
                return await asyncio.to_thread(self._scores, tidy(question), [tidy(text) for text in texts], given_up)
        except TimeoutError:
            raise EmbeddingUnavailableError(
                f"The model {self.model.shown} took longer than there was time for, at most {self._timeout:g} seconds.",
                hint="Take a smaller model, or set ZAVA_RERANK_TIMEOUT.",
            ) from None
        finally:
            given_up.set()

    async def load(self) -> None:
        """Makes it ready. Raises EmbeddingError."""
        await asyncio.to_thread(self.model.load)

    def _scores(self, question: str, texts: list[str], given_up: threading.Event) -> list[float]:
        import numpy as np

        scores = [0.0] * len(texts)
        for group in batches(texts, BATCH, BATCH_CHARACTERS):
            if given_up.is_set():
                break
            logits, _ = self.model.run([(question, texts[i]) for i in group])
            if logits.shape != (len(group), 1):
                raise EmbeddingSetupError(
                    f"The model {self.model.shown} is no re-ranker: it does not give one number for each text.",
                    hint="Take a cross-encoder, such as cross-encoder/ms-marco-MiniLM-L6-v2.",
                )
            # The logistic function, without overflow.
            for i, score in zip(group, 0.5 + 0.5 * np.tanh(logits[:, 0].astype(np.float64) / 2), strict=True):
                scores[i] = float(score)
        return scores
