"""Loads named SQL blocks from the `.sql` file beside a data module.

A block starts with `-- name: the_name`, goes on with comment lines (its purpose, then `$1 name type` for
each parameter) and ends at the next block. What several blocks have in common is a block that starts with
`-- part: the_part`, and stands in each of them as `@{the_part}`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

_START = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)
_PART = re.compile(r"@\{(\w+)\}")


@cache
def named_sql(room: LiteralString) -> dict[str, str]:
    """All blocks of `data/<room>.sql` by name; raises ValueError for a name that occurs twice."""
    text = files("zava_cli.data").joinpath(f"{room}.sql").read_text(encoding="utf-8")
    parts = _START.split(text)[1:]
    kinds, names, bodies = parts[0::3], parts[1::3], [body.strip() for body in parts[2::3]]
    if len(set(names)) != len(names):
        raise ValueError(f"{room}.sql defines a name twice")
    blocks = list(zip(kinds, names, bodies, strict=True))
    # Their comments would take what follows them in a line along.
    common = {name: _COMMENT.sub("", body).strip() for kind, name, body in blocks if kind == "part"}
    return {name: _PART.sub(lambda at: common[at[1]], body) for kind, name, body in blocks if kind == "name"}
