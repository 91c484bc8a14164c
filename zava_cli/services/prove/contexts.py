"""Forged, altered, expired and borrowed contexts, on connections of the login's own."""

from __future__ import annotations

from dataclasses import replace

from zava_cli.data.attacks.contexts import ALTERED, Line, login_line, stolen
from zava_cli.models.identity import ManagerRole
from zava_cli.models.prove import Wall
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
            await _must_be_refused(proof, line, name, attack, works=works)
        for name, attack in (("none", None), ("empty", "")):
            await _must_show_nothing(proof, line, name, attack, works=works)
        await _must_show_own_stores(proof, line, context, works=works)


def _roles(proof: Proof) -> dict[str, str]:
    roles = proof.provider.target.roles
    return {role.value.replace("_", " "): roles.of(role) for role in ManagerRole}


async def _shows_own_stores(proof: Proof, line: Line, context: str) -> bool:
    """Whether the genuine context works here; without that a refusal of another one says nothing."""
    role = proof.provider.target.roles.of(proof.pair.attacker.identity.role)
    answer = await line.shown_by(role, context)
    return any(store.store_id in answer.text for store in proof.pair.own)


async def _must_be_refused(proof: Proof, line: Line, name: str, context: str, *, works: bool) -> None:
    for spoken, role in _roles(proof).items():
        trial = proof.named(Wall.CONTEXT, WAY, f"a context {name}, as {spoken}")
        answer = await line.shown_by(role, context)
        if not works:
            proof.tally.not_tried(trial, "the genuine context shows nothing either")
        elif answer.sqlstate in REFUSED:
            proof.tally.held(trial)
        elif answer.sqlstate:
            proof.tally.not_tried(trial, f"the server answers with error {answer.sqlstate}")
        else:
            leaks = await proof.detector.leaks(answer)
            proof.tally.failed(trial, f"it was accepted{'; foreign rows: ' if leaks else ''}{', '.join(leaks)}")


async def _must_show_nothing(proof: Proof, line: Line, name: str, context: str | None, *, works: bool) -> None:
    for spoken, role in _roles(proof).items():
        trial = proof.named(Wall.CONTEXT, WAY, f"a context {name}, as {spoken}")
        answer = await line.shown_by(role, context)
        if not works:
            proof.tally.not_tried(trial, "the genuine context shows nothing either")
        elif answer.text and answer.sqlstate not in REFUSED:
            proof.tally.failed(trial, "rows without saying who one is")
        else:
            proof.tally.held(trial)


async def _must_show_own_stores(proof: Proof, line: Line, context: str, *, works: bool) -> None:
    """A genuine context in a role that is another one's."""
    for spoken, role in _roles(proof).items():
        trial = proof.named(Wall.CONTEXT, WAY, f"one's own context, as {spoken}")
        leaks = await proof.detector.leaks(await line.shown_by(role, context))
        if leaks:
            proof.tally.failed(trial, f"foreign rows: {', '.join(leaks)}")
        elif not works:
            proof.tally.not_tried(trial, "the genuine context shows nothing either")
        else:
            proof.tally.held(trial)
