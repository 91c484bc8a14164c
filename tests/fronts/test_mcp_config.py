"""What `zava mcp-config` prints can be pasted, and holds no secret."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zava_cli.commands.main import app
from zava_cli.commands.mcp_config import McpClient


def printed(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    done = CliRunner().invoke(app, ["mcp-config", *arguments], env=variables)
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("client", "path"),
    [
        ("claude-desktop", ["mcpServers"]),
        ("claude-code", ["mcpServers"]),
        ("cursor", ["mcpServers"]),
        ("windsurf", ["mcpServers"]),
        ("gemini-cli", ["mcpServers"]),
        ("vscode", ["servers"]),
        ("zed", ["context_servers"]),
        ("codex", ["mcp_servers"]),
    ],
)
def test_a_client_gets_the_command_and_who_asks(client: str, path: list[str]) -> None:
    code, out, err = printed(client, "--as", 'Anna "A" Ångström', "-P", "demo")
    assert code == 0
    (server,) = (tomllib.loads(out) if client == "codex" else json.loads(out))[path[0]].values()
    assert Path(server["command"]).is_absolute()
    assert server["args"][-1] == "serve"
    assert server["env"]["ZAVA_AS"] == 'Anna "A" Ångström'
    assert server["env"]["ZAVA_PROFILE"] == "demo"
    assert "Goes into" in err


def test_every_client_is_tested() -> None:
    marks = test_a_client_gets_the_command_and_who_asks.pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(McpClient)


def test_no_secret_is_printed_and_that_is_said() -> None:
    code, out, err = printed(
        "cursor",
        "--as",
        "seattle",
        ZAVA_DATABASE_URL="postgresql://gateway:hunter2@db/zava",
        OPENAI_API_KEY="sk-hunter2",
    )
    assert code == 0
    assert "hunter2" not in out + err
    assert "ZAVA_DATABASE_URL" not in out
    assert "ZAVA_DATABASE_URL, ZAVA_OPENAI_API_KEY" in err


def test_a_snippet_without_identity_would_not_work_and_is_refused() -> None:
    code, out, err = printed("cursor")
    assert (code, out) == (2, "")
    assert "--as" in err


def test_an_administrators_snippet_needs_no_identity() -> None:
    code, out, _ = printed("cursor", "--admin")
    assert code == 0
    assert json.loads(out)["mcpServers"]["zava"]["args"][-2:] == ["serve", "--admin"]


def test_a_list_is_printed_as_the_variable_that_it_came_from() -> None:
    code, out, _ = printed("cursor", "--as", "seattle", ZAVA_HTTP_ALLOWED_HOSTS="a.example, b.example")
    assert code == 0
    assert json.loads(out)["mcpServers"]["zava"]["env"]["ZAVA_HTTP_ALLOWED_HOSTS"] == "a.example,b.example"
