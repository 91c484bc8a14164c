"""How often one may ask one process, or several that share a bucket."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from zava_cli.infra.rate import OwnRate, Rate
from zava_cli.infra.shared_rate import SharedRate

BURST = 50
NEVER_AGAIN = 1e-9
"""Requests a second."""


def ask_all(folder: Path) -> int:
    """How many of a hundred requests a process gets through."""
    rate = SharedRate(folder, Rate(NEVER_AGAIN, BURST))
    return sum(rate.may_ask("seattle") for _ in range(100))


def test_processes_that_ask_at_once_get_as_much_together_as_one_would(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert sum(pool.map(ask_all, [tmp_path] * 4)) == BURST


def test_names_do_not_take_from_each_other_whatever_is_in_them(tmp_path: Path) -> None:
    rate = SharedRate(tmp_path, Rate(NEVER_AGAIN, 1))
    for name in ("seattle", "tacoma", "../tacoma", "", "a" * 5_000, "ü"):
        assert [rate.may_ask(name), rate.may_ask(name)] == [True, False]
    assert all(file.parent == tmp_path for file in tmp_path.rglob("*"))


def test_a_process_by_itself_counts_for_each_name() -> None:
    rate = OwnRate(Rate(NEVER_AGAIN, BURST))
    assert sum(rate.may_ask("seattle") for _ in range(100)) == BURST
    assert rate.may_ask("tacoma")


def asked_at(rate: Rate, *moments: float) -> list[bool]:
    """Which of the requests at those moments, in seconds, get through."""
    full_at, answers = 0.0, list[bool]()
    for now in moments:
        after = rate.full_after(full_at, now)
        answers.append(after is not None)
        full_at = full_at if after is None else after
    return answers


def test_who_has_waited_may_ask_again() -> None:
    assert asked_at(Rate(2, 3), 100, 100, 100, 100) == [True, True, True, False]
    assert asked_at(Rate(2, 3), 100, 100, 100, 100.4, 100.5, 100.6) == [True, True, True, False, True, False]


def test_who_stays_away_has_no_more_than_a_burst_again() -> None:
    assert asked_at(Rate(2, 1), 100, 1_000, 1_000) == [True, True, False]


def test_a_folder_that_was_tidied_away_is_made_again_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    rate = SharedRate(folder, Rate(NEVER_AGAIN, 1))
    assert [rate.may_ask("seattle"), rate.may_ask("seattle")] == [True, False]
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_leaves_each_process_its_own_count(tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("no folder")
    rate = SharedRate(tmp_path / "shared", Rate(NEVER_AGAIN, 2))
    assert [rate.may_ask("seattle") for _ in range(3)] == [True, True, False]
