"""Everything that zava says on stderr: errors with the place in the query, notes, progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zava_cli.infra.errors import DatabaseError, MCPError
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.infra.visible import visible, visible_lines

if TYPE_CHECKING:
    from rich.console import Console

_CUT = "..."


def report(error: MCPError) -> None:
    """Write an error: its message, the place in the query if the server gave one, its detail and its hint."""
    from rich.text import Text

    console = _console()
    _labelled(console, "Error", error.message, "bold red")
    if isinstance(error, DatabaseError):
        if error.query is not None and error.position is not None:
            for line in query_excerpt(error.query, error.position, console.width):
                console.print(Text(line), soft_wrap=True)
        if error.detail:
            _labelled(console, "Detail", error.detail, "bold")
    if error.hint:
        _labelled(console, "Hint", error.hint, "bold green")


def note(text: str) -> None:
    """Write a remark about the output, such as that more rows exist."""
    from rich.text import Text

    _console().print(Text("\n".join(visible_lines(text)), style="dim"), soft_wrap=True)


def query_excerpt(query: str, position: int, width: int) -> list[str]:
    """The line of `query` that holds the 1-based character `position`, and a caret line under it.

    Long lines are cut to `width` terminal cells around the place. Empty when `position` lies outside.
    """
    from rich.cells import cell_len

    if not 1 <= position <= len(query) + 1:
        return []
    start = query.rfind("\n", 0, position - 1) + 1
    end = query.find("\n", position - 1)
    line = query[start : end if end >= 0 else len(query)].rstrip("\r")
    label = f"LINE {query.count(chr(10), 0, start) + 1}: "
    # One cell per character would put the caret in the wrong place after tabs and wide characters.
    pieces = ["    " if character == "\t" else visible(character) for character in line]
    before, after = pieces[: position - 1 - start], pieces[position - 1 - start :]
    room = max(width - len(label), 20)
    if sum(map(cell_len, pieces)) <= room:
        left, right = "".join(before), "".join(after)
    else:
        left = _cut_pieces(before[::-1], room // 2)[::-1]
        left = "".join(left) if len(left) == len(before) else _CUT + "".join(left)
        kept = _cut_pieces(after, room - cell_len(left) - len(_CUT))
        right = "".join(kept) if len(kept) == len(after) else "".join(kept) + _CUT
    return [label + left + right, " " * (len(label) + cell_len(left)) + "^"]


@contextmanager
def progress() -> Generator[Progress]:
    """A progress bar on stderr while the block runs; nothing when stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich import progress as rich

    text = rich.TextColumn("{task.description}", markup=False)
    layout = (text, rich.BarColumn(), rich.MofNCompleteColumn(), rich.TimeRemainingColumn())
    with rich.Progress(*layout, console=_console(), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=visible(what), completed=done, total=total)


def _cut_pieces(pieces: list[str], room: int) -> list[str]:
    """The first pieces that fit into `room` terminal cells."""
    from rich.cells import cell_len

    used = 0
    for index, piece in enumerate(pieces):
        used += cell_len(piece)
        if used > room:
            return pieces[:index]
    return pieces


def _labelled(console: Console, label: str, text: str, style: str) -> None:
    from rich.text import Text

    # Further lines are indented, so that text from a server cannot pass for a line of zava's own.
    body = "\n  ".join(visible_lines(text))
    console.print(Text.assemble((f"{label}:", style), " ", body), soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return Console(stderr=True, color_system=None)
    return Console(stderr=True)
