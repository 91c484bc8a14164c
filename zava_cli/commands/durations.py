"""How lengths of time are written on the command line."""

from __future__ import annotations

import re
from datetime import timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """A number with a unit, such as 90s, 15m, 1h or 30d; a usage error for anything else."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text) or re.fullmatch(r"(0)()", text)
    if found is None:
        raise typer.BadParameter("write a number and s, m, h or d, for example 90s, 15m, 1h or 30d")
    return timedelta(**{UNITS[found[2] or "s"]: int(found[1])})
