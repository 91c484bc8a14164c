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


def test_a_process_by_itself_counts_for_each_name_and_forgets_who_stays_away() -> None:
    rate = OwnRate(Rate(NEVER_AGAIN, BURST))
    assert sum(rate.may_ask("seattle") for _ in range(100)) == BURST
    assert rate.may_ask("tacoma")
    quick = OwnRate(Rate(1_000_000, 1))
    assert all(quick.may_ask("seattle") for _ in range(5))


def test_who_has_waited_may_ask_again(tmp_path: Path) -> None:
    rate = SharedRate(tmp_path, Rate(1_000_000, 1))
    assert all(rate.may_ask("seattle") for _ in range(5))


def test_a_folder_that_was_tidied_away_is_made_again_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    rate = SharedRate(folder, Rate(NEVER_AGAIN, 1))
    assert [rate.may_ask("seattle"), rate.may_ask("seattle")] == [True, False]
    assert folder.stat().st_mode & 0o077 == 0
