"""How a statement reads without its values."""

from __future__ import annotations

from zava_cli.data.guard.refusal import SourceText
from zava_cli.data.guard.scanning import scan
from zava_cli.infra.errors import DatabaseError

LONGEST = 10_000
"""Characters of a statement that anybody would read."""
LITERALS = {"SCONST", "USCONST", "BCONST", "XCONST", "FCONST", "ICONST"}


def without_values(statement: str) -> str:
    """A statement that the guard has let pass on one line, with `?` for each literal and without comments.

    Empty where it is too long, or made of what cannot be told apart so.
    """
    if len(statement) > LONGEST:
        return ""
    try:
        tokens = scan(SourceText(statement))
    except DatabaseError:
        return ""
    line, end = "", 0
    # Token by token: the parser's own way keeps comments, the paths of JSON_TABLE and the values of CYCLE.
    for token in tokens:
        line += " " if line and token.start > end else ""
        line += "?" if token.name in LITERALS else statement[token.start : token.end + 1]
        end = token.end + 1
    return line
