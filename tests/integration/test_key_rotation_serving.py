"""Servers that run while keys are rotated answer on, and say what to do when theirs is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.conftest import opened
from tests.signing_keys import HOUR, OWN_ORDERS, holding, identified, let_end, orders
from tests.small_data import MANAGERS, Walls, expected
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.keys import rotate_keys
from zava_cli.data.target import Target
from zava_cli.infra import private_files
from zava_cli.infra.errors import AuthorizationError
from zava_cli.services.security_keys import issue_key


async def test_a_machine_with_the_old_key_works_until_the_end_and_is_then_told_what_to_do(any_walls: Walls) -> None:
    async with opened(holding(any_walls, dict(any_walls.target.master_keys().by_version())), serving=True) as elsewhere:
        caller = await elsewhere.identify("Sam Seattle")
        await rotate_keys(any_walls.target, HOUR, None)
        assert await orders(elsewhere, caller) == OWN_ORDERS
        assert (await elsewhere.identify("Sam Seattle")).key_version == 1
        await let_end(any_walls, 1)
        for attempt in (orders(elsewhere, caller), elsewhere.identify("Sam Seattle")):
            with pytest.raises(AuthorizationError, match=r"version 1\) is none that this database accepts") as caught:
                await attempt
            assert "key file" in str(caught.value.hint)


async def test_a_server_answers_every_request_while_the_key_is_replaced_twice(own_walls: Walls) -> None:
    provider = PostgreSQLProvider(own_walls.target, serving=True)
    callers = [await provider.identify(name) for name in MANAGERS]
    answers = 0
    over = asyncio.Event()

    async def ask(caller: Caller) -> None:
        nonlocal answers
        while not over.is_set():
            assert await orders(provider, caller) == expected(caller.identity.name, "orders")
            answers += 1

    asking = [asyncio.create_task(ask(caller)) for caller in callers]
    zava = CommandLine(own_walls.target)
    try:
        for version in (2, 3):
            done = await asyncio.to_thread(zava, "security", "rotate-key")
            assert done.code == 0, done.err
            await asyncio.sleep(1.2)
            used = {caller.key_version for caller in [await provider.current(caller) for caller in callers]}
            assert used == {version}
        over.set()
        await asyncio.gather(*asking)
        assert answers > 100
    finally:
        over.set()
        await asyncio.gather(*asking, return_exceptions=True)
        await provider.close()


async def test_a_server_takes_the_new_key_when_the_old_one_is_cut_off_under_it(own_walls: Walls) -> None:
    async with opened(own_walls.target, serving=True) as provider:
        caller = await provider.identify("Sam Seattle")
        for _ in range(3):
            await rotate_keys(own_walls.target, timedelta(0), None)
            assert await orders(provider, caller) == OWN_ORDERS
            async with provider.text_reader(caller):
                pass


async def test_a_server_takes_a_managers_new_key_file_when_it_replaces_the_old_one(
    own_walls: Walls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "LOOK_SECONDS", 0.0)
    own, new = tmp_path / "own.key", tmp_path / "new.key"
    issue_key(await identified(own_walls.target), own, None)
    laptop = Target(own_walls.target.settings.model_copy(update={"manager_key_file": own}))
    async with opened(laptop, serving=True) as provider:
        caller = await provider.identify(None)
        assert (caller.identity.name, caller.key_version) == ("Sam Seattle", 1)
        await rotate_keys(own_walls.target, HOUR, None)
        assert await orders(provider, caller) == OWN_ORDERS
        issue_key(await identified(own_walls.target), new, None)
        new.replace(own)
        await let_end(own_walls, 1)
        assert await orders(provider, caller) == OWN_ORDERS
        with pytest.raises(AuthorizationError, match="signs for Sam Seattle and nobody else"):
            await provider.identify("Hedda Office")
