"""`zava serve --http` when managers' queries keep every connection."""

from __future__ import annotations

import asyncio

import httpx2

from tests.http_serving import Caller, calling, http_server, message
from tests.stdio_serving import BUSY, SLOW, until
from zava_cli.data.target import Target

ONE_EACH = {"ZAVA_POOL_MAX": "2", "ZAVA_POOL_WAIT": "0.5", "ZAVA_HTTP_RATE": "10000"}


async def ready(root: str) -> int:
    """The status of the readiness check."""
    async with httpx2.AsyncClient(timeout=30) as client:
        return (await client.get(f"{root}/health/ready")).status_code


async def test_who_waits_too_long_is_told_when_to_come_again_and_health_answers_meanwhile(seeded: Target) -> None:
    with http_server(seeded, "--no-auth", **ONE_EACH) as server:
        async with calling(server.url, modern=True) as caller:
            slow = asyncio.create_task(caller.ask(SLOW))
            await until(seeded, 1, BUSY)
            others = [asyncio.create_task(_error(caller)) for _ in range(20)]
            assert await ready(server.root) == 200
            for error in await asyncio.gather(*others):
                assert error["code"] == "DATABASE_BUSY"
                assert (error["retryable"], error["retry_after"]) == (True, 1.0)
                assert "everybody's" in str(error["message"])
            slow.cancel()


async def _error(caller: Caller) -> dict[str, object]:
    answer = await caller.send("tools/call", name="execute_sales_query", arguments={"postgresql_query": "select 1"})
    result = message(answer)["result"]
    assert result["isError"], answer.text
    assert answer.headers["retry-after"] == "1"
    return result["structuredContent"]["error"]
