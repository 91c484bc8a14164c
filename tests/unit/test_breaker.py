"""A service that keeps failing is left alone, and one caller at a time finds out whether it is back."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from zava_cli.infra.breaker import CircuitBreaker
from zava_cli.infra.errors import EmbeddingError, EmbeddingUnavailableError

AWAY = EmbeddingUnavailableError("away")
OTHER = EmbeddingError("wrong key")
PAUSE = 0.1


def broken(error: BaseException | None, breaker: CircuitBreaker) -> None:
    """One attempt that ends so."""
    with suppress(EmbeddingError, asyncio.CancelledError), breaker.attempt():
        if error is not None:
            raise error


@pytest.fixture
def breaker() -> CircuitBreaker:
    """Opens after three failures."""
    return CircuitBreaker(EmbeddingUnavailableError, failures=3, pause=PAUSE)


def test_it_opens_after_failures_in_a_row_and_not_before(breaker: CircuitBreaker) -> None:
    for error in (AWAY, AWAY, None, AWAY, AWAY, OTHER, AWAY, AWAY):
        broken(error, breaker)
        assert breaker.seconds_left() == 0
    broken(AWAY, breaker)
    assert 0 < breaker.seconds_left() <= PAUSE


def test_an_attempt_that_is_given_up_from_outside_may_be_counted(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        broken(asyncio.CancelledError(), breaker)
        assert breaker.seconds_left() == 0
        breaker.failed()
    assert breaker.seconds_left() > 0


def test_a_caller_who_leaves_says_nothing_about_the_service(breaker: CircuitBreaker) -> None:
    for error in (AWAY, AWAY, asyncio.CancelledError(), AWAY):
        broken(error, breaker)
    assert breaker.seconds_left() > 0


@pytest.mark.parametrize(
    ("error", "is_open"), [(None, False), (OTHER, False), (AWAY, True), (asyncio.CancelledError(), False)]
)
def test_after_the_pause_one_attempt_decides_while_the_others_are_kept_away(
    breaker: CircuitBreaker, error: BaseException | None, is_open: bool
) -> None:
    for _ in range(3):
        broken(AWAY, breaker)
    time.sleep(PAUSE)
    assert breaker.seconds_left() == 0
    with suppress(EmbeddingError, asyncio.CancelledError), breaker.attempt():
        assert breaker.seconds_left() > 0
        if error is not None:
            raise error
    assert (breaker.seconds_left() > 0) is is_open
