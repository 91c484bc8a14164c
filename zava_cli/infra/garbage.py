"""When Python looks for cycles to free: seldom, for what a start makes stays, and reference counts free the rest."""

from __future__ import annotations

import gc

START_OBJECTS = 300_000
"""New objects between two collections of a start: more than the start of a server makes."""
SERVING_OBJECTS = 50_000
"""Those of a process that stays and so has garbage of its own."""


def begin() -> None:
    """Before the imports of a process: what they make would be looked through again and again."""
    gc.set_threshold(START_OBJECTS)


def settle() -> None:
    """Once a server is up: whatever is there now stays for good and is looked at no more."""
    gc.freeze()
    gc.set_threshold(SERVING_OBJECTS)


def end() -> None:
    """Before the interpreter ends: its last collections would look for what ends with the process anyway."""
    gc.freeze()
