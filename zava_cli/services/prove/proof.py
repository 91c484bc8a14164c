"""What the attacks on one pair share: who attacks, how foreign rows are recognised, and where verdicts go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from zava_cli.data.attacks.catalogue import Attack, filled
from zava_cli.data.attacks.contexts import forged
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.errors import DatabaseUnavailableError, QueryRefusedError
from zava_cli.models.prove import Answer, Wall
from zava_cli.services.prove.pairs import Pair, spoken
from zava_cli.services.prove.tally import Tally, Trial
from zava_cli.services.prove.truth import Detector

T = TypeVar("T")

REFUSED = {"42501", "25006", "25001"}
"""No privilege or no valid context; a read-only transaction; a transaction that has begun."""
IMPOSSIBLE = {
    "0A000": "the server does not do that",
    "42601": "the statement cannot be written like that",
    "42883": "the server has no such function",
    "42P01": "the server has no such table",
    "42703": "the server has no such column",
    "42704": "the server has no such object",
    "57014": "it ran out of time",
}
UNAVAILABLE = DatabaseUnavailableError.error_code
REFUSED_BY_GUARD = QueryRefusedError.error_code
UNNOTICED = "head office does not get the rows that way either, so success would not be noticed"
SAMPLE = 3
"""No divisor of the number of settings or relations, so that a sample holds all of them."""


@dataclass
class Proof:
    """The attacks of one pair."""

    provider: PostgreSQLProvider
    pair: Pair
    seer: Caller
    """Sees foreign rows by right: head office, or else the victim."""
    detector: Detector
    tally: Tally
    quick: bool
    is_first: bool
    backend: int = 0
    """The server's process that the next statement behind the guard is expected to meet."""
    is_open: bool = False
    """Whether the attacker sees foreign rows without any trick."""
    _noticed: dict[tuple[str, str], bool] = field(default_factory=dict[tuple[str, str], bool])

    @property
    def values(self) -> dict[str, str]:
        """What stands for the placeholders in this database."""
        relation, column = "customers", "customer_id::text"
        if not all(any(store.rows.get(relation) for store in side) for side in (self.pair.own, self.pair.foreign)):
            relation, column = "orders", "order_id::text"
        victim = str(self.pair.victim.identity.manager_id)
        return {
            **self.provider.target.roles.placeholders(),
            "table": f"retail.{relation}",
            "value": column,
            "forged": forged(self.pair.victim, self.pair.attacker.key_version, self.backend),
            "victim": victim,
            "victim_store": self.pair.foreign[0].store_id,
            # Half of it: what stands in the SQL whole is no news.
            "victim_prefix": self.pair.foreign[0].store_id[:8],
            "own_stores": "{" + ",".join(store.store_id for store in self.pair.own) + "}",
        }

    def fill(self, sql: str) -> str:
        """The SQL for this pair."""
        return filled(sql, self.values)

    def sampled(self, items: Sequence[T], every: int = 1) -> Sequence[T]:
        """Fewer of them when the proof is quick, the pair not the first or the way slow."""
        return items[:: every * (SAMPLE if self.quick or not self.is_first else 1)]

    def trial(self, attack: Attack, way: str) -> Trial:
        """The attack on one way."""
        return self.named(attack.wall, way, attack.name, attack.shown)

    def named(self, wall: Wall, way: str, attack: str, sql: str = "") -> Trial:
        """An attack that is not in the catalogue."""
        return Trial(wall, way, spoken(self.pair.attacker), attack, sql)

    async def noticed(self, way: str, control: str, ask: Callable[[str], Awaitable[Answer]]) -> bool:
        """Whether the detector recognises what one who may see foreign rows gets for `control` on this way."""
        sql = self.fill(control)
        if (way, sql) not in self._noticed:
            self._noticed[way, sql] = bool(await self.detector.leaks(await ask(sql), sql))
        return self._noticed[way, sql]

    def leaked(self, trial: Trial, leaks: list[str]) -> None:
        """The attack succeeded; where a plain SELECT shows foreign rows too, its own wall is not to blame."""
        self.tally.failed(trial, f"foreign rows: {', '.join(leaks)}", Wall.CONTEXT if self.is_open else None)

    async def judge(self, trial: Trial, attack: Attack, answer: Answer, noticed: Callable[[], Awaitable[bool]]) -> None:
        """The verdict on an attack that met no guard."""
        leaks = await self.detector.leaks(answer, self.fill(attack.shown))
        if leaks:
            self.leaked(trial, leaks)
        elif answer.sqlstate in REFUSED:
            by_privileges = trial.wall is Wall.CONTEXT and "permission denied" in answer.text
            self.tally.held(trial, Wall.PRIVILEGES if by_privileges else None)
        elif answer.sqlstate in IMPOSSIBLE:
            self.tally.not_tried(trial, IMPOSSIBLE[answer.sqlstate])
        elif answer.code == UNAVAILABLE:
            self.tally.not_tried(trial, "the connection was lost")
        elif answer.code == REFUSED_BY_GUARD:
            self.tally.not_tried(trial, "zava itself refused it, and the server was not asked")
        elif attack.expects_refusal:
            how = f"got as far as error {answer.sqlstate}" if answer.sqlstate else "was carried out"
            self.tally.failed(trial, f"it {how} instead of being refused")
        elif not await noticed():
            self.tally.not_tried(trial, UNNOTICED)
        else:
            self.tally.held(trial)
