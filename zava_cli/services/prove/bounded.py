"""The bounded transaction: it ends on time, keeps to its caps, and leaves nothing to the next caller."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress

from zava_cli.data.attacks.unguarded import Unguarded, exported, extended, simple
from zava_cli.data.named_sql import named_sql
from zava_cli.data.prove import busy_with, lock_is_free
from zava_cli.models.prove import Answer, Wall
from zava_cli.services.prove.proof import Proof
from zava_cli.services.prove.ways import Ask, Way

ENDLESS = {
    "a long series": "SELECT count(*), '{mark}' FROM generate_series(1, 100000000000)",
    "a cross join": "SELECT count(*), '{mark}' FROM pg_attribute a, pg_attribute b, pg_attribute c, pg_attribute d",
    "an endless recursion": "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n > 0)"
    " SELECT max(n), '{mark}' FROM r WHERE n % 2147483647 < 0",
}
MANY_ROWS, LONG_ROWS = "a million rows", "long rows"
TOO_LARGE = {
    MANY_ROWS: "SELECT n FROM generate_series(1, 1000000) AS n",
    LONG_ROWS: "SELECT repeat('x', 100000) FROM generate_series(1, 900)",
}
LAST_ROW = "1000000"
TIMEOUT = "QUERY_TIMEOUT"
SHORT = 1.0
"""Deadline, in seconds, where an attack may choose it."""
GONE_WITHIN = 2.0
"""Seconds that a backend may go on after its query was cut off."""

LEFT_BEHIND = {
    "a time zone": "SET TimeZone = 'Asia/Tokyo'",
    "a time zone by function": "SELECT set_config('TimeZone', 'Asia/Tokyo', false)",
    "a context": "SET zava.context = 'left behind'",
    "a context by function": "SELECT set_config('zava.context', 'left behind', false)",
    "a role": "SET ROLE {head_office}",
    "a role by function": "SELECT set_config('role', '{head_office}', false)",
    "a search path": "SET search_path = pg_catalog",
    "no timeout": "SET statement_timeout = 0",
    "read-write by default": "SET default_transaction_read_only = off",
    "a date style": "SET DateStyle = 'German'",
    "a setting that never was": "SELECT set_config('left.behind', 'x', false)",
    "a prepared statement": "PREPARE left_behind AS SELECT 'a private question'",
    "a cursor": "DECLARE left_behind CURSOR WITH HOLD FOR SELECT store_id FROM retail.stores",
    "a lock": "SELECT pg_advisory_lock(4711)",
    "a registration": "LISTEN left_behind",
    "a temporary table": "CREATE TEMP TABLE left_behind AS SELECT 1",
    "a question": "SELECT 'a private question'",
    "a question that fails": "SELECT 'a private question'::integer",
}


async def bound_the_way(proof: Proof, way: Way, ask: Ask) -> None:
    """Deadline, caps and cancellation on one way in."""
    await _deadlines(proof, way.name, ask, list(ENDLESS)[: 3 if way.sample == 1 else 1])
    for name in (MANY_ROWS, LONG_ROWS) if way.caps_bytes else (MANY_ROWS,):
        sql = TOO_LARGE[name]
        trial = proof.named(Wall.TRANSACTION, way.name, f"size: {name}", sql)
        answer = await ask(sql)
        if not answer.truncated or LAST_ROW in answer.text:
            proof.tally.failed(trial, "the answer was not cut, or does not say so")
        else:
            proof.tally.held(trial)
    await _leave(proof, way.name, ask)


async def bound_the_server(proof: Proof) -> None:
    """Deadline and cancellation with the guard taken away."""
    for way, run in (("one statement", extended), ("export", exported)):

        async def ask(sql: str, run: Unguarded = run) -> Answer:
            return await run(proof.provider, proof.pair.attacker, sql, "", SHORT)

        await _deadlines(proof, way, ask, ENDLESS)
        await _leave(proof, way, ask)


async def _deadlines(proof: Proof, way: str, ask: Ask, names: Iterable[str]) -> None:
    for name in proof.sampled(list(names)):
        sql = ENDLESS[name]
        mark = f"zava proof {secrets.token_hex(4)}"
        trial = proof.named(Wall.TRANSACTION, way, f"deadline: {name}", sql)
        answer = await ask(sql.replace("{mark}", mark))
        if answer.code != TIMEOUT:
            proof.tally.failed(trial, f"it was not cancelled at its deadline but ended with {answer.code or 'rows'}")
        elif await _goes_on(proof, mark):
            proof.tally.failed(trial, "the server went on with it after the deadline")
        else:
            proof.tally.held(trial)


async def _leave(proof: Proof, way: str, ask: Ask) -> None:
    """The caller goes away in the middle."""
    mark = f"zava proof {secrets.token_hex(4)}"
    sql = ENDLESS["a long series"]
    trial = proof.named(Wall.TRANSACTION, way, "a caller who leaves", sql)
    task = asyncio.ensure_future(ask(sql.replace("{mark}", mark)))
    began = await _begins(proof, mark, task)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    if not began:
        proof.tally.not_tried(trial, "the query was never seen to run")
    elif await _goes_on(proof, mark):
        proof.tally.failed(trial, "the server went on for a caller who had left")
    else:
        proof.tally.held(trial)


async def _begins(proof: Proof, mark: str, task: asyncio.Future[Answer]) -> bool:
    while not task.done():
        if await busy_with(proof.provider, mark):
            return True
        await asyncio.sleep(0.02)
    return False


async def _goes_on(proof: Proof, mark: str) -> bool:
    """Whether a backend still works on the marked statement after a moment of grace."""
    until = time.monotonic() + GONE_WITHIN
    while await busy_with(proof.provider, mark):
        if time.monotonic() > until:
            return True
        await asyncio.sleep(0.05)
    return False


async def attack_the_next_caller(proof: Proof) -> None:
    """Nothing of one caller's SQL reaches the next one on the same connection."""
    before, clean = await _state(proof)
    for prefix in ("", "COMMIT; ", "COMMIT; BEGIN READ WRITE; "):
        for left, template in proof.sampled(list(LEFT_BEHIND.items())):
            way = "several statements" if prefix else "one statement"
            trial = proof.named(Wall.TRANSACTION, way, f"left behind: {left}", prefix + template)
            run = simple if prefix else extended
            await run(proof.provider, proof.seer, proof.fill(prefix + template))
            after, state = await _state(proof)
            if state is None or clean is None:
                proof.tally.not_tried(trial, "the next caller's session cannot be looked at")
            elif after != before:
                proof.tally.not_tried(trial, "the next caller got another connection")
                before = after
            elif state != clean:
                proof.tally.failed(trial, "the next caller's session differs")
            else:
                proof.tally.held(trial)


async def _state(proof: Proof) -> tuple[int | None, str | None]:
    """The connection that the attacker gets, and what their session on it is made of; None when that is not told."""
    answer = await extended(proof.provider, proof.pair.attacker, named_sql("prove")["session_state"])
    free = await lock_is_free(proof.provider)
    return answer.backend, None if answer.code else f"{answer.text}\nlock free: {free}"
