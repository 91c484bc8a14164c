"""The judged searches are about products that exist."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.judged import JudgedQuery, Pattern, Product, hit, judged_queries, ndcg, reciprocal_rank

CATALOGUE = Path(__file__).parents[2] / "sample_data" / "products.csv"


@pytest.fixture(scope="module")
def products() -> list[Product]:
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return [Product(row["sku"], row["name"], row["product_type"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    "query", [*judged_queries("catalogue"), *judged_queries("shoppers")], ids=lambda query: query.query
)
def test_every_judgement_names_products_of_the_catalogue(query: JudgedQuery, products: list[Product]) -> None:
    for patterns in query.patterns.values():
        assert [p for p in patterns if not any(p.matches(product) for product in products)] == []
    assert max(query.grades(products).values()) == 3


def test_both_halves_have_every_kind_of_question() -> None:
    halves = Counter((query.is_held_out, query.kind) for query in judged_queries("catalogue"))
    assert len(halves) == 14
    assert min(halves.values()) >= 10
    assert sum(halves.values()) == 243


def test_no_question_is_asked_twice() -> None:
    for corpus in ("catalogue", "shoppers", "online-retail"):
        queries = [query.query.lower() for query in judged_queries(corpus)]
        assert len(queries) == len(set(queries))


def test_a_product_gets_the_highest_grade_that_fits() -> None:
    query = JudgedQuery("use", "q", "1: PAINT; 3: White + Gloss - Semi")
    products = [Product("1", "White, High Gloss", "PAINT"), Product("2", "White Semi-Gloss", "PAINT")]
    assert query.grades([*products, Product("3", "Glossy", "OTHER")]) == {"1": 3, "2": 1}


def test_a_part_of_a_name_begins_a_word() -> None:
    assert not Pattern.parse("ray").matches(Product("1", "Metal Tray", "TRAYS"))
    assert Pattern.parse("tray").matches(Product("1", "Metal Trays", "TRAYS"))


def test_the_measures_are_those_of_a_hand_calculation() -> None:
    grades = {"a": 3, "b": 2, "c": 1}
    assert [hit(["x", "c", "b"], grades, depth) for depth in (2, 3)] == [0, 1]
    assert reciprocal_rank(["x", "c", "b"], grades, 10) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x", "c"], grades, 10) == 0
    assert ndcg(["a", "b", "c"], grades, 10) == pytest.approx(1)
    # 7/log2(3) over 7 + 3/log2(3) + 1/2
    assert ndcg(["x", "a"], grades, 10) == pytest.approx(4.4165 / 9.3928, rel=1e-4)
