"""How often one identity may ask `zava serve --http`, and what it is told when it asks too often."""

from __future__ import annotations

import asyncio

import pytest

from tests.http_serving import MODES, calling, http_server, message
from zava_cli.data.target import Target


async def test_one_identity_may_only_ask_so_often(seeded: Target) -> None:
    with http_server(seeded, "--no-auth", ZAVA_HTTP_RATE="2") as server:
        async with calling(server.url, modern=True) as caller:
            answers = [await caller.ask("select 1") for _ in range(20)]
            refused = [a["content"][0]["text"] for a in answers if a["isError"]]
            assert 5 <= len(refused) < 20
            assert all(text.startswith("RATE_LIMITED") for text in refused)
            await asyncio.sleep(1.5)
            assert not (await caller.ask("select 1"))["isError"]


@pytest.mark.parametrize("mode", MODES)
async def test_who_asks_too_often_is_told_how_long_to_wait(seeded: Target, mode: str) -> None:
    with http_server(seeded, "--no-auth", ZAVA_HTTP_RATE="0.3", **MODES[mode]) as server:
        async with calling(server.url) as old, calling(server.url, modern=True) as new:
            for caller in (old, new):
                answers = [await caller.send(method) for method in ("resources/list", "tools/list", "ping")]
                data = message(answers[-1])["error"]["data"]
                assert data == {"code": "RATE_LIMITED", "retryable": True, "retry_after": 4}
                # A stream has begun before anybody knows.
                if caller is new or "streams" not in mode:
                    assert (answers[-1].status_code, answers[-1].headers["retry-after"]) == (429, "4")
            refused = await new.ask("select 1")
    assert refused["structuredContent"]["error"]["retry_after"] == 4
