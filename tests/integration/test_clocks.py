"""Clocks that are wrong, or are set while a server runs: contexts are signed by the server's time."""

from __future__ import annotations

import time

import asyncpg
import pytest

from tests.attacks import genuine, seen
from tests.conftest import opened
from tests.small_data import Walls, expected
from zava_cli.data import database
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.infra.errors import AuthorizationError

OWN_ORDERS = expected("Sam Seattle", "orders")
LONGEST = 3600


class Clock:
    """This machine's clock, as far as zava knows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error = 0.0
        real = time.time
        monkeypatch.setattr(database.time, "time", lambda: real() + self.error)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def orders(provider: PostgreSQLProvider, caller: Caller, timeout: float | None = None) -> int:
    """What the caller sees by the product's own way."""
    async with provider.reader(caller, timeout=timeout) as session:
        return (await session.row("SELECT count(*) AS n FROM orders"))["n"]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_client_whose_clock_is_an_hour_off_is_served(walls: Walls, clock: Clock, hours: int) -> None:
    clock.error = hours * 3600
    async with opened(walls.target) as provider:
        caller = await provider.identify("Sam Seattle")
        assert abs(caller.clock_offset + hours * 3600) < 60
        assert await orders(provider, caller) == OWN_ORDERS
        real = time.time() - clock.error
        expires = int(caller.sign(1, time.time(), 60).split(".")[2])
        assert abs(expires - real - 60) < 30


@pytest.mark.parametrize("hours", [-2, -1, 1, 2, 24])
async def test_a_clock_that_is_set_while_a_server_runs_costs_no_answer(walls: Walls, clock: Clock, hours: int) -> None:
    async with opened(walls.target, serving=True) as provider:
        caller = await provider.identify("Sam Seattle")
        for error in (0, hours * 3600, 0, -hours * 3600):
            clock.error = error
            assert await orders(provider, caller) == OWN_ORDERS
            async with provider.text_reader(caller, timeout=LONGEST):
                pass


async def test_the_clocks_are_compared_again_from_time_to_time(
    walls: Walls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(walls.target, serving=True) as provider:
        caller = await provider.identify("Sam Seattle")
        # Within what the database tolerates, so nothing is refused.
        clock.error = 20.0
        assert await orders(provider, caller) == OWN_ORDERS
        assert abs((await provider.current(caller)).clock_offset) < 5
        monkeypatch.setattr(database, "LOOK_UP_SECONDS", 0.0)
        assert await orders(provider, caller) == OWN_ORDERS
        assert abs((await provider.current(caller)).clock_offset + 20) < 5


async def test_a_manager_who_is_removed_while_a_server_runs_is_refused(
    own_walls: Walls, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(own_walls.target, serving=True) as provider:
        caller = await provider.identify("Hedda Office")
        await own_walls.as_superuser(
            "DELETE FROM security.manager_keys WHERE manager_id = $1", caller.identity.manager_id
        )
        with pytest.raises(AuthorizationError, match="no key"):
            await orders(provider, caller)
        await own_walls.as_superuser("DELETE FROM retail.managers WHERE name = 'Hedda Office'")
        monkeypatch.setattr(database, "LOOK_UP_SECONDS", 0.0)
        with pytest.raises(AuthorizationError):
            await orders(provider, caller)


@pytest.mark.parametrize("seconds", [LONGEST + 180, 86_400, 73 * 365 * 86_400])
async def test_nobody_can_sign_today_for_long_after(walls: Walls, gateway: PostgreSQLProvider, seconds: int) -> None:
    line = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        caller = await gateway.identify("Sam Seattle")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="valid for too long"):
            await seen(line, walls, genuine(caller, line, seconds))
        # What the longest statement needs is not too long.
        assert await seen(line, walls, genuine(caller, line, LONGEST + database.CONTEXT_SECONDS)) == OWN_ORDERS
    finally:
        await line.close()
