"""What goes into and comes out of the tool that describes the tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

TableNames = Annotated[list[str], Field(max_length=50, description="Tables to describe; all of them when left out")]
SchemaDetail = Annotated[
    Literal["names", "summary", "full"],
    Field(description="names: tables and their purpose; summary: and columns, joins, valid values; full: and comments"),
]


class SchemaRequest(BaseModel, frozen=True):
    """Which tables to describe, and how closely."""

    table_names: TableNames | None = None
    detail: SchemaDetail = "summary"


class ColumnSchema(BaseModel):
    """One column as the catalog has it."""

    name: str = Field(description="Column name")
    type: str = Field(description="PostgreSQL type")
    is_key: bool = Field(description="Whether it is part of the primary key")
    is_nullable: bool = Field(description="Whether it may be NULL")
    comment: str | None = Field(description="What it holds")


class TableSchema(BaseModel):
    """One table; `joins` are its foreign keys as `(columns) = table(columns)`."""

    name: str = Field(description="Table name; the schema need not be written")
    comment: str | None = Field(description="What it is for")
    columns: list[ColumnSchema] = Field(default_factory=list[ColumnSchema], description="Columns in their order")
    joins: list[str] = Field(default_factory=list[str], description="Foreign keys")


class ValidValues(BaseModel):
    """What stands in a column, as far as the caller may see it."""

    column: str = Field(description="table.column, or what about it")
    values: list[str] = Field(description="The values, sorted")
    more: bool = Field(description="Whether there are more than those")


class SchemaResult(BaseModel):
    """Tables of one caller's database with what one needs to know to ask about them."""

    time_zone: str = Field(description="Business time zone, in which days and months are counted")
    detail: SchemaDetail
    tables: list[TableSchema] = Field(description="The tables, by name")
    valid_values: list[ValidValues] = Field(default_factory=list[ValidValues], description="Values to filter by")
    hints: list[str] = Field(default_factory=list[str], description="Rules of this database")
