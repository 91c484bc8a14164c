"""Options that several commands share, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import typer

from zava_cli.commands.output.formats import Format
from zava_cli.infra.errors import ValidationError

Name = TypeVar("Name", bound=str)

FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to write rows; a table on a terminal, csv elsewhere.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def named_format(asked: Name | None, shorthand: Mapping[Name, bool]) -> Name | None:
    """The format that --format or one of the short options names; ValidationError when they name several."""
    wanted = {*(name for name, given in shorthand.items() if given), *([asked] if asked else [])}
    if len(wanted) > 1:
        raise ValidationError(
            "format", None, f"{' and '.join(sorted(wanted))} contradict each other", hint="Name one format."
        )
    return next(iter(wanted), None)
