"""`zava security prove`: attacks every wall on every way in, and compares what came back with the truth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.prove import fingerprint
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.models.prove import ProofReport, ProveRequest, Wall
from zava_cli.services.prove.behind import attack_behind_the_guard
from zava_cli.services.prove.bounded import attack_the_next_caller, bound_the_server
from zava_cli.services.prove.configuration import check_the_catalog, missing_walls
from zava_cli.services.prove.contexts import attack_the_context
from zava_cli.services.prove.pairs import Cast, Pair, choose
from zava_cli.services.prove.product import attack_a_way
from zava_cli.services.prove.proof import Proof
from zava_cli.services.prove.tally import Tally, Trial, is_proven
from zava_cli.services.prove.truth import Detector
from zava_cli.services.prove.ways import Way


async def prove_security(
    provider: PostgreSQLProvider,
    who: str | None,
    request: ProveRequest,
    ways: Sequence[Way],
    on_progress: Progress = no_progress,
) -> ProofReport:
    """Attacks as `who` and as other managers that the key allows; nothing that is tried can change the data.

    Errors as for `choose`: without a pair of managers nothing can be proven.
    """
    started = time.monotonic()
    tally = Tally(on_progress)
    cast = await choose(provider, who, request.managers, 1 if request.quick else request.pairs)
    before = await _state(provider, cast)
    await check_the_catalog(provider, tally)
    # Slow ways run beside those that share this process's connections, once for every kind of pair.
    here, elsewhere = [way for way in ways if way.sample == 1], [way for way in ways if way.sample > 1]
    for number, pair in enumerate(cast.pairs):
        detector = Detector(provider, cast.witnesses, pair)
        proof = Proof(provider, pair, _seer(cast, pair), detector, tally, request.quick, is_first=number == 0)
        is_new_kind = pair.kinds not in [earlier.kinds for earlier in cast.pairs[:number]]
        await asyncio.gather(_server(proof, here), _ways(proof, elsewhere if is_new_kind else []))
    await _nothing_changed(provider, cast, before, tally)
    scores = tally.scores
    return ProofReport(
        proven=is_proven(scores),
        scores=scores,
        breaches=tally.breaches,
        gaps=tally.gaps,
        missing=await missing_walls(provider, binds_backend=cast.pairs[0].attacker.bind_backend),
        pairs=[pair.kinds for pair in cast.pairs],
        seconds=time.monotonic() - started,
    )


async def _server(proof: Proof, ways: Sequence[Way]) -> None:
    """Everything on this process's own connections, one after the other."""
    await attack_the_context(proof)
    await attack_behind_the_guard(proof)
    if proof.is_first:
        await attack_the_next_caller(proof)
        await bound_the_server(proof)
    await _ways(proof, ways)


async def _ways(proof: Proof, ways: Sequence[Way]) -> None:
    for way in ways:
        await attack_a_way(proof, way)


def _seer(cast: Cast, pair: Pair) -> Caller:
    """Head office when it is there, who alone is the witness then; else the victim."""
    return cast.witnesses[0] if len(cast.witnesses) == 1 else pair.victim


async def _state(provider: PostgreSQLProvider, cast: Cast) -> tuple[object, object]:
    """A load is no attack, therefore its number is part of it."""
    return (await provider.state())["data_version"], await fingerprint(provider, cast.witnesses)


async def _nothing_changed(
    provider: PostgreSQLProvider, cast: Cast, before: tuple[object, object], tally: Tally
) -> None:
    trial = Trial(Wall.PRIVILEGES, "catalog", "everybody", "data and catalog are what they were", "")
    after = await _state(provider, cast)
    if after == before:
        tally.held(trial)
    elif after[0] != before[0]:
        tally.not_tried(trial, "data was loaded meanwhile")
    else:
        tally.failed(trial, "rows, rights or definitions changed while the proof ran")
