"""Counts how the attacks ended, and keeps what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from zava_cli.infra.progress import Progress
from zava_cli.models.prove import Breach, Gap, Score, Verdict, Wall

MOST_BREACHES = 20
"""Failures that a report lists by wall and way; all are counted."""


@dataclass(frozen=True)
class Trial:
    """One attack on one way: what is told about it, whatever comes of it."""

    wall: Wall
    way: str
    attacker: str
    attack: str
    sql: str


class Tally:
    """Every verdict by wall and way."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._verdicts: Counter[tuple[Wall, str, Verdict]] = Counter()
        self._reasons: Counter[tuple[Wall, str, str]] = Counter()
        self.breaches: list[Breach] = []

    def held(self, trial: Trial, wall: Wall | None = None) -> None:
        """The attack was withstood, by another wall than it aimed at if `wall` says so."""
        self._count(wall or trial.wall, trial, Verdict.HELD)

    def failed(self, trial: Trial, leak: str, wall: Wall | None = None) -> None:
        """The attack succeeded; `leak` says what kind of thing came of it, and holds no value."""
        self._count(wall or trial.wall, trial, Verdict.FAILED)
        if self._verdicts[wall or trial.wall, trial.way, Verdict.FAILED] <= MOST_BREACHES:
            self.breaches.append(
                Breach(
                    wall=wall or trial.wall, way=trial.way, attacker=trial.attacker, attack=trial.attack,
                    sql=trial.sql, leak=leak,
                )
            )  # fmt: skip

    def not_tried(self, trial: Trial, reason: str) -> None:
        """The attack could not be carried out, or its success would not have been noticed."""
        self._count(trial.wall, trial, Verdict.NOT_TRIED)
        self._reasons[trial.wall, trial.way, reason] += 1

    def _count(self, wall: Wall, trial: Trial, verdict: Verdict) -> None:
        self._verdicts[wall, trial.way, verdict] += 1
        self._progress(f"{trial.way}: {trial.attack}", self._verdicts.total(), None)

    @property
    def gaps(self) -> list[Gap]:
        """What was not tried, by reason."""
        return [
            Gap(wall=wall, way=way, reason=reason, attacks=number)
            for (wall, way, reason), number in sorted(self._reasons.items())
        ]

    @property
    def scores(self) -> list[Score]:
        """One score per wall and way."""
        order = list(Wall)
        places = sorted({(wall, way) for wall, way, _ in self._verdicts}, key=lambda p: (order.index(p[0]), p[1]))
        return [self._score(wall, way) for wall, way in places]

    def _score(self, wall: Wall, way: str) -> Score:
        held, failed, not_tried = (self._verdicts[wall, way, verdict] for verdict in Verdict)
        return Score(wall=wall, way=way, tried=held + failed, held=held, failed=failed, not_tried=not_tried)


def is_proven(scores: Iterable[Score]) -> bool:
    """Nothing failed, and every wall was attacked on every way."""
    scores = list(scores)
    return bool(scores) and all(score.held and not score.failed for score in scores)
