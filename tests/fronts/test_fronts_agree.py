"""Both fronts offer what the request models define, with the same defaults and bounds; what differs stands here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
import typer.main
from fastmcp import Client
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from zava_cli.commands.main import app
from zava_cli.data.target import Target
from zava_cli.models.embed import EmbedRequest
from zava_cli.models.query import QueryRequest
from zava_cli.models.schema import SchemaRequest
from zava_cli.models.search import SearchRequest, SimilarRequest
from zava_cli.models.seed import SeedRequest
from zava_cli.models.store import StoreRequest
from zava_cli.server.app import build_server

KEPT = {"max_age_seconds": "a server keeps answers, a command does not"}
OUTPUT = "how people get the answer"
SERVER_DECIDES = "the server's own settings decide"
SMALL = "few parameters cost an agent little, and SQL can say the rest"


@dataclass(frozen=True)
class Operation:
    """One operation on both fronts. Every difference has its reason."""

    model: type[BaseModel]
    command: str
    tool: str
    command_names: dict[str, str] = field(default_factory=dict)
    tool_names: dict[str, str] = field(default_factory=dict)
    command_only: dict[str, str] = field(default_factory=dict)
    not_in_tool: dict[str, str] = field(default_factory=dict)
    tool_only: dict[str, str] = field(default_factory=dict)
    other_command_defaults: dict[str, str] = field(default_factory=dict)
    other_command_bounds: dict[str, str] = field(default_factory=dict)


OPERATIONS = [
    Operation(
        QueryRequest, "query", "execute_sales_query",
        command_names={"parameters": "parameter"},
        tool_names={"sql": "postgresql_query"},
        command_only=dict.fromkeys(
            ["output", "format", "csv", "tsv", "json", "jsonl", "markdown", "vertical", "unaligned", "tuples_only",
             "csv_safe"],
            OUTPUT,
        ) | {"file": "another place that the SQL may come from"},
        not_in_tool={
            "parameters": "an agent writes its literals into the SQL",
            "limit": SERVER_DECIDES,
            "timeout": SERVER_DECIDES,
            "explain": "an agent writes EXPLAIN",
        },
        tool_only=KEPT,
        other_command_defaults={"sql": "may come from a file", "parameters": "None is no parameter"},
        other_command_bounds={"timeout": "an option's lower bound belongs to it"},
    ),
    Operation(
        SearchRequest, "search", "search_products",
        tool_names={"limit": "max_rows", "threshold": "similarity_threshold"},
        command_only={"format": OUTPUT, "json": OUTPUT},
        not_in_tool={"mode": SMALL},
        tool_only=KEPT,
    ),
    Operation(
        SimilarRequest, "similar", "find_similar_products",
        tool_names={"limit": "max_rows"},
        command_only={"format": OUTPUT, "json": OUTPUT},
        tool_only=KEPT,
    ),
    Operation(
        SchemaRequest, "schema", "get_table_schemas",
        command_names={"table_names": "tables"},
        command_only={"json": OUTPUT},
        other_command_defaults={"detail": "people look at the names of all tables first, and at some then"},
    ),
    Operation(
        StoreRequest, "store", "get_store_performance",
        tool_names={"store": "store_id"},
        command_only={"format": OUTPUT, "json": OUTPUT},
        not_in_tool={"top": SMALL},
        tool_only=KEPT,
    ),
    Operation(
        SeedRequest, "seed", "seed_database",
        command_only={"as_json": OUTPUT, "yes": "people are asked before data goes", "explain": "shows, seeds nothing"},
        not_in_tool={"scale": "customers says the same"},
    ),
    Operation(
        EmbedRequest, "embed", "embed_products",
        command_only={"json": OUTPUT}
        | dict.fromkeys(["provider", "model", "dimensions"], SERVER_DECIDES)
        | dict.fromkeys(["once", "watch", "retry_failed", "dry_run"], "other operations under one name for people"),
    ),
]  # fmt: skip

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.command)


@pytest.fixture
async def tools(target: Target) -> AsyncIterator[dict[str, dict[str, Any]]]:
    """Input schema of every tool."""
    async with Client(build_server(target, identity="seattle", administrator=True)) as client:
        yield {tool.name: tool.input_schema for tool in await client.list_tools()}


def command_parameters(name: str) -> dict[str, Any]:
    """A command's own parameters; the common ones are no parameters of its function."""
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    return {param.name: param for param in command.params if param.expose_value and param.name != "help"}


def default_of(model: type[BaseModel], name: str) -> Any:
    """A field's default; None when it has none."""
    default = model.model_fields[name].get_default(call_default_factory=True)
    return None if default is PydanticUndefined else plain(default)


def plain(value: Any) -> Any:
    """What an enum stands for."""
    return value.value if isinstance(value, Enum) else value


def bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """The bounds in a JSON schema, wherever in it they are."""
    found = {
        key: schema[key]
        for key in ("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength")
        if key in schema
    }
    for part in schema.get("anyOf", []):
        found |= bounds(part)
    return found


@each_operation
def test_the_command_has_the_models_fields(operation: Operation) -> None:
    expected = {operation.command_names.get(name, name) for name in operation.model.model_fields}
    assert set(command_parameters(operation.command)) == expected | set(operation.command_only)


@each_operation
async def test_the_tool_has_the_models_fields(operation: Operation, tools: dict[str, dict[str, Any]]) -> None:
    expected = {
        operation.tool_names.get(name, name)
        for name in operation.model.model_fields
        if name not in operation.not_in_tool
    }
    assert set(tools[operation.tool]["properties"]) == expected | set(operation.tool_only)


@each_operation
async def test_defaults_are_the_same(operation: Operation, tools: dict[str, dict[str, Any]]) -> None:
    parameters = command_parameters(operation.command)
    properties, required = tools[operation.tool]["properties"], tools[operation.tool].get("required", [])
    for name, info in operation.model.model_fields.items():
        default = default_of(operation.model, name)
        if name not in operation.other_command_defaults:
            param = parameters[operation.command_names.get(name, name)]
            assert (plain(param.default) or None, param.required) == (default or None, info.is_required()), name
        if name not in operation.not_in_tool:
            tool_name = operation.tool_names.get(name, name)
            assert (properties[tool_name].get("default"), tool_name in required) == (default, info.is_required()), name


@each_operation
async def test_bounds_are_the_same(operation: Operation, tools: dict[str, dict[str, Any]]) -> None:
    parameters, properties = command_parameters(operation.command), tools[operation.tool]["properties"]
    for name, schema in operation.model.model_json_schema()["properties"].items():
        param = parameters[operation.command_names.get(name, name)]
        declared = (getattr(param, "min", None), getattr(param, "max", None))
        # A command that declares none leaves it to the model, whose complaint is a usage error as well.
        if name not in operation.other_command_bounds and declared != (None, None):
            limits = bounds(schema)
            assert declared == (limits.get("minimum"), limits.get("maximum")), name
        if name not in operation.not_in_tool:
            assert bounds(properties[operation.tool_names.get(name, name)]) == bounds(schema), name


@each_operation
def test_no_exception_is_stale(operation: Operation) -> None:
    fields = set(operation.model.model_fields)
    for exceptions in (
        operation.command_names, operation.tool_names, operation.not_in_tool, operation.other_command_defaults,
        operation.other_command_bounds,
    ):  # fmt: skip
        assert set(exceptions) <= fields
    assert set(operation.command_only) <= set(command_parameters(operation.command))
