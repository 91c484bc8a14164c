"""Which statements pass at all: one SELECT, VALUES, TABLE, plain EXPLAIN of these, or SHOW."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from zava_cli.data.guard import names
from zava_cli.data.guard.refusal import READ_ONLY_HINT, SourceText, tables_hint
from zava_cli.data.guard.rules import WRITES, check_part
from zava_cli.data.guard.totals import check_age, check_totals, counts_rows, may_count_transactions
from zava_cli.data.guard.tree import Json, JsonObject, Part, text_of, walk

if TYPE_CHECKING:
    from pglast.parser import Token

Kind = Literal["select", "explain", "show"]

# COSTS stays open although estimates reveal how common a value is: the session that runs the plan decides.
OPEN_EXPLAIN_OPTIONS = frozenset({"format", "verbose", "costs", "settings", "summary", "generic_plan"})
EXPLAIN_HINT = "Use plain EXPLAIN; its options may be FORMAT, VERBOSE, COSTS, SETTINGS, SUMMARY, GENERIC_PLAN."
SHOW_HINT = "SHOW works for timezone, datestyle, search_path, statement_timeout, work_mem and the like."


def check_statement(source: SourceText, tokens: list[Token], statement: JsonObject) -> Kind:
    """Refuse the statement or say what kind it is; `tokens` are those of the statement itself."""
    [(node_type, body)] = _members(statement.get("stmt"))
    start = tokens[0].start
    if node_type == "SelectStmt":
        _check_tree(source, tokens, node_type, body)
        return "select"
    if node_type == "ExplainStmt":
        _check_options(source, start, body)
        [(inner_type, inner)] = _members(body.get("query"))
        _check_tree(source, tokens, inner_type, inner)
        return "explain"
    if node_type == "VariableShowStmt":
        _check_setting(source, start, text_of(body, "name"))
        return "show"
    word = WRITES.get(node_type)
    if word is None:
        word = source.sql[start : tokens[0].end + 1].upper()
    else:
        start = _keyword(source, tokens, 0, word)
    raise source.refusal(f"{word} is not allowed here", word, character=start, hint=READ_ONLY_HINT)


def _check_tree(source: SourceText, tokens: list[Token], key: str, body: Json) -> None:
    def keyword(byte: int, word: str) -> int:
        character = _keyword(source, tokens, source.character_at(byte), word)
        return len(source.sql[:character].encode("utf-8"))

    first_byte = len(source.sql[: tokens[0].start].encode("utf-8"))
    catalogs: list[Part] = []
    ages: list[Part] = []
    for part in walk(key, body, first_byte):
        check_part(source, part, keyword)
        if counts_rows(part):
            catalogs.append(part)
        if may_count_transactions(part):
            ages.append(part)
    if catalogs:
        check_totals(source, catalogs, walk(key, body, first_byte))
    if ages:
        check_age(source, ages[0], walk(key, body, first_byte))


def _keyword(source: SourceText, tokens: list[Token], character: int, word: str) -> int:
    """The character of the first `word` at or after `character`, or else `character` itself."""
    for token in tokens:
        if token.start >= character and source.sql[token.start : token.end + 1].upper() == word:
            return token.start
    return character


def _check_options(source: SourceText, start: int, body: JsonObject) -> None:
    options = body.get("options")
    for item in options if isinstance(options, list) else []:
        [(_, option)] = _members(item)
        name = text_of(option, "defname").lower()
        if name in OPEN_EXPLAIN_OPTIONS or _is_off(option.get("arg")):
            continue
        word = f"EXPLAIN {name.upper()}"
        location = option.get("location")
        place = source.character_at(location) if isinstance(location, int) and location > 0 else start
        reason = "it runs the query" if name == "analyze" else "it belongs to EXPLAIN ANALYZE"
        raise source.refusal(f"{word} is not allowed here: {reason}", word, character=place, hint=EXPLAIN_HINT)


def _is_off(value: Json) -> bool:
    """True when an option is switched off in one of PostgreSQL's spellings; no value means on."""
    [(kind, constant)] = _members(value) or [("", {})]
    if kind == "Integer":
        return constant.get("ival", 0) == 0
    return kind == "String" and text_of(constant, "sval").lower() in {"off", "false", "none"}


def _check_setting(source: SourceText, start: int, name: str) -> None:
    if not names.is_open_setting(name):
        hint = f"{SHOW_HINT} {tables_hint()}"
        raise source.refusal(f"SHOW {name} is not allowed here", f"SHOW {name}", character=start, hint=hint)


def _members(node: Json) -> list[tuple[str, JsonObject]]:
    """The node types and bodies in a wrapper such as {"SelectStmt": {…}}: one, or none for no node."""
    if not isinstance(node, dict):
        return []
    return [(key, body) for key, body in node.items() if isinstance(body, dict)]
