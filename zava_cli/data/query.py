"""What `zava query` looks up beside the statement itself."""

from __future__ import annotations

from zava_cli.data.named_sql import named_sql
from zava_cli.data.session import Session


async def relation_names(session: Session) -> list[str]:
    """Names of the tables that one may query."""
    return [row["name"] for row in await session.rows(named_sql("query")["relation_names"])]
