"""`$name` placeholders: how people write parameters, turned into the `$1` that PostgreSQL takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from zava_cli.data.guard.refusal import SourceText
from zava_cli.data.guard.scanning import check_characters, check_length, scan
from zava_cli.infra.errors import ValidationError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class _Placeholder:
    """One `$name` in a text; `start` and `end` are 0-based characters, `end` exclusive."""

    name: str
    start: int
    end: int
    number: int


def bind_named(
    sql: str, parameters: Mapping[str, str | None], *, max_bytes: int = 65_536
) -> tuple[str, list[str | None]]:
    """Replace each `$name` outside of literals, quoted names and comments by its number.

    Returns the new text and the values in the order of the numbers; a name used twice is one number.
    Raises ValidationError for names without a value, values without a name and a mix with `$1`, and what
    the guard raises for a text that cannot be scanned or is longer than `max_bytes`.
    """
    if not parameters and "$" not in sql:
        return sql, []
    placeholders, has_numbers = _find(sql, max_bytes)
    used = {placeholder.name: placeholder.number for placeholder in placeholders}
    if unknown := [name for name in used if name not in parameters]:
        raise _mismatch("no value was given for", unknown, "Values were given for", list(parameters))
    if unused := [name for name in parameters if name not in used]:
        raise _mismatch("the query does not use", unused, "The query uses", list(used))
    if used and has_numbers:
        raise ValidationError(
            "parameters", None, "named and numbered placeholders are mixed", hint="Use $name throughout, or $1."
        )
    return _rewrite(sql, placeholders), [parameters[name] for name in used]


def original_position(sql: str, position: int, *, max_bytes: int = 65_536) -> int:
    """Map a 1-based position in what `bind_named` made of `sql` back to `sql`.

    A position inside a number maps to the `$` of its placeholder.
    """
    if "$" not in sql:
        return position
    shift = 0
    for placeholder in _find(sql, max_bytes)[0]:
        start = placeholder.start + 1
        if position + shift < start:
            break
        written = len(f"${placeholder.number}")
        if position + shift < start + written:
            return start
        shift += placeholder.end - placeholder.start - written
    return position + shift


def _find(sql: str, max_bytes: int) -> tuple[list[_Placeholder], bool]:
    """The named placeholders in their order, and whether there are numbered ones.

    To PostgreSQL's scanner a `$` in front of a name is a token of its own; `$name$` opens a literal.
    """
    source = SourceText(sql)
    check_characters(source, max_bytes)
    tokens = scan(source)
    check_length(source, tokens, max_bytes)
    numbers: dict[str, int] = {}
    found: list[_Placeholder] = []
    for dollar, following in pairwise(tokens):
        name = sql[following.start : following.end + 1]
        if dollar.name == "ASCII_36" and following.start == dollar.end + 1 and NAME.fullmatch(name):
            number = numbers.setdefault(name, len(numbers) + 1)
            found.append(_Placeholder(name, dollar.start, following.end + 1, number))
    return found, any(token.name == "PARAM" for token in tokens)


def _rewrite(sql: str, placeholders: list[_Placeholder]) -> str:
    pieces: list[str] = []
    end = 0
    for placeholder in placeholders:
        pieces += [sql[end : placeholder.start], f"${placeholder.number}"]
        end = placeholder.end
    return "".join([*pieces, sql[end:]])


def _mismatch(problem: str, wrong: list[str], offer: str, existing: list[str]) -> ValidationError:
    listed = ", ".join(f"${name}" for name in existing) or "none"
    shown = ", ".join(f"${name}" for name in wrong)
    return ValidationError("parameters", wrong, f"{problem} {shown}", hint=f"{offer}: {listed}.")
