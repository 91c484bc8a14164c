"""The commands of zava. Importing this must stay cheap: a command imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from zava_cli import __version__
from zava_cli.commands.help import WIDTH
from zava_cli.commands.lazy import Entry, LazyBoundary

ASK = "Ask"
LOAD = "Load"
OPERATE = "Operate"

COMMANDS = {
    "query": Entry("query.query", ASK, "Run one read-only statement; you see your stores' rows only."),
    "search": Entry("search.search", ASK, "Find products by what they are for; shows why each was found."),
    "similar": Entry("similar.similar", ASK, "Find products like one that you know; shows why each was found."),
    "store": Entry("store.store", ASK, "Show how a store did: figures, changes, top products, and what they say."),
    "schema": Entry("schema.schema", ASK, "Show the tables, or the columns, joins and values of some."),
    "whoami": Entry("whoami.whoami", ASK, "Show who you are here: name, role, stores, and why."),
    "seed": Entry(
        "seed.seed", LOAD, "Fill an empty database with synthetic sales: the same seed and day give the same data."
    ),
    "import": Entry("import_.import_file", LOAD, "Load a file of order lines; loading it again changes nothing."),
    "embed": Entry(
        "embed_models.embed_app", LOAD, "Make the catalogue searchable by meaning; safe to interrupt and repeat."
    ),
    "serve": Entry(
        "serve.serve",
        OPERATE,
        "Answer AI agents over MCP: on standard input and output as one manager, or on HTTP as each token's manager.",
    ),
    "mcp-config": Entry(
        "mcp_config.mcp_config",
        OPERATE,
        "Print what to paste into an MCP client so that it starts zava as you; never a secret.",
    ),
    "health": Entry(
        "health.health", OPERATE, "Check every component, with a fix for each that fails; exit 1 when unhealthy."
    ),
    "stats": Entry("stats.stats", OPERATE, "Show how long a running server takes, operation by operation."),
    "token": Entry("token.token_app", OPERATE, "Make, list and revoke bearer tokens for MCP over HTTP."),
    "db": Entry("db.db_app", OPERATE, "Start, stop, migrate and inspect the database."),
    "audit": Entry("audit.audit_app", OPERATE, "Show who did what, newest first; for the administrator."),
    "security": Entry(
        "security.security_app",
        OPERATE,
        "Replace and hand out the keys that sign for managers, and prove that they hold.",
    ),
    "config": Entry("config.config_app", OPERATE, "Show settings, and trust folders."),
}
"""Every command; the first lines are those of the commands themselves, which a test sees to."""


class Zava(LazyBoundary):
    """The root of the command line."""

    lazy = COMMANDS


app = typer.Typer(
    name="zava",
    cls=Zava,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": WIDTH},
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
