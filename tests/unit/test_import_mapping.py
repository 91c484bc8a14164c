"""Which column of a file becomes what."""

from __future__ import annotations

from pathlib import Path

import pytest

from zava_cli.infra.errors import ValidationError
from zava_cli.models.importing import ImportTarget, MappedColumn
from zava_cli.services.importing.mapping import WELL_KNOWN, map_columns, read_columns

ONLINE_RETAIL = [
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
]  # fmt: skip
MINIMAL = ["order_id", "sku", "qty", "date", "price", "shop"]


def headers_of(mapping: list[MappedColumn]) -> dict[str, str | None]:
    return {column.target.value: column.header for column in mapping}


def test_the_headers_of_the_online_retail_file_are_all_recognised() -> None:
    mapping = map_columns(ONLINE_RETAIL, {})
    assert headers_of(mapping) == {
        "order_id": "InvoiceNo", "product": "StockCode", "description": "Description", "quantity": "Quantity",
        "order_date": "InvoiceDate", "unit_price": "UnitPrice", "customer_id": "CustomerID", "store": "Country",
    }  # fmt: skip
    assert {column.found for column in mapping} == {"well-known header"}


@pytest.mark.parametrize("header", ["ORDER ID", "order-id", " Order_Id ", "orderid"])
def test_case_spaces_and_punctuation_of_a_header_do_not_matter(header: str) -> None:
    assert map_columns([header, *MINIMAL[1:]], {})[0].header == header


def test_no_well_known_header_stands_for_two_targets() -> None:
    plain = [known.replace(" ", "") for headers in WELL_KNOWN.values() for known in headers]
    assert sorted(plain) == sorted(set(plain))


def test_the_better_of_two_known_headers_wins() -> None:
    assert headers_of(map_columns([*MINIMAL[:5], "Country", "Store"], {}))["store"] == "Store"


def test_what_the_user_says_wins_over_a_known_header() -> None:
    mapping = map_columns([*ONLINE_RETAIL, "Shop"], {"store": "country"})
    assert mapping[-1] == MappedColumn(target=ImportTarget.STORE, header="Country", position=8, found="given")


def test_one_store_for_all_lines_needs_no_column() -> None:
    mapping = map_columns(MINIMAL[:5], {}, "Corner Shop")
    assert (mapping[-1].target, mapping[-1].value, mapping[-1].position) == ("store", "Corner Shop", None)


def test_a_missing_column_is_named_with_the_headers_and_the_way_out() -> None:
    with pytest.raises(ValidationError, match="no column for order_id, store; the file has 'Nr', 'sku'") as caught:
        map_columns(["Nr", *MINIMAL[1:5]], {})
    assert caught.value.hint is not None
    assert "--map order_id=HEADER" in caught.value.hint
    assert "--store NAME" in caught.value.hint


def test_an_unknown_header_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValidationError, match="no column is called 'Nummer'; the file has 'order_id'"):
        map_columns(MINIMAL, {"order_id": "Nummer"})


def test_an_unknown_target_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValidationError, match="'ordr'") as caught:
        map_columns(MINIMAL, {"ordr": "order_id"})
    assert caught.value.hint is not None and "order_id, product" in caught.value.hint


def test_a_header_that_occurs_twice_is_neither_recognised_nor_accepted() -> None:
    headers = [*MINIMAL, "qty"]
    with pytest.raises(ValidationError, match="no column for quantity"):
        map_columns(headers, {})
    with pytest.raises(ValidationError, match="more than one column is called 'qty'"):
        map_columns(headers, {"quantity": "qty"})


def test_toml_file_and_pairs_are_read_in_order_and_the_last_one_wins(tmp_path: Path) -> None:
    toml = tmp_path / "map.toml"
    toml.write_text('order_id = "Beleg"\nproduct = "Artikel"\n', encoding="utf-8")
    assert read_columns([str(toml), "order_id=Bon=Nr"]) == {"order_id": "Bon=Nr", "product": "Artikel"}


@pytest.mark.parametrize(
    ("content", "complaint"), [("order_id = ", "is not TOML"), ("order_id = 3", "order_id is not a text")]
)
def test_a_bad_toml_file_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    toml = tmp_path / "map.toml"
    toml.write_text(content, encoding="utf-8")
    with pytest.raises(ValidationError, match=complaint):
        read_columns([str(toml)])


def test_a_pair_without_equals_sign_that_is_no_file_says_what_to_write() -> None:
    with pytest.raises(ValidationError, match="cannot be read") as caught:
        read_columns(["InvoiceNo"])
    assert caught.value.hint is not None and "TARGET=HEADER" in caught.value.hint
