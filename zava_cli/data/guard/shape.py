"""How a statement reads without its values."""

from __future__ import annotations

from zava_cli.data.guard.check import on_parser_thread
from zava_cli.data.guard.refusal import SourceText
from zava_cli.data.guard.scanning import scan
from zava_cli.infra.errors import DatabaseError

LONGEST = 10_000
"""Characters of a statement that anybody would read."""

CONSTANTS = {"SCONST", "USCONST", "BCONST", "XCONST"}
HIDDEN = "?"


def without_values(statement: str) -> str:
    """A statement that the guard has let pass on one line, with $1, $2 … for its values and without comments.

    Empty where it is too long, or made of what cannot be told apart so.
    """
    return "" if len(statement) > LONGEST else on_parser_thread(_without_values, statement)


def _without_values(statement: str) -> str:
    from pglast.error import Error
    from pglast.parser import normalize

    try:
        text = normalize(statement)
        tokens = scan(SourceText(text))
    except (Error, DatabaseError):
        return ""
    line, end = "", 0
    # Token by token, since comments keep what the caller wrote.
    for token in tokens:
        line += " " if line and token.start > end else ""
        # The parser's own way leaves the paths of JSON_TABLE and the values of CYCLE as they are.
        line += HIDDEN if token.name in CONSTANTS else text[token.start : token.end + 1]
        end = token.end + 1
    return line
