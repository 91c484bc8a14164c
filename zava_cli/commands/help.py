"""How help looks: options and commands under the headings of their panels, in plain text.

Typer's own boxes take twice as long to import and draw as everything else that `zava --help` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

ARGUMENTS = "Arguments"
OPTIONS = "Options"
COMMANDS = "Commands"
WIDTH = 100
"""Most columns of a help text."""


class PlainCommand(TyperCommand):
    """A command with such a help."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments and options."""
        write_sections(formatter, _options(self, ctx))


class PlainGroup(TyperGroup):
    """A group with such a help."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes options and commands."""
        write_sections(formatter, _options(self, ctx))
        write_sections(formatter, self.entries())

    def entries(self) -> Iterable[tuple[str, tuple[str, str]]]:
        """Heading, name and first line of each command."""
        for name, command in self.commands.items():
            yield getattr(command, "rich_help_panel", None) or COMMANDS, (name, (command.help or "").split("\n")[0])


def write_sections(formatter: Any, rows: Iterable[tuple[str, tuple[str, str]]]) -> None:
    """Writes rows under their headings, which come in the order of their first rows."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for heading, row in rows:
        sections.setdefault(heading, []).append(row)
    for heading, section in sections.items():
        with formatter.section(heading):
            formatter.write_dl(section)


def _options(command: TyperCommand | TyperGroup, ctx: Any) -> Iterable[tuple[str, tuple[str, str]]]:
    for param in command.get_params(ctx):
        row = param.get_help_record(ctx)
        if row is not None:
            is_argument = param.param_type_name == "argument"
            yield getattr(param, "rich_help_panel", None) or (ARGUMENTS if is_argument else OPTIONS), row
