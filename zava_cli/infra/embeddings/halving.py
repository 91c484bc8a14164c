"""Finds out which texts a service does not take, and how many it takes at once, by halving what it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from zava_cli.infra.embeddings.base import OnRefused
from zava_cli.infra.errors import EmbeddingError

Piece = tuple[list[int], NDArray[np.float32]]
"""Places of texts, and their vectors."""
Send = Callable[[list[int]], Awaitable[NDArray[np.float32]]]


class Halving:
    """Requests to one service; `most` texts in each, which become fewer where it takes the halves and not the whole.

    `answers` embeds a plain word and raises EmbeddingError where even that fails.
    """

    def __init__(self, answers: Callable[[], Awaitable[None]], most: int) -> None:
        self.most = most
        self._answers = answers

    async def pieces(self, places: list[int], send: Send, on_refused: OnRefused) -> list[Piece]:
        """The vectors of those texts that the service takes. Raises EmbeddingError where that is not about texts."""
        failed = False
        if len(places) <= self.most:
            try:
                return [(places, await send(places))]
            except EmbeddingError as error:
                # Whatever it said: where it embeds a plain word, these texts are what is wrong.
                if not await self._embeds_a_word():
                    raise
                if len(places) == 1:
                    on_refused(places[0], error)
                    return []
                failed = True
        # A power of two, as most limits are.
        half = 1 << (len(places) - 1).bit_length() - 1
        taken = [
            *await self.pieces(places[:half], send, on_refused),
            *await self.pieces(places[half:], send, on_refused),
        ]
        if failed and sum(len(piece) for piece, _ in taken) == len(places):
            self.most = min(self.most, half)
        return taken

    async def _embeds_a_word(self) -> bool:
        try:
            await self._answers()
        except EmbeddingError:
            return False
        return True
