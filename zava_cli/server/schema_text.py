"""A schema as short text: a third of the tokens of the same as JSON, and models read it as well."""

from __future__ import annotations

from zava_cli.models.schema import ColumnSchema, SchemaResult, TableSchema


def schema_text(schema: SchemaResult) -> str:
    """Tables, then valid values, then hints; `*` marks columns of the primary key, `?` columns that may be NULL."""
    if schema.detail == "names":
        return "\n".join(f"{table.name}: {table.comment or ''}" for table in schema.tables)
    lines = [f"Business time zone: {schema.time_zone}. * key, ? may be NULL."]
    for table in schema.tables:
        lines += ["", *_table_lines(table, with_comments=schema.detail == "full")]
    if schema.valid_values:
        lines += ["", "Valid values:"]
    for known in schema.valid_values:
        lines.append(f"  {known.column}: {', '.join(known.values)}{' … and more' if known.more else ''}")
    return "\n".join([*lines, "", "Rules:", *(f"- {hint}" for hint in schema.hints)])


def _table_lines(table: TableSchema, *, with_comments: bool) -> list[str]:
    lines = [f"{table.name}: {table.comment or ''}"]
    if with_comments:
        lines += [f"  {_column(column)} -- {column.comment or ''}" for column in table.columns]
    else:
        lines.append(f"  {', '.join(map(_column, table.columns))}")
    return lines + [f"  join {condition}" for condition in table.joins]


def _column(column: ColumnSchema) -> str:
    return f"{column.name}{'*' if column.is_key else ''}{'?' if column.is_nullable else ''} {column.type}"
