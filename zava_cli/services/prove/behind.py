"""The catalogue's attacks with the guard taken away: straight to the server, as the manager."""

from __future__ import annotations

from zava_cli.data.attacks.catalogue import (
    SELECT_SECRET,
    Attack,
    reads,
    set_attacks,
    set_config_attacks,
    statements,
)
from zava_cli.data.attacks.unguarded import Unguarded, exported, extended, simple
from zava_cli.data.prove import readable_views
from zava_cli.models.prove import Answer, Wall
from zava_cli.services.prove.proof import Proof

ONE, EXPORT, SEVERAL = "one statement", "export", "several statements"


async def attack_behind_the_guard(proof: Proof) -> None:
    """Every attack that the server itself must withstand."""
    plain = await extended(proof.provider, proof.pair.attacker, proof.fill(SELECT_SECRET))
    proof.is_open = bool(await proof.detector.leaks(plain, SELECT_SECRET))
    attacks = [*reads(), *set_config_attacks(), *set_attacks(), *statements()]
    for attack in [*proof.sampled([attack for attack in attacks if attack.behind]), *await _views(proof)]:
        for way, run in _ways(attack):
            await _try(proof, attack, way, run)


def _ways(attack: Attack) -> list[tuple[str, Unguarded]]:
    if attack.several:
        return [(SEVERAL, simple)]
    if attack.first:
        return [(SEVERAL, extended)]
    ways: list[tuple[str, Unguarded]] = [(ONE, extended)]
    if attack.exportable:
        ways.append((EXPORT, exported))
    # The protocol of several statements brings no rows back, only errors.
    return [*ways, (SEVERAL, simple)] if attack.expects_refusal else ways


async def _try(proof: Proof, attack: Attack, way: str, run: Unguarded) -> None:
    async def as_seer(sql: str) -> Answer:
        return await run(proof.provider, proof.seer, sql, "")

    async def noticed() -> bool:
        return await proof.noticed(f"{way}{attack.several}", attack.control, as_seer)

    answer = await _send(proof, attack, run)
    if proof.pair.attacker.bind_backend and answer.backend not in (None, proof.backend):
        # A forged context names its backend, and this was another one than expected.
        proof.backend = answer.backend
        answer = await _send(proof, attack, run)
    await proof.judge(proof.trial(attack, way), attack, answer, noticed)


async def _send(proof: Proof, attack: Attack, run: Unguarded) -> Answer:
    return await run(proof.provider, proof.pair.attacker, proof.fill(attack.sql), proof.fill(attack.first))


async def _views(proof: Proof) -> list[Attack]:
    """Reads of the views that this database has beside zava's tables."""
    return [
        Attack(f"the view {name}", Wall.PRIVILEGES, sql, SELECT_SECRET)
        for name, sql in (await readable_views(proof.provider, proof.pair.attacker)).items()
    ]
