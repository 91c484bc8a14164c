"""Whether a query would read the same from the same rows at any time, so that its answer may be kept.

A list of what is known to depend on its arguments and on settings alone; whatever is not on it may tell the time,
draw lots or look at the catalog.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
MOMENT_TYPES = frozenset(name for name in TYPES if name.startswith(("date", "time", "ts", "tstz"))) - {
    "tsvector", "tsquery",
}  # fmt: skip
"""What a text is read as a moment for."""
MOMENT = re.compile(r"(?<![a-z])(?:now|today|tomorrow|yesterday)(?![a-z])", re.IGNORECASE)
"""What a text becomes a moment by, wherever PostgreSQL takes it for a date."""
QUOTING = re.compile(r"""[\\"]""")
"""What arrays, ranges and rows take out of a text before they read its parts."""
HIDDEN = re.compile(r"\\u|&#", re.IGNORECASE)
"""How JSON and XML spell a letter otherwise."""
TEXT_MAKERS = frozenset({
    "anytextcat", "array_to_string", "btrim", "byteacat", "chr", "concat", "concat_ws", "convert", "convert_from",
    "decode", "encode", "format", "left", "lpad", "ltrim", "normalize", "overlay", "regexp_match", "regexp_matches",
    "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "regexp_substr", "repeat", "replace",
    "reverse", "right", "rpad", "rtrim", "split_part", "string_agg", "string_to_array", "string_to_table", "substr",
    "substring", "textanycat", "textcat", "to_ascii", "translate", "ts_headline", "ts_lexize", "unistr", "xpath",
})  # fmt: skip
"""What may put a text together of parts that by themselves name no moment."""
RECORD_READERS = frozenset({
    "json_populate_record", "json_populate_recordset", "jsonb_populate_record", "jsonb_populate_recordset",
    "jsonb_populate_record_valid",
})  # fmt: skip
"""What reads texts as whatever a row's columns are."""
XML = frozenset({"XmlExpr", "XmlSerialize", "RangeTableFunc"})
ONE_ARGUMENT = "age"
"""Of two moments it is their distance, of one that from today."""


def is_repeatable(statement: JsonObject) -> bool:
    """Whether a checked statement, as the parser gives it, reads nothing but zava's tables and its own constants."""
    scopes = list(_scopes(statement))
    parts = [part for scope, _ in scopes for part in scope]
    if not all(_is_repeatable(part, queries) for scope, queries in scopes for part in scope):
        return False
    return not (any(map(_reads_moment, parts)) and any(map(_makes_text, parts)))


def _scopes(statement: JsonObject) -> Iterator[tuple[list[Part], set[str]]]:
    """The parts of the statement and of each query of its WITH, and the queries that a table's name may mean there.

    A name means the table itself where such a query is not yet or no longer known. Those of an inner WITH are
    not followed: whoever reads one reads what is not known here.
    """
    body = statement.get("stmt")
    select = body.get("SelectStmt") if isinstance(body, dict) else None
    clause = select.get("withClause") if isinstance(select, dict) else None
    known: set[str] = set()
    if isinstance(select, dict) and isinstance(clause, dict):
        ctes = clause.get("ctes")
        for query in ctes if isinstance(ctes, list) else []:
            part = next(walk("ctes", query, 0))
            name = {text_of(part.node, "ctename")}
            yield list(walk("ctes", query, 0)), known | name if clause.get("recursive") else known
            known = known | name
        body = {key: value for key, value in select.items() if key != "withClause"}
    yield list(walk("stmt", body, 0)), known


def names_moment(text: str) -> bool:
    """Whether PostgreSQL might read a text as a moment that is another one tomorrow."""
    return any(MOMENT.search(spelling) for spelling in (text, QUOTING.sub("", text))) or bool(HIDDEN.search(text))


def _reads_moment(part: Part) -> bool:
    """Whether it may read a text as a moment that does not stand there as a constant."""
    match part.key:
        case "TypeCast":
            argument = part.node.get("arg")
            is_constant = isinstance(argument, dict) and "A_Const" in argument
            return not is_constant and _is_moment(part.node.get("typeName"))
        case "FuncCall":
            return strings(part.node.get("funcname"))[-1] in MOMENT_TYPES | RECORD_READERS
        case "ColumnDef" | "JsonTableColumn" | "output" | "RangeTableFuncCol":
            return _is_moment(part.node.get("typeName"))
        case "ColumnRef" | "A_Indirection":
            return not MOMENT_TYPES.isdisjoint(part.fields)
        case _:
            return False


def _is_moment(type_name: Json) -> bool:
    return isinstance(type_name, dict) and not MOMENT_TYPES.isdisjoint(strings(type_name.get("names"))[-1:])


def _makes_text(part: Part) -> bool:
    """Whether it may put a text together."""
    match part.key:
        case "FuncCall":
            name = strings(part.node.get("funcname"))[-1]
            return name in TEXT_MAKERS or (name == "to_char" and not _is_plain_format(part.node.get("args")))
        case "A_Expr":
            return strings(part.node.get("name"))[-1:] == ["||"]
        case "ColumnRef" | "A_Indirection":
            return not TEXT_MAKERS.isdisjoint(part.fields)
        case _:
            return part.key in XML


def _is_plain_format(arguments: Json) -> bool:
    """Whether the format of `to_char` is a constant that cannot spell `now`."""
    form = arguments[-1] if isinstance(arguments, list) else None
    constant = form.get("A_Const") if isinstance(form, dict) else None
    return isinstance(constant, dict) and "w" not in _text(constant.get("sval")).lower()


def _is_repeatable(part: Part, queries: set[str]) -> bool:
    node = part.node
    match part.key:
        case "SQLValueFunction" | "RangeTableSample":
            return False
        case "FuncCall":
            return _is_repeatable_call(node)
        case "ColumnRef" | "A_Indirection":
            # `value.name` runs the function `name` when there is no such column.
            return names.CHANGING_FUNCTIONS.isdisjoint(part.fields) and ONE_ARGUMENT not in part.fields
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
    return name[0] in names.REPEATABLE_FUNCTIONS


def _text(value: Json) -> str:
    return text_of(value, "sval") if isinstance(value, dict) else ""
