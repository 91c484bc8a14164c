"""Commands that are imported when they are called: a start reads their names, not their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer

from zava_cli.commands.shell import ErrorBoundary, ZavaCommand


@dataclass(frozen=True)
class Entry:
    """Where a command is (`module.name` below zava_cli.commands), its heading in the help, and its first line."""

    place: str
    heading: str
    help: str


class LazyCommands(Mapping[str, Any]):
    """Commands by name, each made when it is first asked for."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = entries
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _make(name, self.entries[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class LazyBoundary(ErrorBoundary):
    """The root; `lazy` names its commands."""

    lazy: Mapping[str, Entry] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands = LazyCommands(self.lazy)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return list(self.lazy)

    def entries(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """What the help says of them."""
        return ((entry.heading, (name, entry.help)) for name, entry in self.lazy.items())


def _make(name: str, entry: Entry) -> Any:
    module, attribute = entry.place.split(".")
    found = getattr(import_module(f"zava_cli.commands.{module}"), attribute)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    # A callback makes it a group, from which the finished command is taken.
    holder.callback()(lambda: None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name, cls=ZavaCommand)(found)
    group: Any = typer.main.get_command(holder)
    return group.commands[name]
