"""`zava mcp-config`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.infra.errors import ValidationError


class McpClient(StrEnum):
    """Programs that start MCP servers."""

    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    VSCODE = "vscode"
    CURSOR = "cursor"
    WINDSURF = "windsurf"
    ZED = "zed"
    GEMINI_CLI = "gemini-cli"
    CODEX = "codex"


PLACES = {
    McpClient.CLAUDE_DESKTOP: "claude_desktop_config.json (Settings, Developer, Edit Config)",
    McpClient.CLAUDE_CODE: ".mcp.json in the project's folder",
    McpClient.VSCODE: ".vscode/mcp.json, or the user's mcp.json (MCP: Open User Configuration)",
    McpClient.CURSOR: "~/.cursor/mcp.json, or .cursor/mcp.json in the project's folder",
    McpClient.WINDSURF: "~/.codeium/windsurf/mcp_config.json",
    McpClient.ZED: "Zed's settings.json",
    McpClient.GEMINI_CLI: "~/.gemini/settings.json",
    McpClient.CODEX: "~/.codex/config.toml",
}
HERE_ONLY = ("flag", "environment", ".env")
"""Origins that the client's process does not have."""


def mcp_config(
    client: Annotated[McpClient, typer.Argument(help="The program that shall start zava.", show_default=False)],
    admin: Annotated[bool, typer.Option("--admin", help="With the tools that write.")] = False,
) -> None:
    """Print what to paste into an MCP client so that it starts zava as you; never a secret.

    Example: zava mcp-config claude-desktop --as seattle
    """
    from zava_cli.commands.output.console import print_json, print_line
    from zava_cli.infra.settings import as_text, is_secret

    settings, origins = runtime.settings(), runtime.loaded().origins
    if settings.identity is None and settings.manager_key_file is None and not admin:
        raise ValidationError(
            "as", None, "the server needs to know for whom it answers", hint="Add --as NAME, for example --as seattle."
        )
    given = [name for name in origins if origins[name] in HERE_ONLY or name == "identity"]
    values = {name: getattr(settings, name) for name in given if not is_secret(name)}
    command, *arguments = [*_program(), "serve", *(["--admin"] if admin else [])]
    environment = {_variable(name): as_text(value) for name, value in values.items() if value is not None}
    server = {"command": command, "args": arguments, "env": environment}
    if client is McpClient.CODEX:
        print_line(_toml(server))
    else:
        print_json(_wrapped(client, server))
    diagnostics.note(f"Goes into {PLACES[client]}.")
    if secret := [_variable(name) for name in given if is_secret(name)]:
        diagnostics.note(f"Not included, since it is secret: {', '.join(secret)}. Set it where the client starts.")


def _variable(setting: str) -> str:
    return "ZAVA_AS" if setting == "identity" else f"ZAVA_{setting.upper()}"


def _wrapped(client: McpClient, server: dict[str, Any]) -> dict[str, Any]:
    match client:
        case McpClient.VSCODE:
            return {"servers": {"zava": {"type": "stdio", **server}}}
        case McpClient.ZED:
            return {"context_servers": {"zava": {"source": "custom", **server}}}
        case McpClient.CLAUDE_CODE:
            return {"mcpServers": {"zava": {"type": "stdio", **server}}}
        case _:
            return {"mcpServers": {"zava": server}}


def _toml(server: dict[str, Any]) -> str:
    # A JSON string is a TOML string as well.
    environment = ", ".join(f"{name} = {json.dumps(value)}" for name, value in server["env"].items())
    return "\n".join(
        [
            "[mcp_servers.zava]",
            f"command = {json.dumps(server['command'])}",
            f"args = {json.dumps(server['args'])}",
            f"env = {{ {environment} }}",
        ]
    )


def _program() -> list[str]:
    """How this very zava is started, whatever the client's PATH is."""
    started = Path(sys.argv[0])
    if started.stem == "zava" and started.is_file():
        return [str(started.absolute())]
    beside = Path(sys.executable).parent / "zava"
    return [str(beside)] if beside.is_file() else [sys.executable, "-m", "zava_cli"]
