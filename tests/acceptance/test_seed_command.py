"""`zava seed` and scripts/ci-seed as a pipeline runs them: JSON on stdout, exit codes, nothing the second time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.conftest import new_profile, root, settings_for
from zava_cli.commands.exit_codes import ExitCode
from zava_cli.data.target import Target

REPOSITORY = Path(__file__).parents[2]
SMALL = ("--seed", "7", "--until", "2022-03-01", "--customers", "200")


async def run(profile: str, *command: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command on one profile, with nobody at a terminal."""
    environment = os.environ | {"ZAVA_PROFILE": profile, "ZAVA_VENV": sys.prefix}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment, cwd=root(),
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def zava(profile: str, *arguments: str) -> tuple[int, str, str]:
    return await run(profile, sys.executable, "-m", "zava_cli", *arguments)


async def test_a_pipe_gets_json_and_a_second_seed_a_hint(fresh_target: Target) -> None:
    profile = fresh_target.settings.profile
    code, out, _ = await zava(profile, "seed", *SMALL)
    assert code == ExitCode.OK
    report = json.loads(out)
    assert report["seeded"] and report["row_counts"]["customers"] == 200
    code, out, err = await zava(profile, "seed", *SMALL)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "--if-empty" in err
    code, out, _ = await zava(profile, "seed", *SMALL, "--if-empty")
    assert code == ExitCode.OK
    assert json.loads(out)["content_hash"] == report["content_hash"]


async def test_reset_does_nothing_when_nobody_can_answer(fresh_target: Target) -> None:
    profile = fresh_target.settings.profile
    await zava(profile, "seed", *SMALL)
    code, _, err = await zava(profile, "seed", *SMALL, "--reset")
    assert code == ExitCode.USAGE
    assert "--yes" in err
    code, out, _ = await zava(profile, "seed", *SMALL, "--reset", "--yes")
    assert code == ExitCode.OK
    assert json.loads(out)["seeded"]


async def test_explain_needs_no_database_and_lists_numbers_with_their_queries() -> None:
    profile = new_profile()
    code, out, _ = await zava(profile, "seed", "--explain", "--until", "2026-06-30")
    assert code == ExitCode.OK
    churn = next(effect for effect in json.loads(out) if effect["name"] == "yearly_churn")
    assert churn["numbers"] == {"share": 0.45}
    assert "FROM orders" in churn["sql"] or "JOIN orders" in churn["sql"]
    assert not Target(settings_for(profile)).key_file.exists()


async def test_an_end_that_is_no_date_is_a_mistake_in_the_command_line() -> None:
    code, out, err = await zava(new_profile(), "seed", "--explain", "--until", "yesterday")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "until" in err


async def test_ci_seed_prints_one_line_of_json_and_changes_nothing_the_second_time(fresh_target: Target) -> None:
    profile = fresh_target.settings.profile
    code, out, err = await run(profile, str(REPOSITORY / "scripts" / "ci-seed"))
    assert code == 0, err
    first = json.loads(out)
    assert out.count("\n") == 1 and first["seeded"] and first["healthy"]
    code, out, err = await run(profile, str(REPOSITORY / "scripts" / "ci-seed"))
    assert code == 0, err
    second = json.loads(out)
    assert not second["seeded"]
    assert {name: second[name] for name in ("seed", "until", "content_hash", "row_counts")} == {
        name: first[name] for name in ("seed", "until", "content_hash", "row_counts")
    }
