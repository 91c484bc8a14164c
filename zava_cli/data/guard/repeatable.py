"""Whether a query would read the same from the same rows at any time, so that its answer may be kept.

A list of what is known to depend on its arguments and on settings alone; whatever is not on it may tell the time,
draw lots or look at the catalog.
"""

from __future__ import annotations

import re

from zava_cli.data.guard import names
from zava_cli.data.guard.tree import Json, JsonObject, Part, strings, text_of, walk

TABLES = frozenset({
    "managers", "stores", "manager_stores", "categories", "product_types", "products", "customers", "orders",
    "order_items", "inventory", "embedding_models", "product_description_embeddings",
})  # fmt: skip
"""Not views, which may hide anything."""
TYPES = frozenset({
    "int2", "int4", "int8", "numeric", "float4", "float8", "money", "bool", "text", "varchar", "bpchar", "char", "name",
    "date", "time", "timestamp", "timestamptz", "interval", "uuid", "json", "jsonb", "jsonpath", "bytea", "bit",
    "varbit", "tsvector", "tsquery", "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange",
    "int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange",
    "vector", "halfvec", "sparsevec",
})  # fmt: skip
"""Without timetz, whose offset is that of the day on which it is read."""
MOMENT = re.compile(r"(?<![a-z])(?:now|today|tomorrow|yesterday)(?![a-z])", re.IGNORECASE)
"""What a text becomes a moment by, wherever PostgreSQL takes it for a date."""
ONE_ARGUMENT = "age"
"""Of two moments it is their distance, of one that from today."""


def is_repeatable(statement: JsonObject) -> bool:
    """Whether a checked statement, as the parser gives it, reads nothing but zava's tables and its own constants."""
    parts = list(walk("stmt", statement.get("stmt"), 0))
    queries = {text_of(part.node, "ctename") for part in parts if part.key == "CommonTableExpr"}
    return all(_is_repeatable(part, queries) for part in parts)


def names_moment(text: str) -> bool:
    """Whether PostgreSQL might read a text as a moment that is another one tomorrow."""
    return MOMENT.search(text) is not None


def _is_repeatable(part: Part, queries: set[str]) -> bool:
    node = part.node
    match part.key:
        case "SQLValueFunction" | "RangeTableSample":
            return False
        case "FuncCall":
            return _is_repeatable_call(node)
        case "ColumnRef" | "A_Indirection":
            # `value.name` runs the function `name` when there is no such column.
            path = strings(node.get("fields"))[1:] + strings(node.get("indirection"))
            return not any(name == ONE_ARGUMENT or name in names.changing_functions() for name in path)
        case "RangeVar":
            name, schema = text_of(node, "relname"), text_of(node, "schemaname")
            return (name in TABLES and schema in {"", "retail"}) or (name in queries and not schema)
        case "TypeName" | "typeName":
            path = strings(node.get("names"))
            return not path or path[-1] in TYPES
        case "A_Const":
            return not names_moment(_text(node.get("sval")))
        case _:
            return True


def _is_repeatable_call(call: JsonObject) -> bool:
    name = strings(call.get("funcname"))[-1:]
    arguments = call.get("args")
    if name == [ONE_ARGUMENT]:
        return isinstance(arguments, list) and len(arguments) == 2
    return name[0] in names.repeatable_functions()


def _text(value: Json) -> str:
    return text_of(value, "sval") if isinstance(value, dict) else ""
