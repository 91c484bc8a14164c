"""Forged, altered, expired and borrowed contexts, on connections of the login's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zava_cli.data.attacks.contexts import ALTERED, Line, login_line, stolen
from zava_cli.models.identity import ManagerRole
from zava_cli.models.prove import Answer, Wall
from zava_cli.services.prove.proof import REFUSED, Proof

WAY = "connection"
EXPIRED_FOR = -10
A_YEAR = 366 * 86_400


async def attack_the_context(proof: Proof) -> None:
    """Every role with every kind of context that is not the attacker's own of this connection and moment."""
    pair = proof.pair
    async with login_line(proof.provider.target) as line, login_line(proof.provider.target) as other:
        context = line.sign(pair.attacker)
        works = await _shows_own_stores(proof, line, context)
        attacks = {name: change(context) for name, change in ALTERED.items()}
        attacks |= {f"the victim's, {name}": text for name, text in stolen(pair.attacker, pair.victim, line).items()}
        attacks["expired"] = line.sign(pair.attacker, EXPIRED_FOR)
        attacks["valid for a year"] = line.sign(pair.attacker, A_YEAR)
        attacks["the victim's, expired"] = line.sign(pair.victim, EXPIRED_FOR)
        if pair.attacker.bind_backend:
            attacks["of another connection"] = other.sign(pair.attacker)
            attacks["the victim's, of another connection"] = other.sign(pair.victim)
            attacks["of any connection"] = line.sign(replace(pair.attacker, bind_backend=False))
        for name, attack in proof.sampled(list(attacks.items())):
            await _try(proof, line, f"a context {name}", attack, lambda _: "it was accepted", works=works)
        for name, attack in (("none", None), ("empty", "")):
            await _try(proof, line, f"a context {name}", attack, _rows, works=works)
        # A genuine one in a role that is another one's.
        await _try(proof, line, "one's own context", context, lambda _: None, works=works)


def _rows(answer: Answer) -> str | None:
    return "rows without saying who one is" if answer.text else None


def _roles(proof: Proof) -> dict[str, str]:
    roles = proof.provider.target.roles
    return {role.value.replace("_", " "): roles.of(role) for role in ManagerRole}


async def _shows_own_stores(proof: Proof, line: Line, context: str) -> bool:
    """Whether the genuine context works here; without that a refusal of another one says nothing."""
    role = proof.provider.target.roles.of(proof.pair.attacker.identity.role)
    answer = await line.shown_by(role, context)
    return any(store.store_id in answer.text for store in proof.pair.own)


async def _try(
    proof: Proof, line: Line, what: str, context: str | None, wrong: Callable[[Answer], str | None], *, works: bool
) -> None:
    """Sends it in every role; `wrong` says what is, beside foreign rows, in an answer that is no error."""
    for spoken, role in _roles(proof).items():
        trial = proof.named(Wall.CONTEXT, WAY, f"{what}, as {spoken}")
        answer = await line.shown_by(role, context)
        if answer.code is None and (leaks := await proof.detector.leaks(answer)):
            proof.tally.failed(trial, f"foreign rows: {', '.join(leaks)}")
        elif not works:
            proof.tally.not_tried(trial, "the genuine context shows nothing either")
        elif answer.code is None and (failure := wrong(answer)):
            proof.tally.failed(trial, failure)
        elif answer.code is None or answer.sqlstate in REFUSED:
            proof.tally.held(trial)
        else:
            proof.tally.not_tried(trial, f"the server answers with error {answer.sqlstate or answer.code}")
