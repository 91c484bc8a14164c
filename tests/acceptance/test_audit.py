"""The audit log as people meet it: commands and servers leave their records, whatever happens to either."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.audit_log import awaited, records, run
from tests.command_line import CommandLine
from tests.conftest import new_profile, root, settings_for
from tests.http_serving import MODES, calling, http_server
from tests.small_data import fill
from tests.stdio_serving import BUSY, SLOW, greet, question, serving, until
from zava_cli.data.admin import admin_connection
from zava_cli.data.audit_backlog import Backlog
from zava_cli.data.embedded import SUPERUSER, EmbeddedServer
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings

SECRET = "correct-horse-battery"
SECONDS = 1.0
"""What a process that is killed may lose."""


async def test_every_command_that_touches_data_leaves_exactly_one_record(shop: Target) -> None:
    zava = CommandLine(shop, "seattle")
    await run(zava, "query", "select name from stores where name = $name", "-p", f"name={SECRET}", "--json")
    await run(zava, "query", "select count(*) from stores")
    await run(zava, "query", "drop table orders")
    await run(zava, "search", "hammer", "--mode", "keyword")
    await run(zava, "store", "seattle")
    await run(zava, "whoami")
    await run(zava, "health")
    await run(zava, "query", "select 1", "--as", "nobody")
    await run(zava, "db", "migrate")
    await run(zava, "embed", "status")
    found = await records(shop)
    assert [(row["operation"], row["way"], row["who"], row["outcome"], row["row_count"]) for row in found] == [
        ("query", "terminal", "seattle", "ok", 0), ("query", "terminal", "seattle", "ok", 1),
        ("query", "terminal", "seattle", "refused", None), ("search", "terminal", "seattle", "ok", 5),
        ("store", "terminal", "seattle", "ok", None), ("whoami", "terminal", "seattle", "ok", None),
        ("health", "terminal", "seattle", "ok", None), ("query", "terminal", "nobody", "unauthorized", None),
        ("db migrate", "administrator", "seattle", "ok", None),
        ("embed status", "administrator", "seattle", "ok", None),
    ]  # fmt: skip
    assert found[0]["parameters"] == ["name"]
    assert SECRET not in str(found)
    assert {row["written_by"] for row in found[:8]} == {shop.roles.gateway}
    assert {row["written_by"] for row in found[8:]} == {SUPERUSER}
    assert [row["role"] for row in found[-3:]] == [None, "administrator", "administrator"]


def test_a_command_that_touches_no_data_leaves_no_record_and_starts_no_server(tmp_path: Path) -> None:
    zava = CommandLine(who="seattle", folder=tmp_path)
    folder = str(tmp_path / "data")
    for arguments in (["config", "show"], ["db", "status"], ["mcp-config", "claude-code"], ["--help"], ["db", "url"]):
        assert zava(*arguments, ZAVA_DATA_DIR=folder).code == 0
    assert not Path(folder).exists()


async def test_a_profile_without_a_database_gets_its_own_error_and_no_other(shop: Target) -> None:
    zava = CommandLine(Target(settings_for(new_profile())), "seattle")
    done = await asyncio.to_thread(zava, "query", "select 1")
    assert (done.code, len(done.err.splitlines())) == (2, 2)
    assert "does not exist" in done.err
    assert await run(zava, "db", "migrate") == 0
    found = await records(zava.target or shop)
    assert [(row["operation"], row["outcome"]) for row in found] == [("query", "unavailable"), ("db migrate", "ok")]


async def test_the_answer_is_out_before_the_record_is_written(shop: Target) -> None:
    zava = CommandLine(shop, "seattle")
    async with admin_connection(shop) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{shop.roles.security}"')
        await connection.execute("LOCK TABLE audit.operations")
        process = zava.start("query", "select count(*) from orders", "--csv")
        assert process.stdout is not None
        answer = [await asyncio.to_thread(process.stdout.readline) for _ in range(2)]
        assert answer == ["count\n", "7\n"]
        assert process.poll() is None, "it waits for its record only now"
    assert await asyncio.to_thread(process.wait, 30) == 0
    process.communicate()
    assert len(await records(shop)) == 1


async def test_a_log_that_stays_locked_keeps_nobody_for_long_and_loses_nothing(shop: Target) -> None:
    zava = CommandLine(shop, "seattle")
    async with admin_connection(shop) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{shop.roles.security}"')
        await connection.execute("LOCK TABLE audit.operations")
        done = await asyncio.to_thread(zava, "query", "select 1")
        assert (done.code, done.err) == (0, "")
        assert Backlog(shop).waits()
    await run(zava, "whoami")
    assert [row["operation"] for row in await records(shop)] == ["query", "whoami"]


async def test_several_processes_at_once_leave_one_record_each(shop: Target) -> None:
    zava = CommandLine(shop, "seattle")
    codes = await asyncio.gather(*(run(zava, "query", f"select {number}") for number in range(6)))
    assert codes == [0] * 6
    assert sorted(row["sql"] for row in await records(shop)) == [f"select {number}" for number in range(6)]


async def test_a_command_that_is_interrupted_leaves_a_record(shop: Target) -> None:
    zava = CommandLine(shop, "seattle")
    process = zava.start("query", SLOW)
    await until(shop, 1, BUSY)
    process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(process.wait, 30) == 130
    process.communicate()
    [found] = await records(shop)
    assert (found["outcome"], found["operation"]) == ("cancelled", "query")


async def test_a_server_that_is_killed_loses_at_most_its_last_second(shop: Target) -> None:
    answered: dict[int, float] = {}
    with serving(shop) as served:
        await greet(served)
        started = time.monotonic()
        while time.monotonic() - started < 3:
            number = len(answered) + 2
            served.say(question(number, f"select {number}"))
            await served.hear()
            answered[number] = time.monotonic()
        os.kill(served.process.pid, signal.SIGKILL)
        killed = time.monotonic()
        await served.code()
    # What waits in a file is not lost: the next command brings it.
    await run(CommandLine(shop, "seattle"), "whoami")
    kept = {row["sql"] for row in await records(shop, "operation = 'query'")}
    assert [number for number, at in answered.items() if killed - at > SECONDS and f"select {number}" not in kept] == []
    assert len(answered) > 20


async def test_a_server_that_is_asked_to_end_leaves_everything_written(shop: Target) -> None:
    with serving(shop) as served:
        await greet(served)
        for number in range(2, 12):
            served.say(question(number, f"select {number}"))
            await served.hear()
        served.process.send_signal(signal.SIGTERM)
        assert (await served.end())[0] == 0
    found = await records(shop)
    assert [row["operation"] for row in found] == ["serve"] + ["query"] * 10
    assert {(row["way"], row["client"]) for row in found[1:]} == {("mcp-stdio", "test 1")}


@pytest.mark.parametrize("mode", MODES)
async def test_over_http_every_call_leaves_one_record_also_when_its_caller_leaves(shop: Target, mode: str) -> None:
    with http_server(shop, "--no-auth", **MODES[mode]) as server:
        for modern in (False, True):
            async with calling(server.url, modern=modern) as caller:
                assert not (await caller.ask(f"select {int(modern)}"))["isError"]
                leaving = asyncio.create_task(caller.ask(SLOW))
                await until(shop, 1, BUSY)
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
                await until(shop, 0, BUSY)
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{server.root}/health")).status_code == 200
        assert await asyncio.to_thread(server.stop) == 0
    found = await records(shop, "operation <> 'serve'")
    assert [(row["operation"], row["outcome"], row["sql"]) for row in found] == [
        ("query", "ok", "select 0"), ("query", "cancelled", SLOW),
        ("query", "ok", "select 1"), ("query", "cancelled", SLOW), ("health", "ok", None),
    ]  # fmt: skip
    assert {(row["way"], row["who"]) for row in found} == {("mcp-http", "seattle")}
    assert all("127.0.0.1" in row["client"] for row in found)


async def test_a_token_is_recorded_as_its_manager_and_never_itself(shop: Target) -> None:
    made = await asyncio.to_thread(CommandLine(shop, "tacoma"), "token", "create", "--scope", "sql")
    token = made.out.strip()
    with http_server(shop) as server:
        async with calling(server.url, modern=True, token=token) as caller:
            assert not (await caller.ask("select 1"))["isError"]
        assert await asyncio.to_thread(server.stop) == 0
    await run(CommandLine(shop), "token", "revoke", token[:12])
    found = await records(shop)
    assert [row["operation"] for row in found] == ["token create", "serve", "query", "token revoke"]
    asked = found[2]
    assert (asked["way"], asked["who"], asked["role"]) == ("mcp-http", str(asked["manager_id"]), "store_manager")
    shown = await asyncio.to_thread(CommandLine(shop), "audit", "--who", "tom tacoma", "--format", "json")
    assert [row["manager"] for row in json.loads(shown.out)] == ["Tom Tacoma"]
    assert token not in f"{found}{shown.out}"


async def test_an_identity_that_asks_too_often_is_recorded_as_such(shop: Target) -> None:
    with http_server(shop, "--no-auth", ZAVA_HTTP_RATE="1") as server:
        async with calling(server.url, modern=True) as caller:
            errors = [(await caller.ask("select 1"))["isError"] for _ in range(12)]
        assert await asyncio.to_thread(server.stop) == 0
    found = await records(shop, "operation = 'query'")
    assert [row["outcome"] for row in found] == ["limited" if error else "ok" for error in errors]
    assert any(errors)


async def test_a_server_that_nobody_may_use_leaves_a_record_of_who_tried(shop: Target) -> None:
    assert await run(CommandLine(shop), "serve", "--as", "mallory") == 1
    [found] = await records(shop)
    assert (found["operation"], found["who"], found["outcome"]) == ("serve", "mallory", "unauthorized")


@pytest.fixture
async def remote() -> AsyncIterator[Target]:
    """A database on a server of the test's own, which zava reaches by URL and therefore never starts."""
    folder = root() / new_profile()
    server = EmbeddedServer(folder, 18)
    await asyncio.to_thread(server.start)
    connection = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    await connection.execute("CREATE DATABASE zava")
    await connection.close()
    target = Target(
        Settings.model_validate(
            {
                "profile": new_profile(), "data_dir": folder, "database_url": server.dsn("zava_gateway", "zava"),
                "admin_url": server.dsn(SUPERUSER, "zava"),
            }
        )
    )  # fmt: skip
    await migrate(target)
    await fill(target)
    yield target
    await asyncio.to_thread(server.stop)


