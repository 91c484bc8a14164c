"""The catalogue's attacks as anybody could send them: through a way in, with the guard in front."""

from __future__ import annotations

from collections.abc import Sequence

from zava_cli.data.attacks.catalogue import Attack, reads, set_config_attacks, statements
from zava_cli.infra.errors import MCPError
from zava_cli.models.prove import Answer, Wall
from zava_cli.services.prove.bounded import bound_the_way
from zava_cli.services.prove.proof import REFUSED_BY_GUARD, UNAVAILABLE, Proof
from zava_cli.services.prove.ways import Ask, Way

FEWEST_READS = 13
"""On the slowest way one honest read in so many is sent."""
OWN_ROWS = "SELECT name FROM stores"


async def attack_a_way(proof: Proof, way: Way) -> None:
    """Every attack, or a sample of them, on one way in; for the first pair its deadline and caps too."""
    attacks = [
        *proof.sampled([*set_config_attacks(), *statements()], way.sample),
        *proof.sampled(reads(), min(way.sample, FEWEST_READS)),
    ]
    try:
        async with way.open(proof.pair.attacker) as ask, way.open(proof.seer) as ask_as_seer:
            if not await _shows_own_rows(proof, ask):
                return _none(proof, way, attacks, "the way does not show the manager's own rows")
            for attack in attacks:
                await _try(proof, way.name, attack, ask, ask_as_seer)
            if proof.is_first:
                await _strangers(proof, way)
                await bound_the_way(proof, way, ask)
    except MCPError as error:
        _none(proof, way, attacks, f"the way cannot be opened: {error.message}")


def _none(proof: Proof, way: Way, attacks: Sequence[Attack], reason: str) -> None:
    for attack in attacks:
        wall = Wall.GUARD if attack.guard_refuses else attack.wall
        proof.tally.not_tried(proof.named(wall, way.name, attack.name), reason)


async def _strangers(proof: Proof, way: Way) -> None:
    for name, turned_away in (await way.strangers()).items():
        trial = proof.named(Wall.CONTEXT, way.name, f"a stranger {name}")
        if turned_away:
            proof.tally.held(trial)
        else:
            proof.tally.failed(trial, "an answer without knowing who asks")


async def _shows_own_rows(proof: Proof, ask: Ask) -> bool:
    answer = await ask(OWN_ROWS)
    return answer.code is None and any(store.name in answer.text for store in proof.pair.own)


async def _try(proof: Proof, way: str, attack: Attack, ask: Ask, ask_as_seer: Ask) -> None:
    answer = await ask(proof.fill(attack.shown))
    if attack.guard_refuses:
        await _judge_guard(proof, way, attack, answer)
        return

    async def noticed() -> bool:
        return await proof.noticed(way, attack.control, ask_as_seer)

    await proof.judge(proof.trial(attack, way), attack, answer, noticed)


async def _judge_guard(proof: Proof, way: str, attack: Attack, answer: Answer) -> None:
    """What the guard lets through is its failure, and that of the next wall too if foreign rows came back."""
    trial = proof.named(Wall.GUARD, way, attack.name, attack.shown)
    leaks = await proof.detector.leaks(answer, proof.fill(attack.shown))
    if leaks:
        proof.leaked(proof.trial(attack, way), leaks)
    if answer.code == REFUSED_BY_GUARD and not leaks:
        proof.tally.held(trial)
    elif answer.code == UNAVAILABLE:
        proof.tally.not_tried(trial, "the connection was lost")
    elif answer.sqlstate == "42601":
        proof.tally.not_tried(trial, "the statement cannot be written like that")
    else:
        refused = answer.code == REFUSED_BY_GUARD
        proof.tally.failed(trial, "its refusal tells foreign values" if refused else "the guard let it through")
