"""The guard's door: `check_query` lets one reading statement through or says what is wrong with the text."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache, lru_cache

from zava_cli.data.guard.refusal import READ_ONLY_HINT, SourceText
from zava_cli.data.guard.repeatable import is_repeatable
from zava_cli.data.guard.scanning import NESTING_HINT, check_characters, check_tokens, scan, syntax_error
from zava_cli.data.guard.statements import Kind, check_statement
from zava_cli.data.guard.tree import TooDeepError, parse_statements
from zava_cli.infra.tracing import span

# libpg_query measures the stack of its thread and gives up in good order; this much lets honest chains pass.
STACK_BYTES = 16 * 1024 * 1024
REMEMBERED = 64
"""Texts whose result is known: one that is asked again, or asked about first, is parsed once."""
SHORT = 2_000
"""Characters. What fits into so many nests too little for any main thread's stack, and saves changing threads."""
_stack_size_lock = threading.Lock()


@dataclass(frozen=True)
class CheckedQuery:
    """A statement that may be sent.

    `sql` is exactly one statement without its semicolon; up to its end it has the characters of the original
    text at the same places, so a position in one is a position in the other. Statements that differ in their
    values alone have one `fingerprint`. `is_repeatable` says that the same rows give the same answer at any time.
    """

    sql: str
    kind: Kind
    fingerprint: str
    is_repeatable: bool = False


@lru_cache(REMEMBERED)
def check_query(sql: str, *, max_bytes: int = 65_536) -> CheckedQuery:
    """Check one text that a user or agent wrote; `max_bytes` caps its UTF-8 form.

    Raises QueryRefusedError with the construct, its place and the way out, and DatabaseError (42601) for
    what PostgreSQL's parser cannot read. Safe from any thread; it takes milliseconds.
    """
    source = SourceText(sql)
    with span("guard"):
        check_characters(source, max_bytes)
        if len(sql) <= SHORT and threading.current_thread() is threading.main_thread():
            return _check(source, max_bytes)
        return _parser_thread().submit(copy_context().run, _check, source, max_bytes).result()


@cache
def _parser_thread() -> ThreadPoolExecutor:
    """The one thread that parses, with a known stack, for as long as the process lives.

    libpg_query makes a pthread key in every thread that it is first used in and never gives it back; a process
    has 1,024, and without one TLS cannot start.
    """
    with _stack_size_lock:
        # One setting of the whole process, therefore put back at once.
        before = threading.stack_size(STACK_BYTES)
        try:
            executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql-guard")
            executor.submit(int).result()
        finally:
            threading.stack_size(before)
    return executor


def _check(source: SourceText, max_bytes: int) -> CheckedQuery:
    from pglast.parser import ParseError, fingerprint

    tokens = scan(source)
    check_tokens(source, tokens, max_bytes)
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
    sql = _cut(source.sql, tokens[first].start, tokens[end - 1].end + 1)
    return CheckedQuery(sql, kind, fingerprint(sql), kind == "select" and is_repeatable(statements[0]))


def _cut(sql: str, start: int, end: int) -> str:
    """The statement without what follows it; semicolons in front become blanks, so that positions stay."""
    prefix = sql[:start]
    return (" " * start if ";" in prefix else prefix) + sql[start:end]
