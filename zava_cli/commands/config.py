"""`zava config`: what is set, where from, and which folders may set it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from zava_cli.commands import runtime
from zava_cli.commands.help import PlainGroup
from zava_cli.commands.options import JsonOption
from zava_cli.commands.output.console import print_json, print_line, print_table
from zava_cli.commands.shell import ZavaCommand

config_app = typer.Typer(cls=PlainGroup, help="Show settings, and trust folders.", no_args_is_help=True)
MASK = "********"
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""User and password in a URL, such as a proxy's in front of an embedding service."""


@config_app.command(cls=ZavaCommand)
def show(as_json: JsonOption = False) -> None:
    """Show every setting with its value and where that came from; secrets are masked.

    Example: zava config show
    """
    from zava_cli.infra.settings import as_text, is_secret

    loaded = runtime.loaded()
    rows: list[tuple[str, str, str]] = []
    for name in type(loaded.settings).model_fields:
        value = getattr(loaded.settings, name)
        shown = "" if value is None else MASK if is_secret(name) else CREDENTIALS.sub(MASK, as_text(value))
        rows.append((name, shown, loaded.origins[name]))
    if as_json:
        print_json([{"setting": name, "value": value, "origin": origin} for name, value, origin in rows])
        return
    print_table(["setting", "value", "from"], rows)


@config_app.command(cls=ZavaCommand)
def trust(folder: Annotated[Path, typer.Argument(help="The folder.")] = Path()) -> None:
    """Let a folder's zava.toml and .env say where to connect and as whom.

    Example: zava config trust .
    """
    from zava_cli.infra.trust import trust_folder

    trust_folder(folder)
    print_line(f"Trusted {folder.resolve()}")


@config_app.command(cls=ZavaCommand)
def distrust(folder: Annotated[Path, typer.Argument(help="The folder.")] = Path()) -> None:
    """Take a folder's trust away.

    Example: zava config distrust .
    """
    from zava_cli.infra.trust import distrust_folder

    distrust_folder(folder)
    print_line(f"No longer trusted: {folder.resolve()}")
