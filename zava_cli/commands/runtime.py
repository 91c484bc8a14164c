"""How a command runs: the settings of this invocation, one event loop, and who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from zava_cli.commands import diagnostics
from zava_cli.commands.signals import Terminated, ended_by_signals

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from zava_cli.data.audit import Connect
    from zava_cli.data.callers import Caller
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.data.target import Target
    from zava_cli.infra.operations import OperationRecord
    from zava_cli.infra.setting_sources import Loaded
    from zava_cli.infra.settings import Settings

T = TypeVar("T")

_flags: ContextVar[dict[str, Any] | None] = ContextVar("flags", default=None)
_command: ContextVar[str] = ContextVar("command", default="zava")
_loaded: ContextVar[Loaded | None] = ContextVar("loaded", default=None)
_invocation: ContextVar[_Invocation | None] = ContextVar("invocation", default=None)


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
        from zava_cli.infra import tracing
        from zava_cli.infra.log import configure_logging
        from zava_cli.infra.setting_sources import load_settings

        current = load_settings(_flags.get() or {})
        _loaded.set(current)
        configure_logging(current.settings.log_level, current.settings.log_file)
        traces = tracing.start(current.settings.otel_endpoint)
        for warning in [*current.warnings, *([traces] if traces else [])]:
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

    provider = PostgreSQLProvider(target())

    async def go() -> T:
        return await work(provider)

    # Its pools stay open for the record that is written once the answer is out.
    return _current().run(go, "terminal", provider.open_connection, provider.close)


def administrator(work: Callable[[Target], Awaitable[T]]) -> T:
    """Runs `work` with the administrator's login."""
    from zava_cli.data.audit import administrator_connection

    async def go() -> T:
        return await work(target())

    return _current().run(go, "administrator", lambda: administrator_connection(target()))


def run(work: Callable[[], Awaitable[T]], *, make_loop: Callable[[], AbstractEventLoop] | None = None) -> T:
    """Runs a coroutine to its end as one operation that is logged and recorded."""
    from zava_cli.data.audit import gateway_connection

    return _current(make_loop).run(work, "terminal", lambda: gateway_connection(target()))


def finish() -> None:
    """Writes what the invocation leaves in the audit log, now that its answer is out, and closes what it used."""
    invocation = _invocation.get()
    _invocation.set(None)
    if invocation is not None:
        from zava_cli.infra import tracing

        try:
            invocation.finish()
        finally:
            tracing.stop()


class _Invocation:
    """One event loop for all that a command runs, and what is left to do once its output has been written."""

    def __init__(self, make_loop: Callable[[], AbstractEventLoop] | None) -> None:
        import asyncio

        self._runner = asyncio.Runner(loop_factory=make_loop)
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._unwritten: list[tuple[OperationRecord, Connect]] = []

    def run(
        self,
        work: Callable[[], Awaitable[T]],
        way: str,
        connect: Connect,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """Runs `work`; `connect` is how its record reaches the database afterwards."""
        from contextvars import copy_context

        from zava_cli.infra.operations import SERVING, OperationRecord, Way, operation
        from zava_cli.infra.tracing import continuing

        async def go() -> T:
            with ended_by_signals():
                return await work()

        if close is not None:
            self._closing.append(close)
        name = _command.get().removeprefix("zava ")
        record = OperationRecord(name, Way(way), settings().identity, _system_user())
        if record.way is Way.ADMINISTRATOR:
            record.role = way
        # What a server does belongs to its callers' traces.
        outer = {} if name == SERVING else _outer_trace()
        with continuing(outer), operation(record, lambda finished: self._unwritten.append((finished, connect))):
            return self._runner.run(go(), context=copy_context())

    def finish(self) -> None:
        """Neither raises nor changes how the command ends; a signal leaves the records to the next process."""
        import sys
        from contextlib import suppress

        from zava_cli.data.audit import keep_for_later

        with suppress(OSError, ValueError):
            sys.stdout.flush()
        try:
            self._runner.run(self._finish())
        except (KeyboardInterrupt, Terminated):
            keep_for_later(target(), [record for record, _ in self._unwritten])
        finally:
            self._runner.close()

    async def _finish(self) -> None:
        from zava_cli.data.audit import write_now

        with ended_by_signals():
            try:
                while self._unwritten:
                    record, connect = self._unwritten[0]
                    await write_now(target(), connect, [record])
                    del self._unwritten[0]
            finally:
                for close in self._closing:
                    await close()


def _current(make_loop: Callable[[], AbstractEventLoop] | None = None) -> _Invocation:
    invocation = _invocation.get()
    if invocation is None:
        invocation = _Invocation(make_loop)
        _invocation.set(invocation)
    return invocation


def _outer_trace() -> dict[str, str]:
    """The trace that whoever started the command put into its environment, as OpenTelemetry has it."""
    import os

    return {name.lower(): os.environ[name] for name in ("TRACEPARENT", "TRACESTATE") if name in os.environ}


def _system_user() -> str | None:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container's user need not have a name.
        return None
