"""The README's tour shows what the commands really print."""

from __future__ import annotations

import pytest

from tests.tour import blocks_in, run_in_terminal, tour_section
from zava_cli.data.target import Target

BLOCKS = blocks_in(tour_section())


def test_the_tour_has_commands() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize(("command", "expected"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_the_readme_shows_what_a_command_prints(
    command: str, expected: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZAVA_PROFILE", target.settings.profile)
    assert run_in_terminal(command, colour=False).rstrip() == expected
