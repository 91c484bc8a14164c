"""What is looked at before the parser runs: size, characters, tokens; all in time linear in the text."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from zava_cli.data.guard.refusal import READ_ONLY_HINT, SourceText, tables_hint
from zava_cli.infra.errors import DatabaseError

if TYPE_CHECKING:
    from pglast.parser import ParseError, Token

# The scanner reads such a run again from each of its characters: 64 KB of `/*/*/*` would take 1.6 s.
LONG_OPERATOR_RUN = re.compile(r"[~!@#^&|`?+\-*/%<>=]{1000}")
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
COMMENTS = {"SQL_COMMENT", "C_COMMENT"}
# The time that a text takes grows with its words, and only a text made for that has so many in 64 KB.
MAX_TOKENS = 20_480
BYTES_PER_TOKEN = 4
LENGTH_HINT = (
    "Shorten it: join a table instead of listing values. "
    "In the terminal a long list goes in one parameter: = ANY ($ids) and -p ids='{a,b}'."
)
NESTING_HINT = "Nest less deeply: join long chains with IN (…), AND, array_agg or string_agg, or use CTEs."


def check_characters(source: SourceText, max_bytes: int) -> None:
    """Refuse a text that is too long or that PostgreSQL cannot hold."""
    if len(source.sql) > max_bytes or len(source.sql.encode("utf-8", "surrogatepass")) > max_bytes:
        raise source.refusal(f"the query is longer than {max_bytes} bytes", "query size", hint=LENGTH_HINT)
    for place, character in enumerate(source.sql):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            kind = "a NUL character" if character == "\0" else "half of a surrogate pair"
            raise source.refusal(f"the query holds {kind}", kind, character=place, hint="Remove that character.")
    if (run := LONG_OPERATOR_RUN.search(source.sql)) is not None:
        raise source.refusal(
            "a run of operator characters is too long", "operator", character=run.start(), hint="Put blanks in it."
        )


def scan(source: SourceText) -> list[Token]:
    """The tokens without comments; `start` and `end` (inclusive) are 0-based characters in the text.

    Raises DatabaseError (42601) for what no token can be made of.
    """
    from pglast import parser

    # Every character beyond ASCII is a letter to the scanner, and with plain letters in their place pglast
    # need not search its table of wide characters for every token, which is quadratic.
    plain = BEYOND_ASCII.sub("x", source.sql)
    try:
        return [token for token in parser.scan(plain) if token.name not in COMMENTS]
    except parser.ParseError as error:
        raise syntax_error(source, error) from error


CLIENT_COMMAND = re.compile(r"\s*(\\|desc(ribe)?\b)", re.IGNORECASE)


def check_tokens(source: SourceText, tokens: list[Token], max_bytes: int) -> None:
    """Refuse a text without a statement, one of too many words, and the form whose tree outgrows the memory."""
    if all(token.name == "ASCII_59" for token in tokens):
        raise source.refusal("there is no statement in this text", "empty query", hint="Write one SELECT statement.")
    update: Token | None = None
    for token, following in pairwise(tokens):
        if token.name == "UPDATE":
            update = token
        # `SET (a, b, …) = (row)` repeats the row in the tree for every column: 64 KB become 12 GB.
        if update is not None and token.name == "SET" and following.name == "ASCII_40":
            raise source.refusal("UPDATE is not allowed here", "UPDATE", character=update.start, hint=READ_ONLY_HINT)
    check_length(source, tokens, max_bytes)


def check_length(source: SourceText, tokens: list[Token], max_bytes: int) -> None:
    """Refuse a text of too many words; where longer texts are allowed, so are more of them."""
    max_tokens = max(MAX_TOKENS, max_bytes // BYTES_PER_TOKEN)
    if len(tokens) > max_tokens:
        raise source.refusal(
            f"the query has more than {max_tokens} words and signs",
            "query size",
            character=tokens[max_tokens].start,
            hint=LENGTH_HINT,
        )


def syntax_error(source: SourceText, error: ParseError) -> DatabaseError:
    """The parser's complaint as PostgreSQL itself would make it, or a refusal where only the parser gave up."""
    message: str = error.args[0]
    character: int | None = error.args[1]
    if message.startswith(("memory exhausted", "stack depth limit exceeded")):
        return source.refusal("the query is nested too deeply", "nesting", character=character, hint=NESTING_HINT)
    if character is None and message.endswith("at end of input"):
        character = len(source.sql)
    return DatabaseError(
        message,
        source.sql,
        hint=f"That is a client's command and no SQL. {tables_hint()}"
        if CLIENT_COMMAND.match(source.sql)
        else "Correct the SQL at that place and try again.",
        position=None if character is None else character + 1,
        sqlstate="42601",
    )
