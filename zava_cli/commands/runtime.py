"""How a command runs: the settings of this invocation, one event loop, and who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from zava_cli.commands import diagnostics

if TYPE_CHECKING:
    from zava_cli.data.callers import Caller
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.data.target import Target
    from zava_cli.infra.progress import Progress
    from zava_cli.infra.settings import Loaded, Settings

T = TypeVar("T")

_flags: ContextVar[dict[str, Any] | None] = ContextVar("flags", default=None)
_command: ContextVar[str] = ContextVar("command", default="zava")
_loaded: ContextVar[Loaded | None] = ContextVar("loaded", default=None)


def begin() -> None:
    """Forgets the flags and settings of an earlier invocation in this process."""
    _flags.set({})
    _loaded.set(None)


def begin_command(name: str) -> None:
    """Names the command for the log."""
    _command.set(name)


def remember_flag(name: str, value: Any) -> None:
    """Keeps a common option's value; it wins over every other source of that setting."""
    if value is not None:
        _flags.set({**(_flags.get() or {}), name: value})


def loaded() -> Loaded:
    """The settings of this invocation with their origins; says once what was passed over, and starts logging."""
    current = _loaded.get()
    if current is None:
        from zava_cli.infra.log import configure_logging
        from zava_cli.infra.settings import load_settings

        current = load_settings(_flags.get() or {})
        _loaded.set(current)
        configure_logging(current.settings.log_level, current.settings.log_file)
        for warning in current.warnings:
            diagnostics.note(f"Note: {warning}.")
    return current


def settings() -> Settings:
    """The settings of this invocation."""
    return loaded().settings


def target() -> Target:
    """The profile's database."""
    from zava_cli.data.target import Target

    return Target(settings())


def manager(work: Callable[[PostgreSQLProvider, Caller], Awaitable[T]]) -> T:
    """Runs `work` as the manager whom --as names."""

    async def as_manager(provider: PostgreSQLProvider) -> T:
        return await work(provider, await provider.identify(settings().identity))

    return gateway(as_manager)


def gateway(work: Callable[[PostgreSQLProvider], Awaitable[T]]) -> T:
    """Runs `work` with the gateway's pools, without saying who asks."""
    from zava_cli.data.database import PostgreSQLProvider

    async def go() -> T:
        provider = PostgreSQLProvider(target())
        try:
            return await work(provider)
        finally:
            await provider.close()

    return run(go)


def administrator(work: Callable[[Target], Awaitable[T]]) -> T:
    """Runs `work` with the administrator's login."""

    async def go() -> T:
        return await work(target())

    return run(go)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs a coroutine to its end as one logged operation."""
    import asyncio

    from zava_cli.infra.operations import operation

    async def go() -> T:
        with _ended_by_signals():
            return await work()

    with operation(_command.get(), identity=settings().identity):
        return asyncio.run(go())


@contextmanager
def _ended_by_signals() -> Generator[None]:
    """Lets SIGTERM and SIGHUP end the block as Ctrl+C does: the server's work is cancelled, half a file removed."""
    import asyncio
    import signal

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        received.append(number)
        if task is not None:
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup the terminal's end is to be outlived.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end, number)
    try:
        yield
    except (asyncio.CancelledError, Exception):
        # What the interruption made fail is of no interest to whoever asked for it.
        if received:
            raise Terminated from None
        raise


class Terminated(BaseException):
    """The process was asked to end."""


@contextmanager
def progress() -> Generator[Progress]:
    """A progress bar on stderr, when that is a terminal."""
    with diagnostics.progress("", None) as bar:

        def on_progress(what: str, done: int, total: int | None) -> None:
            bar.update(done=done, total=total, text=what)

        yield on_progress
