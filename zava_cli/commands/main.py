"""The commands of zava. Importing this must stay cheap: a command imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from zava_cli import __version__
from zava_cli.commands.audit import audit_app
from zava_cli.commands.config import config_app
from zava_cli.commands.db import db_app
from zava_cli.commands.embed_models import embed_app
from zava_cli.commands.health import health
from zava_cli.commands.import_ import import_file
from zava_cli.commands.mcp_config import mcp_config
from zava_cli.commands.query import query
from zava_cli.commands.search import search
from zava_cli.commands.security import security_app
from zava_cli.commands.seed import seed
from zava_cli.commands.serve import serve
from zava_cli.commands.shell import ErrorBoundary, ZavaCommand
from zava_cli.commands.store import store
from zava_cli.commands.token import token_app
from zava_cli.commands.whoami import whoami

ASK = "Ask"
LOAD = "Load"
OPERATE = "Operate"

app = typer.Typer(
    name="zava",
    cls=ErrorBoundary,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"zava {__version__}")
        raise typer.Exit


@app.callback()
def zava(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Retail analytics on PostgreSQL, where the database decides who sees which rows.

    Example: zava query "select name, location from stores" --as "head office"
    """


for command in (query, search, store, whoami):
    app.command(cls=ZavaCommand, rich_help_panel=ASK)(command)
app.command(cls=ZavaCommand, rich_help_panel=LOAD)(seed)
app.command("import", cls=ZavaCommand, rich_help_panel=LOAD)(import_file)
app.add_typer(embed_app, name="embed", rich_help_panel=LOAD)
for command in (serve, mcp_config, health):
    app.command(cls=ZavaCommand, rich_help_panel=OPERATE)(command)
app.add_typer(token_app, name="token", rich_help_panel=OPERATE)
app.add_typer(db_app, name="db", rich_help_panel=OPERATE)
app.add_typer(audit_app, name="audit", rich_help_panel=OPERATE)
app.add_typer(security_app, name="security", rich_help_panel=OPERATE)
app.add_typer(config_app, name="config", rich_help_panel=OPERATE)
