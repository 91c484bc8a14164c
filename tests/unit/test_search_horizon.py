"""How many candidates search by meaning takes from an index."""

from __future__ import annotations

from zava_cli.data.embed_index import MANY, index_shape
from zava_cli.data.search import KEPT_BY_SCAN, NO_FILTERS, VectorModel, horizon


def test_from_many_vectors_on_a_search_without_filters_looks_further_than_a_scan_keeps() -> None:
    few, many = (VectorModel("any", 256, index_shape(vectors).neighbours) for vectors in (MANY - 1, MANY))
    assert horizon(few, NO_FILTERS, 50) < KEPT_BY_SCAN < horizon(many, NO_FILTERS, 50)
