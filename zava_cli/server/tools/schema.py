"""The tool that describes the tables."""

from __future__ import annotations

from fastmcp.dependencies import Depends

from zava_cli.models.schema import SchemaDetail, SchemaRequest, TableNames
from zava_cli.models.scopes import Scope
from zava_cli.server.schema_text import schema_text
from zava_cli.server.scopes import opened_by
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.tools.offering import READS, offered
from zava_cli.services import schema


@offered(READS, opened_by(Scope.SQL))
async def get_table_schemas(
    table_names: TableNames | None = None,
    detail: SchemaDetail = "summary",
    state: ServerState = Depends(current_state),  # noqa: B008
) -> str:
    """Describe tables: columns, keys, joins, valid values (stores, categories, years) and rules.

    Call it once before the first query.
    """
    request = SchemaRequest(table_names=table_names, detail=detail)
    found = await schema.get_table_schemas(state.provider, await state.caller(), request)
    return schema_text(found)
