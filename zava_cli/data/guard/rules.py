"""What a query may contain: one rule per kind of node, and no kind without a rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

from zava_cli.data.guard import names
from zava_cli.data.guard.refusal import READ_ONLY_HINT, SourceText
from zava_cli.data.guard.totals import COUNTING_COLUMNS
from zava_cli.data.guard.tree import Json, Part, strings, text_of

FUNCTION_HINT = (
    "Queries may only read; functions that change settings, run SQL given as text, wait, lock, "
    "or show the server, its files or other sessions cannot be called."
)
SAMPLE_HINT = "Use TABLESAMPLE BERNOULLI (percent), or ORDER BY md5(order_id::text) for the same sample every time."

# Of a number that is a transaction's, age() tells how many others there were since.
CLOSED_TYPES = frozenset({"regrole", "xid"})
FUNCTION_TYPES = frozenset({"regproc", "regprocedure"})
PG_VALUES = ("pg_lsn", "pg_snapshot", "pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list")
"""Types of values, though they are named like catalogs."""


def check_function(source: SourceText, part: Part) -> None:
    """A call, however it is spelt: the parser has already undone quotes, U&"" and SQL's own call syntax."""
    path = strings(part.node.get("funcname"))
    name = path[-1] if path else ""
    if len(path) > 1 and path[-2] not in names.FUNCTION_SCHEMAS:
        name = ".".join(path)
    elif name in names.ALLOWED_FUNCTIONS or _is_harmless_call(name, part):
        return
    elsewhere = names.OTHER_DIALECTS.get(name)
    if elsewhere is not None:
        hint = f"PostgreSQL has it as {elsewhere}."
        raise source.refusal_at_byte(f"there is no {name}() here", name, byte=part.byte, hint=hint)
    near = get_close_matches(name, names.ALLOWED_FUNCTIONS, n=1, cutoff=0.8) if len(name) < 64 else []
    known = name in names.REFUSED_FIELDS or name.startswith("pg_")
    hint = FUNCTION_HINT if known or not near else f"{FUNCTION_HINT} Did you mean {near[0]}()?"
    raise source.refusal_at_byte(f"{name}() is not allowed here", name, byte=part.byte, hint=hint)


def _is_harmless_call(name: str, part: Part) -> bool:
    """True for functions that depend on what they are asked: a setting, or a number's login."""
    arguments = part.node.get("args")
    first = arguments[0] if isinstance(arguments, list) and arguments else None
    if name == "current_setting":
        return names.is_open_setting(_literal(first))
    if name == "pg_get_userbyid":
        column = first.get("ColumnRef") if isinstance(first, dict) else None
        return isinstance(column, dict) and (strings(column.get("fields")) or [""])[-1] in names.OWNER_COLUMNS
    return False


def _literal(node: Json) -> str:
    """The text of a string constant, or nothing."""
    constant = node.get("A_Const") if isinstance(node, dict) else None
    text = constant.get("sval") if isinstance(constant, dict) else None
    return text_of(text, "sval") if isinstance(text, dict) else ""


def check_field(source: SourceText, part: Part) -> None:
    """`value.name` runs the function `name` when there is no such column."""
    for name in part.fields:
        if name in names.REFUSED_FIELDS:
            raise source.refusal_at_byte(
                f".{name} is not allowed here: PostgreSQL reads it as {name}(…)",
                name,
                byte=part.byte,
                hint="If it is a column, rename it first: … FROM (SELECT …) AS t (another_name).",
            )


def check_relation(source: SourceText, part: Part) -> None:
    """A table or view, by its schema or, without one, by its name."""
    schema, name = text_of(part.node, "schemaname"), text_of(part.node, "relname")
    in_catalog = schema == "pg_catalog" or (not schema and name.startswith("pg_"))
    in_standard = schema == "information_schema"
    closed = name if in_catalog else f"{schema}.{name}"
    if not (
        (in_catalog and name not in names.OPEN_CATALOGS)
        or (in_standard and name.startswith(names.CLOSED_INFORMATION_PREFIXES))
        or _is_closed(schema)
    ):
        return
    raise source.refusal_at_byte(
        f"{closed} cannot be read here",
        closed,
        byte=part.byte,
        hint="Tables and columns are described in information_schema and in pg_class, pg_attribute, pg_type.",
    )


def check_type(source: SourceText, part: Part) -> None:
    """A type name. The reg… types only look a name up and call nothing; regrole would list the logins."""
    path = strings(part.node.get("names"))
    if path and (_is_closed_type(path[-1].removeprefix("_")) or _is_closed(path[-2] if len(path) > 1 else "")):
        name = ".".join(path)
        raise source.refusal_at_byte(
            f"the type {name} is not allowed here", name, byte=part.byte, hint="Use text or a type of your own data."
        )


