"""What writers need to know about result columns: which are numbers, and names that occur once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zava_cli.models.query import Column

INTEGER_TYPES = frozenset({"int2", "int4", "int8", "smallint", "integer", "bigint"})
FLOAT_TYPES = frozenset({"float4", "float8", "real", "double precision"})
NUMERIC_TYPES = frozenset({"numeric", "decimal"})
NUMBER_TYPES = INTEGER_TYPES | FLOAT_TYPES | NUMERIC_TYPES | {"oid"}
BOOLEAN_TYPES = frozenset({"bool", "boolean"})
JSON_TYPES = frozenset({"json", "jsonb"})


def is_right_aligned(column: Column) -> bool:
    """Whether people expect this column's values to line up at their last digit."""
    return column.type in NUMBER_TYPES or column.type == "money"


def is_never_cut(column: Column) -> bool:
    """Whether a part of a value would be of no use, and the whole is short: numbers, booleans, times, and SKUs."""
    is_short = column.type in BOOLEAN_TYPES or column.type.startswith(("date", "time")) or column.name == "sku"
    return is_short or is_right_aligned(column)


def unique_names(columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """Names for formats in which a name may occur once, and a note when some had to change.

    The second `total` becomes `total_2`, or the next number that no other column uses.
    """
    given = {column.name for column in columns}
    names: list[str] = []
    used: set[str] = set()
    renamed: list[str] = []
    for column in columns:
        name, number = column.name, 1
        while name in used or (number > 1 and name in given):
            number += 1
            name = f"{column.name}_{number}"
        if number > 1:
            renamed.append(name)
        used.add(name)
        names.append(name)
    if not renamed:
        return names, []
    return names, [f"Columns with the same name were renamed: {', '.join(renamed)}"]
