"""Requests that `zava serve --http` turns away are in the audit log too, without what they tried to get in with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.acceptance.test_http_callers import a_token
from tests.acceptance.test_stdio import INITIALIZE
from tests.audit_log import awaited, records
from tests.command_line import CommandLine
from tests.http_serving import ACCEPT, http_server
from zava_cli.data.target import Target
from zava_cli.server.http.refusals import MOST_AT_ONCE, MOST_PER_SECOND

TURNED_AWAY = "operation = 'authenticate'"
PROXY = {"ZAVA_HTTP_IDENTITY_HEADER": "X-Forwarded-Email", "ZAVA_HTTP_TRUSTED_PROXIES": "127.0.0.1"}


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """Sends what it is told to."""
    async with httpx2.AsyncClient(headers={"accept": ACCEPT}, timeout=30) as client:
        yield client


async def first_request(client: httpx2.AsyncClient, url: str, **headers: str) -> int:
    """Status of the answer to a client that wants to begin."""
    answer = await client.post(url, json={"jsonrpc": "2.0", **INITIALIZE}, headers=headers)
    return answer.status_code


async def test_whoever_is_turned_away_leaves_a_record_without_the_token(
    seeded_copy: Target, client: httpx2.AsyncClient
) -> None:
    revoked = a_token(seeded_copy, "seattle")
    assert CommandLine(seeded_copy)("token", "revoke", revoked[5:13]).code == 0
    garbage = "correct-horse-battery"
    with http_server(seeded_copy, **PROXY) as server:
        for headers in (
            {}, {"authorization": f"Bearer {revoked}"}, {"authorization": f"Bearer {garbage}"},
            {"authorization": f"Basic {garbage}"}, {"x-forwarded-email": "mallory@zava.example"},
        ):  # fmt: skip
            assert await first_request(client, server.url, **headers) == 401
        assert (await client.get(f"{server.root}/health")).status_code == 401
        assert (await client.get(f"{server.root}/health/live")).status_code == 200
        found = await awaited(seeded_copy, 6, TURNED_AWAY)
    assert [(row["who"], row["refused"]) for row in found] == [
        (None, "no token"), (f"token {revoked[5:13]}", "token that opens nothing"), (None, "token that opens nothing"),
        (None, "no token"), ("mallory@zava.example", "no manager of that name"), (None, "no token"),
    ]  # fmt: skip
    assert {(row["way"], row["outcome"], row["error_code"], row["client"], row["manager_id"]) for row in found} == {
        ("mcp-http", "unauthorized", "AUTHORIZATION_ERROR", "127.0.0.1", None)
    }
    written = str([dict(row) for row in await records(seeded_copy)])
    assert garbage not in written and revoked[14:] not in written


async def test_whoever_is_turned_away_reads_the_way_in_and_not_which_tokens_exist(
    seeded_copy: Target, client: httpx2.AsyncClient
) -> None:
    revoked = a_token(seeded_copy, "seattle")
    assert CommandLine(seeded_copy)("token", "revoke", revoked[5:13]).code == 0
    issuer = {
        "ZAVA_OIDC_ISSUER": "https://issuer.example", "ZAVA_OIDC_AUDIENCE": "zava",
        "ZAVA_HTTP_PUBLIC_URL": "https://zava.example",
    }  # fmt: skip

    async def told(url: str, **headers: str) -> tuple[str, str]:
        answer = await client.post(url, json={}, headers=headers)
        assert answer.status_code == 401 and answer.json()["error"] == "invalid_token"
        return answer.json()["error_description"], answer.headers["www-authenticate"]

    with http_server(seeded_copy, **PROXY) as server:
        description, challenge = await told(server.url)
        assert "Authorization: Bearer" in description and "zava token create" in description
        assert challenge == "Bearer"
        bad = [await told(server.url, authorization=f"Bearer {token}") for token in (revoked, revoked + "x", "x")]
        assert len(set(bad)) == 1 and "may have expired" in bad[0][0]
        assert bad[0][1] == f'Bearer error="invalid_token", error_description="{bad[0][0]}"'
        assert "proxy names nobody" in (await told(server.url, **{"x-forwarded-email": "mallory@zava.example"}))[0]
        assert (await client.get(f"{server.root}/health")).json() == {"status": "a token is needed"}
    with http_server(seeded_copy, **issuer) as server:
        description, challenge = await told(server.url)
        assert "Sign in at the issuer" in description and "resource_metadata=" in challenge


async def test_a_flood_of_bad_tokens_does_not_fill_the_log_and_the_log_says_so(
    seeded_copy: Target, client: httpx2.AsyncClient
) -> None:
    sent = MOST_AT_ONCE * 4
    with http_server(seeded_copy) as server:
        for _ in range(sent // 20):
            asked = [first_request(client, server.url, authorization="Bearer no") for _ in range(20)]
            assert set(await asyncio.gather(*asked)) == {401}
        await asyncio.sleep(2 / MOST_PER_SECOND)
        assert await first_request(client, server.url) == 401
        await awaited(seeded_copy, 1, f"{TURNED_AWAY} AND refused LIKE 'no token%'")
    found = await records(seeded_copy, TURNED_AWAY)
    left_out = [int(row["refused"].split()[-6]) for row in found if "not recorded" in row["refused"]]
    assert MOST_AT_ONCE <= len(found) < sent
    assert sum(left_out) + len(found) == sent + 1
