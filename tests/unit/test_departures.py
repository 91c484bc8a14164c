"""A client that leaves ends what works for it."""

from __future__ import annotations

import asyncio

import pytest

from zava_cli.infra.errors import CallerLeftError
from zava_cli.server.http.departures import Departure


async def test_a_client_that_leaves_as_its_place_comes_free_is_worked_for_no_longer() -> None:
    departure, place = Departure(), asyncio.Semaphore(0)

    async def work() -> str:
        # wait_for of Python 3.11 swallows a cancellation that comes in the turn of what it waits for.
        await asyncio.wait_for(place.acquire(), 20)
        await asyncio.sleep(20)
        return "done"

    working = asyncio.ensure_future(departure.unless_left(work))
    await asyncio.sleep(0.01)
    place.release()
    departure.leave()
    with pytest.raises(CallerLeftError):
        await working


async def test_a_task_that_others_cancel_is_told_so() -> None:
    working = asyncio.ensure_future(Departure().unless_left(asyncio.Event().wait))  # pyright: ignore
    await asyncio.sleep(0.01)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
