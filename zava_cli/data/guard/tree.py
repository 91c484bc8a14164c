"""The parse tree as plain data, and one walk over it that no depth can break."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias, cast

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, Json]"

# Python's own limit for decoding nested JSON differs between its versions; this lower one is ours everywhere.
MAX_DEPTH = 900

LEAVES = frozenset({"A_Const"})


class TooDeepError(Exception):
    """The tree is deeper than MAX_DEPTH levels of JSON, about 430 nested expressions."""


class Part(NamedTuple):
    """One object in the tree: the key it stands under, itself, and the nearest place (byte offset) known."""

    key: str
    node: JsonObject
    byte: int

    @property
    def is_node(self) -> bool:
        """True when the key is a node type (`FuncCall`) and not a field of its parent (`larg`)."""
        return self.key[:1].isupper()

    @property
    def fields(self) -> list[str]:
        """The names behind a value's dots: columns, or functions of one argument where there is no such column."""
        return strings(self.node.get("fields"))[1:] + strings(self.node.get("indirection"))


def parse_statements(sql: str) -> list[JsonObject]:
    """Parse into one object per statement, each with `stmt` and perhaps `stmt_location` and `stmt_len`.

    The tree comes as JSON: libpg_query measures its stack while it writes that, whereas `parse_sql` builds
    Python objects without a limit and ends the process. Raises pglast's ParseError and TooDeepError.
    """
    from pglast.parser import parse_sql_json

    text = parse_sql_json(sql)
    try:
        return cast("list[JsonObject]", json.loads(text).get("stmts", []))
    except RecursionError as error:
        raise TooDeepError from error


def walk(key: str, value: Json, byte: int) -> Iterator[Part]:
    """Every object at or below `value`, parents first, in the order of the text as far as the tree keeps it.

    What a constant holds is left out, and so are wrappers such as {"FuncCall": {…}} around what they hold.
    """
    pending: list[tuple[str, Json, int, int]] = [(key, value, byte, 0)]
    while pending:
        key, value, byte, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise TooDeepError
        if isinstance(value, list):
            pending.extend((key, item, byte, depth + 1) for item in reversed(value))
        elif isinstance(value, dict):
            wrapped = _wrapped(value)
            if wrapped is not None:
                pending.append((wrapped, value[wrapped], byte, depth + 1))
                continue
            location = value.get("location")
            byte = location if isinstance(location, int) and location >= 0 else byte
            yield Part(key, value, byte)
            if key not in LEAVES:
                pending.extend(
                    (name, item, byte, depth + 1)
                    for name, item in reversed(value.items())
                    if isinstance(item, (dict, list))
                )


def _wrapped(value: JsonObject) -> str | None:
    """The node type in a wrapper such as {"FuncCall": {…}}."""
    if len(value) != 1:
        return None
    (key,) = value
    return key if key[:1].isupper() else None


def strings(value: Json) -> list[str]:
    """The texts of a list of String nodes, as names are kept; other items are left out."""
    texts: list[str] = []
    for item in value if isinstance(value, list) else []:
        node = item.get("String") if isinstance(item, dict) else None
        text = node.get("sval", "") if isinstance(node, dict) else None
        if isinstance(text, str):
            texts.append(text)
    return texts


def text_of(node: JsonObject, field: str) -> str:
    """A text field; the tree leaves out what is empty."""
    value = node.get(field)
    return value if isinstance(value, str) else ""