def _is_closed_type(name: str) -> bool:
    """True for closed types, and for rows of catalogs that count or may not be read: columns would come with them."""
    is_row = name.startswith("pg_") and not name.startswith(PG_VALUES)
    return name in CLOSED_TYPES or (is_row and (name in COUNTING_COLUMNS or name not in names.OPEN_CATALOGS))


def check_cast(source: SourceText, part: Part) -> None:
    """regproc and regprocedure show which function a catalog's column means; a text could name any function."""
    kind = part.node.get("typeName")
    path = strings(kind.get("names")) if isinstance(kind, dict) else []
    name = path[-1].removeprefix("_") if path else ""
    argument = part.node.get("arg")
    if name in FUNCTION_TYPES and not _names_allowed_function(argument):
        raise source.refusal_at_byte(
            f"the type {name} is not allowed here",
            name,
            byte=part.byte,
            hint="Only a column may be cast to it: pg_proc.oid::regprocedure, for example.",
        )


def _names_allowed_function(argument: Json) -> bool:
    if isinstance(argument, dict) and "ColumnRef" in argument:
        return True
    found = re.fullmatch(r"(?:pg_catalog\.)?([a-z_0-9]+)(?:\([a-z0-9_ ,\[\]]*\))?", _literal(argument))
    return found is not None and found[1] in names.ALLOWED_FUNCTIONS


def check_operator(source: SourceText, part: Part) -> None:
    """No built-in operator runs a refused function, so only OPERATOR(schema.+) is left to look at."""
    for field in ("name", "operName", "useOp"):
        path = strings(part.node.get(field))
        if len(path) > 1 and path[-2] not in names.FUNCTION_SCHEMAS:
            name = ".".join(path)
            hint = "Use the operator without a schema."
            raise source.refusal_at_byte(f"the operator {name} is not allowed here", name, byte=part.byte, hint=hint)


def check_sample(source: SourceText, part: Part) -> None:
    """TABLESAMPLE names a function of the server; a sample that can be had again tells where its rows lie."""
    path = strings(part.node.get("method"))
    if path[-1:] and (path[-1] not in names.SAMPLE_METHODS or path[:-1] not in ([], ["pg_catalog"])):
        name = ".".join(path)
        raise source.refusal_at_byte(f"TABLESAMPLE {name} is not allowed here", name, byte=part.byte, hint=SAMPLE_HINT)
    if part.node.get("repeatable"):
        raise source.refusal_at_byte(
            "REPEATABLE is not allowed here: it shows where rows lie between those of others",
            "REPEATABLE", byte=part.byte, hint=SAMPLE_HINT,
        )  # fmt: skip


def _is_closed(schema: str) -> bool:
    """True for our own closed schemas and for every pg_… one but the catalog itself."""
    return schema in names.CLOSED_SCHEMAS or (schema.startswith("pg_") and schema != "pg_catalog")


RULES: dict[str, Callable[[SourceText, Part], None]] = {
    "FuncCall": check_function,
    "ColumnRef": check_field,
    "A_Indirection": check_field,
    "RangeVar": check_relation,
    "TypeCast": check_cast,
    "TypeName": check_type,
    "typeName": check_type,
    "A_Expr": check_operator,
    "SubLink": check_operator,
    "SortBy": check_operator,
    "RangeTableSample": check_sample,
}

# The trees of writes carry no place of their own; this is the word by which each is found in the text.
WRITES = {"InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE"}


def check_part(source: SourceText, part: Part, keyword: Callable[[int, str], int]) -> None:
    """Refuse `part` or return; `keyword(byte, word)` finds the byte of the next such word in the text."""
    word = None
    if part.is_node and part.key not in names.OPEN_NODES:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", part.key.removesuffix("Stmt"))
        word = WRITES.get(part.key, words.upper())
    elif part.key == "intoClause":
        word = "INTO"
    elif part.node.get("lockingClause"):
        word = "FOR"
    if word is not None:
        construct = {"INTO": "SELECT INTO", "FOR": "FOR UPDATE"}.get(word, word)
        shown = "row locking (FOR UPDATE, FOR SHARE)" if word == "FOR" else construct
        place = keyword(part.byte, word)
        raise source.refusal_at_byte(f"{shown} is not allowed here", construct, byte=place, hint=READ_ONLY_HINT)
    rule = RULES.get(part.key)
    if rule is not None:
        rule(source, part)
