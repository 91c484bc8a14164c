"""Loads named SQL blocks from the `.sql` file beside a data module.

A block starts with `-- name: the_name`, goes on with comment lines (its purpose, then `$1 name type` for
each parameter) and ends at the next block.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

_START = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def named_sql(room: LiteralString) -> dict[str, str]:
    """All blocks of `data/<room>.sql` by name; raises ValueError for a name that occurs twice."""
    text = files("zava_cli.data").joinpath(f"{room}.sql").read_text(encoding="utf-8")
    parts = _START.split(text)[1:]
    names, bodies = parts[0::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{room}.sql defines a name twice")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


def rooms() -> list[str]:
    """Every room that has an SQL file."""
    return sorted(
        entry.name.removesuffix(".sql") for entry in files("zava_cli.data").iterdir() if entry.name.endswith(".sql")
    )
