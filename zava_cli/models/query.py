"""What goes into and comes out of `zava query` and the tool `execute_sales_query`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, Field

SqlText = Annotated[
    str, Field(min_length=1, description="One PostgreSQL SELECT, VALUES, TABLE, EXPLAIN or SHOW statement")
]
RowLimit = Annotated[int, Field(ge=0, le=10_000_000, description="Most rows to return")]
TimeoutSeconds = Annotated[float, Field(gt=0, le=3600, description="Seconds after which the server cancels the query")]

CopyFormat = Literal["csv", "text"]
"""The server's own export formats."""

Row = tuple[str | None, ...]
"""One row as PostgreSQL's own text output; None is SQL NULL."""


class QueryRequest(BaseModel, frozen=True):
    """One read-only statement with its parameters and caps.

    `parameters` fill `$name` placeholders and travel as bound values. `limit` None means every row;
    `timeout` None means the setting `statement_timeout`.
    """

    sql: SqlText
    parameters: dict[str, str | None] = Field(default_factory=dict)
    limit: RowLimit | None = None
    timeout: TimeoutSeconds | None = None
    explain: bool = False


@dataclass(frozen=True)
class Column:
    """A result column: its name (not necessarily unique) and PostgreSQL type, such as `numeric`."""

    name: str
    type: str


@dataclass
class QueryResult:
    """A bounded answer. `truncated` says that more rows existed than `rows` holds; `elapsed` is in seconds."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    truncated: bool
    elapsed: float
    notices: list[str] = field(default_factory=list[str])


@dataclass
class QueryStream:
    """An answer that is still arriving: batches of rows in the server's order.

    `truncated` becomes True when the cap cut the answer; read it after the batches ended.
    """

    columns: Sequence[Column]
    batches: AsyncIterator[Sequence[Row]]
    truncated: bool = False
