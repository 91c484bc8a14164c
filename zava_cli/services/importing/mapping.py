"""Which column of a file is what: headers that are well known, and what the user says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from zava_cli.infra.errors import ValidationError
from zava_cli.models.importing import ImportTarget, MappedColumn

WELL_KNOWN: dict[ImportTarget, tuple[str, ...]] = {
    ImportTarget.ORDER_ID: (
        "order id", "order no", "order number", "order ref", "invoice no", "invoice number", "invoice id", "invoice",
        "receipt no", "receipt number", "receipt id", "transaction id", "transaction no", "bill no", "order",
    ),
    ImportTarget.PRODUCT: (
        "sku", "stock code", "product code", "product id", "product no", "item code", "item id", "item no",
        "article no", "article number", "ean", "upc", "product",
    ),
    ImportTarget.DESCRIPTION: (
        "product name", "item name", "article name", "product description", "item description", "description",
    ),
    ImportTarget.QUANTITY: ("quantity", "qty", "quantity ordered", "units", "units sold"),
    ImportTarget.ORDER_DATE: (
        "order date", "invoice date", "transaction date", "sale date", "purchase date", "date time",
        "timestamp", "date",
    ),
    ImportTarget.UNIT_PRICE: ("unit price", "price each", "price per unit", "item price", "sale price", "price"),
    ImportTarget.CUSTOMER_ID: (
        "customer id", "customer no", "customer number", "client id", "member id", "customer",
    ),
    ImportTarget.STORE: (
        "store", "store name", "store id", "shop", "shop name", "branch", "outlet", "location", "country",
    ),
    ImportTarget.CATEGORY: ("category", "category name", "product category", "department"),
    ImportTarget.TYPE: ("product type", "sub category", "type"),
    ImportTarget.COST: ("unit cost", "cost"),
    ImportTarget.DISCOUNT: ("discount amount",),
}  # fmt: skip
"""Headers that say what they are, best first. Compared without case, spaces and punctuation."""

REQUIRED = (
    ImportTarget.ORDER_ID,
    ImportTarget.PRODUCT,
    ImportTarget.QUANTITY,
    ImportTarget.ORDER_DATE,
    ImportTarget.UNIT_PRICE,
    ImportTarget.STORE,
)
TARGETS = ", ".join(ImportTarget)


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """`TARGET=HEADER` texts and names of TOML files with such entries as header per target; the last one wins."""
    columns: dict[str, str] = {}
    for text in given:
        target, equals, header = text.partition("=")
        if equals:
            columns[target.strip()] = header.strip()
        else:
            columns |= _toml_columns(Path(text))
    return columns


def map_columns(headers: Sequence[str], columns: Mapping[str, str], store: str | None = None) -> list[MappedColumn]:
    """The column of each target, in the order of ImportTarget; targets without one are left out.

    `columns` holds the user's header per target; `store` is the store of every line, whatever the columns.
    Raises ValidationError for an unknown target or header, and for a required target without a column.
    """
    unknown = [target for target in columns if target not in list(ImportTarget)]
    if unknown:
        raise ValidationError(
            "map", unknown[0], f"{unknown[0]!r} is not something that a column can be", hint=f"Choose from {TARGETS}."
        )
    mapped = [column for target in ImportTarget if (column := _column_for(target, headers, columns, store)) is not None]
    missing = [target for target in REQUIRED if target not in {column.target for column in mapped}]
    if missing:
        raise ValidationError(
            "map",
            missing,
            f"no column for {', '.join(missing)}; the file has {_listed(headers)}",
            hint=_way_out(missing),
        )
    return mapped


def _column_for(
    target: ImportTarget, headers: Sequence[str], columns: Mapping[str, str], store: str | None
) -> MappedColumn | None:
    if target is ImportTarget.STORE and store is not None:
        return MappedColumn(target=target, header=None, position=None, value=store, found="given")
    if target in columns:
        index = _given_index(target, columns[target], headers)
        return MappedColumn(target=target, header=headers[index], position=index + 1, found="given")
    plain = [_plain(header) for header in headers]
    for known in map(_plain, WELL_KNOWN[target]):
        if plain.count(known) == 1:
            index = plain.index(known)
            return MappedColumn(target=target, header=headers[index], position=index + 1, found="well-known header")
    return None


def _given_index(target: str, wanted: str, headers: Sequence[str]) -> int:
    exact = [index for index, header in enumerate(headers) if header.strip() == wanted]
    alike = [index for index, header in enumerate(headers) if _plain(header) and _plain(header) == _plain(wanted)]
    found = exact or alike
    if len(found) == 1:
        return found[0]
    how_many = "no column" if not found else "more than one column"
    raise ValidationError(
        "map", wanted, f"{how_many} is called {wanted!r}; the file has {_listed(headers)}",
        hint=f"Name one of them: --map '{target}=HEADER'.",
    )  # fmt: skip


def _way_out(missing: Sequence[ImportTarget]) -> str:
    hint = "Say which column it is: " + " ".join(f"--map {target}=HEADER" for target in missing)
    if ImportTarget.STORE in missing:
        hint += "; or name the one store of all lines: --store NAME"
    return hint + "."


def _listed(headers: Sequence[str]) -> str:
    return ", ".join(repr(header) for header in headers)


def _plain(header: str) -> str:
    return re.sub(r"[\W_]+", "", header).casefold()


def _toml_columns(path: Path) -> dict[str, str]:
    hint = 'Give TARGET=HEADER, or a TOML file of lines such as: order_id = "InvoiceNo"'
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ValidationError("map", str(path), f"{path.name} cannot be read: {exc.strerror}", hint=hint) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ValidationError("map", str(path), f"{path.name} is not TOML: {exc}", hint=hint) from None
    for target, header in content.items():
        if not isinstance(header, str):
            raise ValidationError("map", str(path), f"{path.name}: {target} is not a text", hint=hint)
    return content
