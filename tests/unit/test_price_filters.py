"""Filters on the price as the indexed column has it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from zava_cli.data.search import NO_FILTERS


@pytest.mark.parametrize(
    ("price", "lowest", "highest"),
    [
        ("0", 0, 0),
        ("9.99", 99_900, 99_900),
        ("0.00005", 1, 0),
        ("1.00000000000000000000000000000000000001", 10_001, 10_000),
        ("1e400", 10**14, 10**14),
        ("-1e400", -(10**14), -(10**14)),
    ],
)
def test_a_price_between_two_that_products_may_have_is_rounded_into_the_range(
    price: str, lowest: int, highest: int
) -> None:
    values = replace(NO_FILTERS, min_price=Decimal(price), max_price=Decimal(price)).values
    assert values[1:3] == (lowest, highest)


def test_a_price_that_is_not_asked_for_filters_nothing() -> None:
    assert NO_FILTERS.values[1:3] == (None, None)