async def test_what_happens_while_the_database_is_away_is_in_the_log_once_it_is_back(remote: Target) -> None:
    settings = remote.settings
    assert settings.database_url is not None and settings.admin_url is not None
    server = EmbeddedServer(settings.data_dir, 18)
    urls = {"ZAVA_DATABASE_URL": settings.database_url.get_secret_value(), "ZAVA_CONNECT_TIMEOUT": "2"}
    zava = CommandLine(remote, "seattle")
    with serving(remote, **urls) as served:
        await greet(served)
        served.say(question(2, "select 2"))
        await served.hear()
        await awaited(remote, 1)
        await asyncio.to_thread(server.stop)
        for number in range(3, 8):
            served.say(question(number, f"select {number}"))
            assert (await served.hear())["result"]["isError"]
        away = await asyncio.gather(
            *(run(zava, "query", f"select {n}", ZAVA_DATA_DIR=str(settings.data_dir), **urls) for n in range(8, 11))
        )
        assert away == [3, 3, 3]
        await asyncio.to_thread(server.start)
        served.say(question(11, "select 11"))
        assert not (await served.hear())["result"]["isError"]
        found = await awaited(remote, 10)
        served.process.send_signal(signal.SIGTERM)
        await served.end()
    assert len(found) == 10
    mcp = [(row["sql"], row["outcome"]) for row in found if row["way"] == "mcp-stdio"]
    assert mcp == [("select 2", "ok"), *((f"select {n}", "unavailable") for n in range(3, 8)), ("select 11", "ok")]
    assert not Backlog(remote).waits()
    assert len({row["record_id"] for row in await records(remote)}) == 11
