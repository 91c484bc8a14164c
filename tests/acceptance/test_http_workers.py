"""`zava serve --http --workers N` as a process with processes of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

import httpx2
import psutil
import pytest

from tests.http_serving import HttpServer, calling, http_server
from tests.own_server import wait_until
from tests.stdio_serving import PATIENCE, environment, until
from zava_cli.data.target import Target

UNANSWERED_SECONDS = 8
"""More than a worker at work may be silent."""


def workers(server: HttpServer) -> set[int]:
    """The processes that answer."""
    found: set[int] = set()
    for child in psutil.Process(server.process.pid).children():
        # One that has just died is still listed.
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {child.pid} if any("spawn_main" in word for word in child.cmdline()) else set()
    return found


def newcomers(server: HttpServer, before: set[int]) -> set[int]:
    """Those that were not there before, as soon as there are any."""
    wait_until(lambda: bool(workers(server) - before))
    return workers(server) - before


async def answered(url: str, *, modern: bool = True) -> int:
    """What one new client is answered."""
    async with calling(url, modern=modern) as caller:
        answer = await caller.ask("select 41 + 1 as n")
        assert "42" in answer["content"][0]["text"]
        return answer.get("isError", False)


async def again(url: str) -> None:
    """Asks on new connections until one is answered."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await answered(url)
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_clients_of_both_protocols_are_answered_and_all_processes_end_together(seeded: Target) -> None:
    with http_server(seeded, "--no-auth", "--workers", "2") as server:
        found = workers(server)
        assert len(found) == 2
        for modern in [True, False, True, False]:
            assert not await answered(server.url, modern=modern)
        assert await asyncio.to_thread(server.stop) == 0
    assert not any(psutil.pid_exists(pid) for pid in found)
    await until(seeded, 0)


async def test_a_worker_that_dies_is_replaced_while_the_others_answer(seeded: Target) -> None:
    with http_server(seeded, "--no-auth", "--workers", "2") as server:
        victim, other = sorted(workers(server))
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while len(workers(server) - {victim}) < 2:
                await again(server.url)
                await asyncio.sleep(0.2)
        assert other in workers(server)
        await again(server.url)
        assert await asyncio.to_thread(server.stop) == 0


async def test_a_new_worker_may_take_longer_to_start_than_to_answer(seeded: Target) -> None:
    with http_server(seeded, "--no-auth", "--workers", "2") as server:
        before = workers(server)
        os.kill(min(before), signal.SIGKILL)
        [new] = await asyncio.to_thread(newcomers, server, before)
        os.kill(new, signal.SIGSTOP)
        await asyncio.sleep(UNANSWERED_SECONDS)
        os.kill(new, signal.SIGCONT)
        await asyncio.sleep(2)
        assert workers(server) - before == {new}
        assert await asyncio.to_thread(server.stop) == 0


async def test_workers_do_not_outlive_a_supervisor_that_is_killed(seeded: Target) -> None:
    with http_server(seeded, "--no-auth", "--workers", "2") as server:
        found = [psutil.Process(pid) for pid in workers(server)]
        server.process.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, found, PATIENCE)
        assert alive == []


async def test_an_identity_may_not_ask_more_often_because_there_are_several_workers(seeded: Target) -> None:
    # One request, and the next one after hours.
    with http_server(seeded, "--no-auth", "--workers", "2", ZAVA_HTTP_RATE="0.0001") as server:
        told: list[str] = []
        for _ in range(16):
            # Each on a connection of its own, which the kernel gives to one of them.
            async with calling(server.url, modern=True) as caller:
                told.append((await caller.ask("select 41 + 1 as n"))["content"][0]["text"])
    assert "42" in told[0]
    assert [text for text in told[1:] if not text.startswith("RATE_LIMITED")] == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ZAVA_HTTP_SESSIONS": "true"}, "several workers keep no sessions"),
        ({"ZAVA_AS": "nobody at all"}, "does not stand for exactly one manager"),
    ],
)
def test_what_is_wrong_for_all_workers_is_said_once_before_any_starts(
    seeded: Target, variables: dict[str, str], said: str
) -> None:
    command = [sys.executable, "-m", "zava_cli", "serve", "--http", "--port", "0", "--no-auth", "--workers", "2"]
    done = subprocess.run(
        command, env=environment(seeded, **variables), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode != 0
    assert done.stderr.count(said) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_another_server_has_is_refused(seeded: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "zava_cli", "serve", "--http", "--port", port, "--no-auth", "--workers", "2"]
        done = subprocess.run(
            command, env=environment(seeded), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert done.returncode != 0
    assert f"Cannot listen on 127.0.0.1 port {port}" in done.stderr
