"""How a signal ends a command: in order, as Ctrl+C does."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class Terminated(BaseException):
    """The process was asked to end."""


@contextmanager
def ended_by_signals() -> Generator[None]:
    """Lets SIGTERM and SIGHUP end the block: the server's work is cancelled, half a file removed; raises Terminated."""
    import asyncio
    import signal

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        received.append(number)
        if task is not None:
            task.cancel()

    # Under nohup the terminal's end is to be outlived.
    heeded = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    for number in heeded:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    except (asyncio.CancelledError, Exception):
        # What the interruption made fail is of no interest to whoever asked for it.
        if received:
            raise Terminated from None
        raise
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
