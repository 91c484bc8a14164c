"""Makes the README's reference tables from the code; called by the cog blocks there."""

from __future__ import annotations

import asyncio
from typing import Any

import typer

from zava_cli.commands.exit_codes import ExitCode
from zava_cli.commands.main import app
from zava_cli.data.target import Target
from zava_cli.infra.setting_sources import load_settings
from zava_cli.infra.settings import Settings, is_guarded
from zava_cli.server.app import build_server


def commands() -> str:
    """One line per command: its use and its first sentence."""
    rows = ["| command | what it does |", "|---|---|"]
    for path, command in sorted(_walk(typer.main.get_command(app), "zava")):
        arguments = [p.name.upper() for p in command.params if p.param_type_name == "argument"]
        rows.append(f"| `{' '.join([path, *arguments])}` | {_first_line(command)} |")
    return "\n".join(rows)


def settings() -> str:
    """One line per setting: its environment variable, default and meaning."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variable = "ZAVA_AS" if name == "identity" else f"ZAVA_{name.upper()}"
        default = "the user data directory" if name == "data_dir" else field.get_default()
        shown = "" if default is None else f"`{default}`" if name != "data_dir" else default
        guarded = " *" if is_guarded(name) else ""
        rows.append(f"| `{variable}`{guarded} | {shown} | {field.description} |")
    return "\n".join(rows)


def exit_codes() -> str:
    """One line per exit code."""
    return "\n".join(
        ["| code | meaning |", "|---|---|", *(f"| {code.value} | {code.description} |" for code in ExitCode)]
    )


def tools() -> str:
    """One line per MCP tool: its parameters and first sentence."""
    rows = ["| tool | parameters | what it does |", "|---|---|---|"]
    for tool in asyncio.run(_list_tools()):
        parameters = ", ".join(f"`{name}`" for name in tool.input_schema.get("properties", {}))
        rows.append(f"| `{tool.name}` | {parameters} | {_first_sentence(tool.description)} |")
    return "\n".join(rows)


async def _list_tools() -> list[Any]:
    server = build_server(Target(load_settings({}).settings), identity=None, administrator=True)
    return [tool.to_mcp_tool() for tool in await server.list_tools(run_middleware=False)]


def _walk(command: Any, path: str) -> list[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if not children:
        return [(path, command)]
    own = [(path, command)] if command.invoke_without_command else []
    return own + [pair for name, child in children.items() for pair in _walk(child, f"{path} {name}")]


def _first_line(command: Any) -> str:
    return (command.help or "").strip().splitlines()[0]


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).split(". ")[0].rstrip(".") + "."
