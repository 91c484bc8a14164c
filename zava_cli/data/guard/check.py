"""The guard's door: `check_query` lets one reading statement through or says what is wrong with the text."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass

from zava_cli.data.guard.refusal import READ_ONLY_HINT, SourceText
from zava_cli.data.guard.scanning import NESTING_HINT, check_characters, check_tokens, scan, syntax_error
from zava_cli.data.guard.statements import Kind, check_statement
from zava_cli.data.guard.tree import TooDeepError, parse_statements

# libpg_query measures the stack of its thread and gives up in good order; this much lets honest chains pass.
STACK_BYTES = 16 * 1024 * 1024
_stack_size_lock = threading.Lock()


@dataclass(frozen=True)
class CheckedQuery:
    """A statement that may be sent.

    `sql` is exactly one statement without its semicolon; up to its end it has the characters of the original
    text at the same places, so a position in one is a position in the other.
    """

    sql: str
    kind: Kind


def check_query(sql: str, *, max_bytes: int = 65_536) -> CheckedQuery:
    """Check one text that a user or agent wrote; `max_bytes` caps its UTF-8 form.

    Raises QueryRefusedError with the construct, its place and the way out, and DatabaseError (42601) for
    what PostgreSQL's parser cannot read. Safe from any thread; it takes milliseconds.
    """
    source = SourceText(sql)
    check_characters(source, max_bytes)
    answer: Future[CheckedQuery] = Future()

    def work() -> None:
        try:
            answer.set_result(_check(source))
        except BaseException as error:  # noqa: BLE001  # handed to the caller, who raises it
            answer.set_exception(error)

    _start_with_known_stack(threading.Thread(target=work, name="sql-guard", daemon=True))
    return answer.result()


def _start_with_known_stack(thread: threading.Thread) -> None:
    """Start `thread` with STACK_BYTES; the size is one setting of the whole process, hence the lock."""
    with _stack_size_lock:
        before = threading.stack_size(STACK_BYTES)
        try:
            thread.start()
        finally:
            threading.stack_size(before)


def _check(source: SourceText) -> CheckedQuery:
    from pglast.parser import ParseError

    tokens = scan(source)
    check_tokens(source, tokens)
    try:
        statements = parse_statements(source.sql)
        # A statement's own tokens end at its semicolon; the parser has dropped empty statements.
        semicolons = [place for place, token in enumerate(tokens) if token.name == "ASCII_59"]
        first = next(place for place, token in enumerate(tokens) if token.name != "ASCII_59")
        end = next((place for place in semicolons if place > first), len(tokens))
        if len(statements) > 1:
            second = next(token for token in tokens[end:] if token.name != "ASCII_59")
            raise source.refusal(
                f"only one statement may be sent, this text has {len(statements)}",
                "several statements",
                character=second.start,
                hint="Send the statements one by one, or join them with CTEs. " + READ_ONLY_HINT,
            )
        kind = check_statement(source, tokens[first:end], statements[0])
    except ParseError as error:
        raise syntax_error(source, error) from error
    except TooDeepError as error:
        raise source.refusal("the query is nested too deeply", "nesting", hint=NESTING_HINT) from error
    return CheckedQuery(_cut(source.sql, tokens[first].start, tokens[end - 1].end + 1), kind)


def _cut(sql: str, start: int, end: int) -> str:
    """The statement without what follows it; semicolons in front become blanks, so that positions stay."""
    prefix = sql[:start]
    return (" " * start if ";" in prefix else prefix) + sql[start:end]
