"""`zava token`: bearer tokens for MCP over HTTP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.durations import duration
from zava_cli.commands.help import PlainGroup
from zava_cli.commands.options import FormatOption, JsonOption, named_format
from zava_cli.commands.output.console import print_line, print_rows
from zava_cli.commands.output.formats import Format, default_format
from zava_cli.commands.shell import ZavaCommand
from zava_cli.infra.errors import ValidationError
from zava_cli.models.scopes import Scope

if TYPE_CHECKING:
    from zava_cli.models.token import TokenRecord

token_app = typer.Typer(
    cls=PlainGroup, help="Make, list and revoke bearer tokens for MCP over HTTP.", no_args_is_help=True
)
TIMES = ("created_at", "expires_at", "revoked_at")


@token_app.command(cls=ZavaCommand)
def create(
    scope: Annotated[
        list[Scope] | None,
        typer.Option("--scope", help="What it may be used for; repeat it.", show_default="reports, search and sql"),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call it.", show_default="the manager's name")
    ] = None,
    expires: Annotated[
        timedelta, typer.Option("--expires", parser=duration, metavar="TIME", help="After how long: 12h, 30d.")
    ] = "90d",  # pyright: ignore[reportArgumentType]  # Typer parses defaults too
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this new file, for your eyes only.", show_default=False)
    ] = None,
) -> None:
    """Make a token whose bearer is taken for the manager of --as; it is shown once.

    Example: zava token create --as seattle --scope reports --expires 30d --out seattle.token
    """
    from zava_cli.data.token import add_token
    from zava_cli.infra.private_files import new_private
    from zava_cli.models.token import TokenRequest

    identity = runtime.settings().identity
    if identity is None:
        raise ValidationError("as", None, "a token needs a manager", hint="Add --as NAME, for example --as seattle.")
    given: dict[str, object] = {"who": identity, "name": name, "expires": expires}
    request = TokenRequest.model_validate(given | ({"scopes": tuple(scope)} if scope else {}))
    if out is None:
        made = runtime.administrator(lambda target: add_token(target, request))
        print_line(made.text.get_secret_value())
    else:
        with new_private(out) as write:
            made = runtime.administrator(lambda target: add_token(target, request))
            write(f"{made.text.get_secret_value()}\n")
    scopes = ", ".join(made.scopes)
    diagnostics.note(f"Token {made.prefix} ({made.name}) is good for {scopes} as {made.manager}.")
    diagnostics.note(f"It expires at {made.expires_at:%Y-%m-%d %H:%M} UTC. Nobody can show it again.")


@token_app.command("list", cls=ZavaCommand)
def list_(format: FormatOption = None, json: JsonOption = False) -> None:
    """Show every token that was made, and which of them still work; never the tokens themselves.

    Example: zava token list
    """
    from zava_cli.data.token import tokens
    from zava_cli.models.token import TokenRecord

    chosen = named_format(format, {Format.JSON: json}) or default_format()
    names = list(TokenRecord.model_fields)
    rows = [tuple(_text(record, name) for name in names) for record in runtime.administrator(tokens)]
    columns = {name: "timestamptz" if name in TIMES else "text" for name in names}
    for note in print_rows(columns, rows, chosen):
        diagnostics.note(note)


@token_app.command(cls=ZavaCommand)
def revoke(token: Annotated[str, typer.Argument(help="Its prefix or its name.")]) -> None:
    """Make a token worthless: it reads nothing more, and within a second it is turned away.

    Example: zava token revoke 4fQ0aZ9k
    """
    from zava_cli.services.token import revoke_token

    revoked = runtime.administrator(lambda target: revoke_token(target, token))
    print_line(f"Revoked {revoked.prefix} ({revoked.name}).")


def _text(record: TokenRecord, name: str) -> str | None:
    value = getattr(record, name)
    if value is None:
        return None
    if name in TIMES:
        return f"{value:%Y-%m-%d %H:%M:%S+00}"
    return ", ".join(value) if name == "scopes" else str(value)
