"""Several processes on one address: each is a server of its own, and one that dies is started again.

The kernel spreads connections over them. Pools, and the share that one manager may have of them, belong to one
process; the database, the tokens, the audit log, the metrics and the rate of each identity are everybody's.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from zava_cli.infra import tracing
from zava_cli.infra.errors import ConfigurationError, MCPError
from zava_cli.infra.log import configure_logging, logger
from zava_cli.infra.settings import Settings
from zava_cli.infra.shared_folder import forget_process, shared_folder
from zava_cli.server.http.app import HttpApplication
from zava_cli.server.http.serving import listen, serve_http
from zava_cli.server.loop import new_loop

START_SECONDS = 30.0
STARTING_PING_SECONDS = 0.5


@dataclass(frozen=True)
class WorkerPlan:
    """What a process needs to become a worker; it travels there through a pipe, never as an argument."""

    settings: Settings
    build: Callable[[], HttpApplication]
    address: tuple[str, int]
    administration: tuple[str, int] | None = None


def supervise(plan: WorkerPlan, workers: int, on_start: Callable[[], None]) -> None:
    """Keeps so many workers running until SIGINT, SIGTERM or SIGHUP; requests in progress then get `serve_grace`.

    Calls `on_start` once all of them answer; ConfigurationError when one of them does not come up.
    """
    supervisor = _Workers(plan, workers, on_start)
    supervisor.run()
    if not supervisor.have_started:
        raise ConfigurationError("A worker did not start.", hint="The log says why; --workers 1 says it here.")


def run_worker(plan: WorkerPlan, on_start: Callable[[], None]) -> None:
    """Serves in this process until it is told to stop, or until its supervisor is gone."""
    bound = listen(*plan.address, shared=True)
    administration = None if plan.administration is None else listen(*plan.administration, shared=True)

    async def serve() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            stop = partial(os.kill, os.getpid(), signal.SIGTERM)
            asyncio.get_running_loop().add_reader(parent.sentinel, stop)
        try:
            await serve_http(plan.build(), plan.settings, bound, on_start, administration=administration)
        finally:
            if parent is not None:
                asyncio.get_running_loop().remove_reader(parent.sentinel)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve())


class _Worker(Process):
    """One process, as uvicorn's supervisor knows it; the application is made inside of it."""

    started = False
    """Whether it answers; asked for by the supervisor."""

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        self._has_answered = False
        self._start_by = time.monotonic() + START_SECONDS
        super().__init__(Config("unused", log_config=None), [])

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether it answers, or may still be starting: with much else to do that takes longer than an answer may."""
        if not self._has_answered:
            self._has_answered = super().is_alive(STARTING_PING_SECONDS)
            return self._has_answered or (self.process.is_alive() and time.monotonic() < self._start_by)
        return super().is_alive(timeout)

    @property
    def server(self) -> _Worker:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What says whether it has started."""
        return self

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Runs in the new process."""
        settings = self._plan.settings
        configure_logging(settings.log_level, settings.log_file)
        tracing.start(settings.otel_endpoint)
        threading.Thread(target=self._answer, daemon=True).start()
        try:
            run_worker(self._plan, self._note_start)
        except MCPError as error:
            logger().error("worker", error_code=error.error_code, said=error.message)
            sys.exit(STARTUP_FAILURE)
        finally:
            tracing.stop()

    def _note_start(self) -> None:
        self.started = True

    def _answer(self) -> None:
        # Until the supervisor closes its end or is gone.
        try:
            self.always_pong()
        except (OSError, EOFError):
            return


class _Workers(Multiprocess):
    """uvicorn's supervisor, for workers of our own kind."""

    def __init__(self, plan: WorkerPlan, workers: int, on_start: Callable[[], None]) -> None:
        super().__init__(Config("unused", log_config=None, workers=workers), [])
        self.have_started = False
        self._plan = plan
        self._on_start = on_start

    def init_processes(self) -> None:
        """Starts them, and says so when all of them answer."""
        self.processes = [self._new() for _ in range(self.processes_num)]
        self.have_started = all(worker.wait_until_ready(START_SECONDS, self.should_exit) for worker in self.processes)
        if self.have_started:
            self._on_start()
        else:
            self.should_exit.set()

    def keep_subprocess_alive(self) -> None:
        """Puts a new one in the place of each that has died or answers no more."""
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set() or worker.is_alive(self.config.timeout_worker_healthcheck):
                continue
            worker.kill()
            worker.join()
            if (folder := shared_folder()) is not None and worker.pid is not None:
                forget_process(folder, worker.pid)
            logger().warning("a worker died", exit_code=worker.exitcode)
            self.processes[place] = self._new()

    def handle_hup(self) -> None:
        """Ends, as one process does."""
        self.should_exit.set()

    def handle_ttin(self) -> None:
        """The number of workers stays."""

    handle_ttou = handle_ttin

    def _new(self) -> _Worker:
        worker = _Worker(self._plan)
        worker.start()
        return worker
