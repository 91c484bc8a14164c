"""Catalogs that describe structure and beside it count: only their harmless columns, each by its name.

`reltuples` of `pg_class` is the number of every store's rows. A column can be reached by its own name, by a
star, as part of the whole row, under another name given by position, and in a natural join, so in a statement
that reads such a catalog all of these are refused. So is `age` beside a column that holds a transaction's number.
"""

from __future__ import annotations

from collections.abc import Iterable

from zava_cli.data.guard.refusal import SourceText
from zava_cli.data.guard.tree import JsonObject, Part, strings, text_of

COUNTING_COLUMNS = {
    "pg_class": frozenset({"reltuples", "relpages", "relallvisible", "relallfrozen", "relfrozenxid", "relminmxid"}),
    "pg_database": frozenset({"datfrozenxid", "datminmxid"}),
}

TRANSACTION_COLUMNS = frozenset({"xmin", "xmax"})


def counts_rows(part: Part) -> bool:
    """True for a catalog in FROM that has counting columns."""
    return part.key == "RangeVar" and text_of(part.node, "relname") in COUNTING_COLUMNS


def check_totals(source: SourceText, catalogs: list[Part], parts: Iterable[Part]) -> None:
    """Refuse a statement, given as all parts of its tree, that could read a counting column of these catalogs."""
    columns = frozenset[str]().union(*(COUNTING_COLUMNS[text_of(part.node, "relname")] for part in catalogs))
    rows = {text_of(part.node, "relname") for part in catalogs} | {_alias(part.node) for part in catalogs}
    found = [(part, name) for part in parts if (name := _named(part, columns) or _whole(part, rows))]
    if not found:
        return
    # The column itself says more than a star that stands before it.
    part, construct = next((hit for hit in found if hit[1] in columns), found[0])
    catalog = text_of(catalogs[0].node, "relname")
    raise source.refusal_at_byte(
        f"{construct} is not allowed here: {catalog} also counts rows and transactions",
        construct,
        byte=part.byte,
        hint=f"Name the columns of {catalog} that you need; these are closed: {', '.join(sorted(columns))}.",
    )


def may_count_transactions(part: Part) -> bool:
    """True for `age` of one value, a moment in time or a transaction's number, also when written `value.age`."""
    if part.key != "FuncCall":
        return "age" in part.fields
    arguments = part.node.get("args")
    return isinstance(arguments, list) and len(arguments) == 1 and strings(part.node.get("funcname"))[-1:] == ["age"]


def check_age(source: SourceText, age: Part, parts: Iterable[Part]) -> None:
    """Refuse a call of `age` in a statement, given as all parts of its tree, that names a transaction's number."""
    if any(_named(part, TRANSACTION_COLUMNS) for part in parts):
        raise source.refusal_at_byte(
            "age() is not allowed here: of xmin or xmax it counts the transactions of others",
            "age",
            byte=age.byte,
            hint="Use age() on times only, in a query that does not read xmin or xmax.",
        )


def _alias(node: JsonObject) -> str:
    alias = node.get("alias")
    return text_of(alias, "aliasname") if isinstance(alias, dict) else ""


def _named(part: Part, columns: frozenset[str]) -> str | None:
    """A counting column's name wherever the text may use it as one."""
    name = text_of(part.node, "sval") if part.key == "String" else ""
    return name if name in columns else None


def _whole(part: Part, rows: set[str]) -> str | None:
    """What stands for columns that are not named, if the part is that."""
    if part.key == "A_Star":
        return "*"
    if part.key == "ColumnRef" and (path := strings(part.node.get("fields"))) and path[-1] in rows:
        return f"the whole row {path[-1]}"
    if part.key == "JoinExpr" and part.node.get("isNatural"):
        return "NATURAL JOIN"
    alias = part.node.get("alias")
    if isinstance(alias, dict) and (part.key == "JoinExpr" or (part.key == "RangeVar" and alias.get("colnames"))):
        return "an alias with columns" if part.key == "RangeVar" else "an alias of a join"
    return None
