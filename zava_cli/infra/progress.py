"""How long work tells its front how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and how much there is (None: unknown)."""


def no_progress(what: str, done: int, total: int | None) -> None:
    """For callers that do not watch."""
