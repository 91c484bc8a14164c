"""What scripts/bench makes of numbers: ratios to a floor, a table, goals, and an exit code."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
RUNS = {"floor": [1.0, 2.0, 4.0], "zava": [1.5, 2.2, 8.0]}


@pytest.fixture(scope="module")
def common() -> Iterator[ModuleType]:
    sys.path.insert(0, str(SCRIPTS))
    try:
        import benchmarks.common

        yield benchmarks.common
    finally:
        sys.path.remove(str(SCRIPTS))


def area(common: ModuleType, report: object) -> ModuleType:
    """A module that measures nothing and reports that."""
    module = ModuleType("benchmarks.nothing", "Nothing.")
    module.__dict__.update(add_arguments=lambda _: None, measure=lambda _: report)
    return module


def test_a_ratio_is_the_median_of_the_ratios_of_runs_made_one_after_the_other(common: ModuleType) -> None:
    assert common.Measure("call", "ms", RUNS, "floor").ratio("zava") == 1.5
    assert common.Measure("call", "ms", RUNS).ratio("floor", "zava") == pytest.approx(2 / 3)


def test_contestants_take_turns_and_may_measure_themselves(
    common: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    turns: list[str] = []
    measured = {"one": lambda: turns.append("one") or {"ms": 1.0}, "two": lambda: turns.append("two") or {"ms": 2.0}}
    assert common.interleaved_numbers(2, measured) == {"ms": {"one": [1.0, 1.0], "two": [2.0, 2.0]}}
    assert turns == ["one", "two", "one", "two"]
    assert common.interleaved(1, {"own": lambda: 0.5})["own"] == [0.5]
    assert capsys.readouterr().out == ""


def test_the_table_has_a_column_for_each_contestant_with_spread_and_ratio(common: ModuleType) -> None:
    report = common.Report(
        "serve", [common.Measure("call", "ms", RUNS, "floor"), common.Measure("size", "MB", {"zava": [1234.5]})]
    )
    assert report.markdown().splitlines()[:4] == [
        "| | floor | zava |",
        "|---|---|---|",
        "| call, ms | 2 (1 to 4) | 2.2 (1.5 to 8) **x 1.50** |",
        "| size, MB |  | 1,234 |",
    ]


@pytest.mark.parametrize(
    ("bounds", "is_met"),
    [({"at_least": 2}, True), ({"at_least": 2.1}, False), ({"at_most": 2}, True), ({"at_most": 1.9}, False)],
)
def test_a_goal_is_met_within_its_bound(common: ModuleType, bounds: dict[str, float], is_met: bool) -> None:
    goal = common.Goal("calls", 2.0, **bounds)
    assert goal.met is is_met
    assert ("MISSED" in str(goal)) is not is_met


@pytest.mark.parametrize(("value", "words", "code"), [(1, [], 0), (3, [], 1), (3, ["--quick"], 0)])
def test_a_missed_goal_is_exit_code_1_but_of_a_quick_run(
    common: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: float, words: list[str], code: int
) -> None:
    report = common.Report(
        "nothing", [common.Measure("call", "ms", RUNS, "floor")], [common.Goal("calls", value, at_most=2)]
    )
    monkeypatch.setattr(common, "areas", lambda: ["nothing"])
    monkeypatch.setitem(sys.modules, "benchmarks.nothing", area(common, report))
    file = tmp_path / "numbers.json"
    assert common.main(["nothing", *words, "--json", str(file)]) == code
    written = json.loads(file.read_text())
    assert written["goals"] == [{"name": "calls", "value": value, "met": value <= 2}]
    assert written["measures"]["call, ms"]["contestants"]["zava"] == {"median": 2.2, "runs": RUNS["zava"]}


def test_every_area_can_be_asked_for_by_name_and_says_what_it_measures(
    common: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cache", "cli", "embed", "import", "peers", "query", "search", "seed", "serve", "soak"):
        with pytest.raises(SystemExit) as ended:
            common.main([name, "--help"])
        assert ended.value.code == 0
        assert "--quick" in capsys.readouterr().out


def test_a_refusal_for_now_is_no_error_of_a_soak(common: ModuleType) -> None:
    from benchmarks.serving.clients import Answer
    from benchmarks.soak import Seen

    def refusal(text: str) -> Answer:
        return Answer({"result": {"isError": True, "content": [{"type": "text", "text": text}]}}, 1)

    seen = Seen()
    seen.answer(Answer({"error": "temporarily_unavailable"}, 1, 503, "2"), 1.0, expects_error=False)
    seen.answer(refusal("DATABASE_BUSY: All connections are busy.\nHint: Try again."), 1.0, expects_error=False)
    seen.answer(refusal("SHARE_BUSY: Your own earlier requests …"), 1.0, expects_error=False)
    seen.answer(refusal("RATE_LIMITED: Too many requests."), 1.0, expects_error=True)
    assert (sorted(seen.current.told.values()), seen.errors.total()) == ([1, 1, 1, 1], 0)
    seen.answer(refusal("INTERNAL_ERROR: Something unexpected went wrong."), 1.0, expects_error=False)
    assert seen.errors.total() == 1


def test_a_soak_in_which_memory_grows_an_answer_is_wrong_or_somebody_waits_for_others_fails(common: ModuleType) -> None:
    from benchmarks.soak import Sample, Seen, report

    def soaked(megabytes: list[float], errors: list[str], slowest: float = 1.0, wait: float = 5.2) -> list[bool]:
        seen = Seen([Sample(size, 0.01, milliseconds=[1.0, 2.0]) for size in megabytes], longest_wait=wait)
        seen.clients = {0: [1.0], 1: [1.0], 2: [slowest]}
        seen.errors.update(errors)
        arguments = argparse.Namespace(clients=1, seconds=1, pool=2)
        return [goal.met for goal in report(seen, arguments).goals]

    assert soaked([100.0] * 10, []) == [True, True, True, True, True]
    assert soaked([100.0] * 5 + [200.0] * 5, []) == [False, True, True, True, True]
    assert soaked([100.0] * 10, ["500 broken"]) == [True, True, False, True, True]
    assert soaked([100.0] * 10, [], slowest=2.5) == [True, True, True, False, True]
    assert soaked([100.0] * 10, [], wait=6.5) == [True, True, True, True, False]


def test_each_area_says_what_it_measures_and_what_its_options_mean(
    common: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for area in common.areas():
        with pytest.raises(SystemExit):
            common.main([area.rstrip("_"), "--help"])
        about, options = capsys.readouterr().out.split("options:\n")
        assert "\n\n" in about.strip()
        for line, following in pairwise([*options.splitlines(), ""]):
            if line.startswith("  --"):
                assert re.search(r"\S  +\S", line) or following.startswith(" " * 10), (area, line)
