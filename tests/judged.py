"""Judged searches: questions with the products that answer them, by grade. See data/judged/README.md."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "judged"
RIGHT = 2
"""Lowest grade that answers the question."""


@dataclass(frozen=True)
class Product:
    """What a judgement looks at."""

    sku: str
    name: str
    product_type: str


@dataclass(frozen=True)
class Pattern:
    """Products of a type, or with names that have some parts and lack others."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> Pattern:
        """`A + B - C`."""
        wanted, *unwanted = text.split(" - ")
        return Pattern(tuple(wanted.split(" + ")), tuple(unwanted))

    def matches(self, product: Product) -> bool:
        """Whether the product is meant."""
        if self.wanted == (product.product_type,):
            return True
        has = [_begins_a_word(part, product.name) for part in self.wanted]
        return all(has) and not any(_begins_a_word(part, product.name) for part in self.unwanted)


@dataclass(frozen=True)
class JudgedQuery:
    """A question and its answers: patterns by grade, 3 best."""

    kind: str
    query: str
    judged: str

    @cached_property
    def patterns(self) -> dict[int, list[Pattern]]:
        """The patterns of each grade, highest grade first."""
        grades = (part.split(": ", 1) for part in self.judged.split("; "))
        found = {int(grade): [Pattern.parse(text) for text in texts.split(" | ")] for grade, texts in grades}
        return dict(sorted(found.items(), reverse=True))

    @property
    def is_held_out(self) -> bool:
        """Whether the question belongs to the half that tuning never looks at."""
        return hashlib.sha256(self.query.encode()).digest()[-1] % 2 == 1

    def grades(self, products: Iterable[Product]) -> dict[str, int]:
        """The grade of every product that has one, by SKU."""
        found: dict[str, int] = {}
        for product in products:
            for grade, patterns in self.patterns.items():
                if any(pattern.matches(product) for pattern in patterns):
                    found.setdefault(product.sku, grade)
        return found


def judged_queries(corpus: str) -> list[JudgedQuery]:
    """The questions of a corpus: catalogue, shoppers or online-retail."""
    with (FOLDER / f"{corpus}.tsv").open(encoding="utf-8", newline="") as file:
        return [JudgedQuery(**row) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def hit(found: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """1 if one of the first `depth` answers the question, else 0."""
    return float(any(grades.get(sku, 0) >= RIGHT for sku in found[:depth]))


def reciprocal_rank(found: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """1 / place of the first of `depth` that answers the question, or 0 (Voorhees, TREC-8, 1999)."""
    places = (place for place, sku in enumerate(found[:depth], 1) if grades.get(sku, 0) >= RIGHT)
    return 1 / next(places, math.inf)


def ndcg(found: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """Gain 2^grade - 1, discounted by log2(place + 1), by that of the best order (Burges et al., ICML 2005)."""

    def gained(in_order: Iterable[int]) -> float:
        return sum((2**grade - 1) / math.log2(place + 1) for place, grade in enumerate(in_order, 1))

    best = sorted(grades.values(), reverse=True)[:depth]
    return gained(grades.get(sku, 0) for sku in found[:depth]) / gained(best)


def _begins_a_word(part: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}", name, re.IGNORECASE) is not None
