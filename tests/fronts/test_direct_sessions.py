"""Sessions in which plain calls are answered past the SDK: it still opens, checks and ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from tests.audit_log import awaited
from tests.direct_calls import QUERY, SPOKEN, TO_THE_SDK, Sent, Served, Spoken, open_session, served
from tests.http_serving import ACCEPT, HANDSHAKE, MODERN
from tests.stdio_serving import BUSY, INITIALIZE, PATIENCE, SLOW, until
from zava_cli.data.target import Target
from zava_cli.server.http import called_sessions
from zava_cli.server.http.app import MCP_PATH

SESSIONS = Spoken(HANDSHAKE, sessions=True)
SLOW_QUERY = {"name": "execute_sales_query", "arguments": {"postgresql_query": SLOW}}


async def notify(to: Served, method: str, more: Sequence[tuple[str, str]] = (), **params: Any) -> httpx2.Response:
    sent = Sent(SESSIONS, name="")
    sent.message, sent.more = {"jsonrpc": "2.0", "method": method, "params": params}, [*more]
    return await sent.to(to.client)


@pytest.mark.parametrize("number", [7, "7", "seven"])
async def test_a_cancelled_call_ends_as_the_sdk_ends_it(
    target: Target, number: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        answers: list[Any] = []
        for more in ([], TO_THE_SDK):
            sent = Sent(SESSIONS, **SLOW_QUERY)
            sent.message["id"], sent.more = number, more
            call = asyncio.create_task(sent.to(to.client))
            await until(target, 1, BUSY)
            assert (await notify(to, "notifications/cancelled", requestId="8")).status_code == 202
            assert (await notify(to, "notifications/progress", requestId=number)).status_code == 202
            assert not call.done()
            assert (await notify(to, "notifications/cancelled", requestId=number)).status_code == 202
            answers.append(await call)
            await until(target, 0, BUSY)
        assert to.direct == ["execute_sales_query"]
        assert answers[0].json() == answers[1].json()
        assert answers[0].headers == answers[1].headers


async def test_a_call_is_cancelled_however_oddly_its_client_says_so(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        call = asyncio.create_task(Sent(SESSIONS, **SLOW_QUERY).to(to.client))
        await until(target, 1, BUSY)
        cancelled = await notify(to, "notifications/cancelled", TO_THE_SDK, requestId="a")
        assert cancelled.status_code == 202
        assert "error" in (await call).json()
        assert to.direct == ["execute_sales_query"]


async def test_an_id_that_is_taken_is_left_to_the_sdk(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        call = asyncio.create_task(Sent(SESSIONS, **SLOW_QUERY).to(to.client))
        await until(target, 1, BUSY)
        assert (await Sent(SESSIONS, **QUERY).to(to.client)).status_code == 200
        assert to.direct == ["execute_sales_query"]
        call.cancel()


@pytest.mark.parametrize("more", [[], TO_THE_SDK], ids=["plainly", "oddly"])
async def test_a_session_ends_with_its_calls_however_its_client_gives_it_up(
    target: Target, more: Sequence[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        call = asyncio.create_task(Sent(SESSIONS, **SLOW_QUERY).to(to.client))
        await until(target, 1, BUSY)
        headers = [*Sent(SESSIONS, **QUERY).headers.items(), *more]
        assert (await to.client.delete(MCP_PATH, headers=headers)).status_code == 200
        assert "error" in (await call).json()
        await until(target, 0, BUSY)
        assert (await Sent(SESSIONS, **QUERY).to(to.client)).status_code == 404
        assert to.direct == ["execute_sales_query"]


async def test_a_session_that_is_given_up_in_its_first_call_leaves_nothing(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        tasks = len(asyncio.all_tasks())
        answer = await to.client.post(MCP_PATH, json={"jsonrpc": "2.0", **INITIALIZE}, headers={"accept": ACCEPT})
        to.client.headers["mcp-session-id"] = answer.headers["mcp-session-id"]
        call = asyncio.create_task(Sent(SESSIONS, **SLOW_QUERY).to(to.client))
        await until(target, 1, BUSY)
        assert (await to.client.delete(MCP_PATH, headers=Sent(SESSIONS, **QUERY).headers)).status_code == 200
        await call
        await until(target, 0, BUSY)
        assert (await Sent(SESSIONS, **QUERY).to(to.client)).status_code == 404
        assert not to.direct
        async with asyncio.timeout(PATIENCE):
            while len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_the_sdk_is_asked_again_after_a_while(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        monkeypatch.setattr(called_sessions, "BELIEVED_SECONDS", 0.0)
        assert (await Sent(SESSIONS, **QUERY).to(to.client)).status_code == 200
        assert not to.direct


async def test_no_call_of_the_newest_version_makes_a_session(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        to.client.headers["mcp-session-id"] = "made-up"
        for more in ([], TO_THE_SDK):
            sent = Sent(Spoken(MODERN), **QUERY)
            sent.more = more
            assert (await sent.to(to.client)).status_code == 200
        assert (await Sent(SESSIONS, **QUERY).to(to.client)).status_code == 404


async def test_the_version_that_was_agreed_upon_counts(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(target, SESSIONS, monkeypatch) as to:
        await open_session(to.client, Spoken("2024-11-05"))
        first, other = await to.both(Sent(SESSIONS, name="get_store_performance", arguments={"store_id": "x"}))
        assert first.json() == other.json()


async def test_a_session_that_shakes_hands_again_speaks_as_it_then_agreed(
    seeded_copy: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(seeded_copy, SESSIONS, monkeypatch) as to:
        await Sent(SESSIONS, name="get_table_schemas").to(to.client)
        await open_session(to.client, Spoken("2024-11-05"), program="other")
        first, other = await to.both(Sent(SESSIONS, name="get_store_performance", arguments={"store_id": "x"}))
        assert first.json() == other.json()
        await Sent(SESSIONS, name="get_table_schemas").to(to.client)
        assert to.direct == ["get_table_schemas", "get_store_performance", "get_table_schemas"]
        programs = [row["client"] for row in await awaited(seeded_copy, 2, "operation = 'schema'")]
    assert ["other 1" in program for program in programs] == [False, True]


@pytest.mark.parametrize("spoken", [SPOKEN[0], Spoken(HANDSHAKE), SESSIONS], ids=str)
async def test_the_audit_log_knows_the_same_of_both_ways(
    seeded_copy: Target, spoken: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(seeded_copy, spoken, monkeypatch) as to:
        await to.both(Sent(spoken, name="get_table_schemas"))
        first, other = await awaited(seeded_copy, 2, "operation = 'schema'")
    same = ("way", "who", "manager_id", "role", "client", "outcome", "sql", "parameters", "row_count")
    assert {name: first[name] for name in same} == {name: other[name] for name in same}
    assert ("test 1" in first["client"]) == (spoken != Spoken(HANDSHAKE))
