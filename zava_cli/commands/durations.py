"""How lengths of time are written on the command line."""

from __future__ import annotations

import re
from datetime import timedelta

import typer

LONGEST = timedelta(days=3660)


def duration(text: str) -> timedelta:
    """What 90s, 15m, 1h, 30d, 0, 12:00:00 or PT12H mean; a usage error for anything else and beyond ten years."""
    from pydantic import TypeAdapter
    from pydantic import ValidationError as PydanticError

    # ISO 8601 has a T in front of these units.
    written = f"PT{text.upper()}" if re.fullmatch(r"[0-9]+[smh]", text, re.ASCII) else text
    try:
        length = TypeAdapter(timedelta).validate_python("PT0S" if text == "0" else written)
    except PydanticError:
        length = None
    if length is None or not timedelta(0) <= length <= LONGEST:
        raise typer.BadParameter("write a length of time such as 90s, 15m, 1h or 30d, at most ten years")
    return length
