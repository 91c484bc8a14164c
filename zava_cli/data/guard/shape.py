"""What statements have in common that differ in nothing but their values."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from zava_cli.data.guard.check import parser_thread
from zava_cli.data.guard.refusal import SourceText
from zava_cli.data.guard.scanning import scan
from zava_cli.infra.errors import DatabaseError

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Shape:
    """pglast's fingerprint, and the statement with $1, $2 … for its values and without its comments."""

    fingerprint: str
    text: str


def shape_of(statement: str) -> Future[Shape]:
    """The shape of a statement that the guard has let pass, found on the guard's thread."""
    return parser_thread().submit(_shape_of, statement)


def _shape_of(statement: str) -> Shape:
    from pglast.error import Error
    from pglast.parser import fingerprint, normalize

    try:
        return Shape(fingerprint(statement), _without_comments(normalize(statement)))
    except (Error, DatabaseError):
        return Shape(UNKNOWN, "")


def _without_comments(text: str) -> str:
    """On one line; comments would keep what the caller wrote."""
    line, end = "", 0
    for token in scan(SourceText(text)):
        line += " " if line and token.start > end else ""
        line += text[token.start : token.end + 1]
        end = token.end + 1
    return line
