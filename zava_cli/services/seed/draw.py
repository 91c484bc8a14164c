"""Random draws as arrays, all from uniform numbers, so that a seed means the same data everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Random = np.random.Generator


def generator(seed: int, *path: int) -> Random:
    """A stream of its own for each path below a seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *path])))


def cumulative(weights: Sequence[float] | Floats) -> Floats:
    """Cumulative shares of weights; the last one is 1."""
    total = np.cumsum(np.asarray(weights, dtype=np.float64))
    return total / total[-1]


def pick(random: Random, count: int, weights: Sequence[float] | Floats) -> Ints:
    """`count` indexes into `weights`, drawn by weight."""
    return np.searchsorted(cumulative(weights)[:-1], random.random(count), side="right")


def between(random: Random, count: int, bounds: tuple[int, int]) -> Ints:
    """`count` whole numbers from the first to the last bound, both included."""
    return bounds[0] + (random.random(count) * (bounds[1] - bounds[0] + 1)).astype(np.int64)


def poisson(random: Random, means: Floats) -> Ints:
    """One Poisson number per mean, by inversion of its distribution."""
    left = random.random(means.size)
    result = np.zeros(means.size, dtype=np.int64)
    open_ = np.arange(means.size)
    probability = np.exp(-means)
    while open_.size:
        left[open_] -= probability[open_]
        # Far above the mean, rounding is all that is left of the number.
        possible = (result[open_] < means[open_]) | (probability[open_] > 1e-18)
        open_ = open_[(left[open_] >= 0) & possible]
        result[open_] += 1
        probability[open_] *= means[open_] / result[open_]
    return result


def tilted(values: Sequence[int], weights: Sequence[float], factor: float) -> Floats:
    """Weights shifted evenly towards larger or smaller values until their mean is `factor` times as large."""
    numbers, plain = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    wanted = factor * float((numbers * plain).sum() / plain.sum())
    low, high = 1e-6, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        shifted = plain * middle**numbers
        if float((numbers * shifted).sum() / shifted.sum()) < wanted:
            low = middle
        else:
            high = middle
    return plain * low**numbers


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to `total` (largest remainders)."""
    exact = [total * weight / sum(weights) for weight in weights]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def uuid7(random: Random, microseconds: Ints) -> NDArray[np.uint8]:
    """One UUID (version 7) per time since 1970, as rows of 16 bytes; later times sort later."""
    raw = random.bit_generator.random_raw(2 * microseconds.size)
    assert isinstance(raw, np.ndarray)
    words = raw.astype(np.uint64).reshape(-1, 2)
    milliseconds = (microseconds // 1000).astype(np.uint64)
    words[:, 0] = (milliseconds << np.uint64(16)) | np.uint64(0x7000) | (words[:, 0] & np.uint64(0xFFF))
    words[:, 1] = np.uint64(1 << 63) | (words[:, 1] >> np.uint64(2))
    return words.astype(">u8").view(np.uint8).reshape(-1, 16)
