"""`zava schema`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from zava_cli.commands import runtime
from zava_cli.commands.options import JsonOption
from zava_cli.commands.output.console import print_json, print_line


def schema(
    tables: Annotated[list[str] | None, typer.Argument(help="Tables to describe; all of them when left out.")] = None,
    detail: Annotated[
        Literal["names", "summary", "full"] | None,
        typer.Option("--detail", help="How closely: for all tables it is names, for some full."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show the tables, or the columns, joins and values of some.

    Example: zava schema orders order_items --as seattle
    """
    from zava_cli.models.schema import SchemaRequest
    from zava_cli.server.schema_text import schema_text
    from zava_cli.services.schema import get_table_schemas

    request = SchemaRequest(table_names=tables or None, detail=detail or ("full" if tables else "names"))
    found = runtime.manager(lambda provider, caller: get_table_schemas(provider, caller, request))
    if json:
        print_json(found)
    else:
        print_line(schema_text(found))
