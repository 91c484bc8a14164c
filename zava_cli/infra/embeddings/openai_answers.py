"""Reads what an OpenAI-compatible service answers, and believes none of it before it has looked."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from zava_cli.infra.embeddings.base import unit_rows


class NonsenseError(Exception):
    """The answer is not what was asked for: `what` it is, in none of its words, and the tokens that it cost."""

    def __init__(self, what: str, tokens: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.tokens = tokens


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Item]
    usage: Any = None


def vectors_of(body: bytes, wanted: int) -> tuple[NDArray[np.float32], int]:
    """The unit vectors of an answer for `wanted` texts, in their order, and the tokens that the service counted.

    Raises NonsenseError. Some services count no tokens: 0 then.
    """
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        raise NonsenseError("an answer that is no list of embeddings") from None
    tokens = _tokens(answer.usage)
    items = sorted(answer.data, key=lambda item: item.index)
    if [item.index for item in items] != list(range(wanted)):
        raise NonsenseError(f"{len(items)} vectors for {wanted} texts, or not one for each", tokens)
    if len({len(item.embedding) for item in items}) != 1:
        raise NonsenseError("vectors of different lengths", tokens)
    matrix = np.array([item.embedding for item in items], dtype=np.float64)
    if not np.isfinite(matrix).all() or not matrix.any(axis=1).all():
        raise NonsenseError("a vector with NaN, infinity or nothing but zeros", tokens)
    return unit_rows(matrix), tokens


def _tokens(usage: Any) -> int:
    counted = cast("dict[str, Any]", usage).get("total_tokens") if isinstance(usage, dict) else None
    return counted if isinstance(counted, int) and counted > 0 else 0
