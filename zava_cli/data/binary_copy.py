"""Turns numpy columns into PostgreSQL's binary COPY format, at memory speed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_POSTGRES_EPOCH = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's timestamps begin."""

_MONEY_LIMIT = 10**10
"""Cents that fit in two digits of base 10,000 before the point."""


class Kind(Enum):
    """A column's type in PostgreSQL and what its array holds."""

    UUID = "uuid: rows of 16 bytes"
    SMALLINT = "smallint"
    INTEGER = "integer"
    MONEY = "numeric: whole cents"
    TIMESTAMP = "timestamptz: microseconds since 1970"


_WIDTHS = {Kind.UUID: 16, Kind.SMALLINT: 2, Kind.INTEGER: 4, Kind.MONEY: 14, Kind.TIMESTAMP: 8}
_TYPES: dict[Kind, tuple[Any, ...]] = {
    Kind.UUID: (np.uint8, 16),
    Kind.SMALLINT: (">i2",),
    Kind.INTEGER: (">i4",),
    # Number of digits, weight of the first, sign, decimals, then the digits in base 10,000.
    Kind.MONEY: (">u2", 7),
    Kind.TIMESTAMP: (">i8",),
}


def encode(kinds: Mapping[str, Kind], columns: Mapping[str, NDArray[Any]]) -> bytes:
    """A whole COPY stream of the columns named in `kinds`, in that order, one row per element.

    Raises OverflowError for money beyond 100 million.
    """
    rows = len(next(iter(columns.values())))
    fields: list[Any] = [("fields", ">i2")]
    for name, kind in kinds.items():
        fields += [(f"{name} length", ">i4"), (name, *_TYPES[kind])]
    table = np.empty(rows, dtype=fields)
    table["fields"] = len(kinds)
    for name, kind in kinds.items():
        table[f"{name} length"] = _WIDTHS[kind]
        if kind is Kind.MONEY:
            _put_money(table[name], columns[name])
        elif kind is Kind.TIMESTAMP:
            table[name] = columns[name] - _POSTGRES_EPOCH
        else:
            table[name] = columns[name]
    return b"".join((_HEADER, table.tobytes(), _TRAILER))


def _put_money(field: NDArray[Any], cents: NDArray[np.int64]) -> None:
    size = np.abs(cents)
    if size.size and size.max() >= _MONEY_LIMIT:
        raise OverflowError("an amount is too large for the loader")
    whole = size // 100
    field[:, 0], field[:, 1] = 3, 1
    field[:, 2] = np.where(cents < 0, 0x4000, 0)
    field[:, 3] = 2
    field[:, 4], field[:, 5] = whole // 10_000, whole % 10_000
    field[:, 6] = size % 100 * 100
