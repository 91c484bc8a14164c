"""Callers of `zava serve --http`: each sees what is theirs, in every mode, whichever way they prove who they are."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from tests.command_line import CommandLine
from tests.http_serving import (
    ACCEPT,
    HANDSHAKE,
    MODERN,
    MODES,
    PATIENCE,
    Caller,
    HttpServer,
    calling,
    http_server,
    message,
)
from tests.issuer import AUDIENCE, running_issuer
from tests.stdio_serving import INITIALIZE
from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target
from zava_cli.server.authentication.tokens import KNOWN_SECONDS
from zava_cli.services.token import revoke_token

STORES = "select name from stores order by name"


def a_token(target: Target, who: str, *arguments: str) -> str:
    """A token as the administrator's command line prints it."""
    done = CommandLine(target, who=who)("token", "create", *arguments)
    assert done.code == 0, done.err
    return done.out.strip()


async def email_of(target: Target, store: str) -> str:
    """E-mail of a store's manager."""
    async with admin_connection(target) as connection:
        return await connection.fetchval(
            "SELECT m.email FROM retail.managers m JOIN retail.stores s USING (manager_id) WHERE s.name = $1", store
        )


async def stores_of(server: HttpServer, token: str | None = None, **headers: str) -> list[str]:
    """The stores that a caller sees."""
    async with calling(server.url, token=token) as caller:
        caller.headers |= headers
        result = await caller.ask(STORES)
        return [row[0] for row in json.loads(result["content"][0]["text"])["rows"]]


@pytest.mark.parametrize("mode", MODES)
async def test_each_token_sees_its_own_store_also_when_all_ask_at_once(target: Target, mode: str) -> None:
    seattle, bellevue = a_token(target, "seattle"), a_token(target, "bellevue")
    with http_server(target, **MODES[mode]) as server:
        asked = [seattle, bellevue] * 8
        found = await asyncio.gather(*(stores_of(server, token) for token in asked))
    assert found == [["Zava Retail Seattle"], ["Zava Retail Bellevue"]] * 8


async def test_a_token_opens_the_tools_of_its_scopes_only(target: Target) -> None:
    token = a_token(target, "seattle", "--scope", "reports")
    with http_server(target) as server:
        async with Client(StreamableHttpTransport(server.url, auth=token)) as client:
            offered = {tool.name for tool in await client.list_tools()}
            assert "get_store_performance" in offered
            assert not offered & {"execute_sales_query", "search_products", "seed_database", "embed_products"}
            answer = await client.call_tool("execute_sales_query", {"postgresql_query": STORES}, raise_on_error=False)
            assert answer.is_error and "Seattle" not in str(answer)


async def test_a_revoked_token_reads_nothing_more_and_soon_ends_its_session_too(target: Target) -> None:
    token = a_token(target, "seattle")
    calls = [("execute_sales_query", {"postgresql_query": STORES}), ("get_table_schemas", {})]
    with http_server(target) as server:
        async with calling(server.url, token=token) as caller:
            for _ in range(2):
                answers = [await caller.send("tools/call", name=name, arguments=given) for name, given in calls]
            assert "age_seconds" in answers[0].text
            await revoke_token(target, token)
            for name, given in calls:
                refused = await caller.send("tools/call", name=name, arguments=given)
                # A slow machine may be past the second in which the server still knows the token.
                assert refused.status_code == 401 or message(refused)["result"]["isError"]
                assert "Seattle" not in refused.text and "retail" not in refused.text
            await asyncio.sleep(KNOWN_SECONDS)
            assert (await caller.send("tools/list")).status_code == 401


async def test_a_session_cannot_be_taken_over_with_another_token(target: Target) -> None:
    seattle, bellevue = a_token(target, "seattle", "--name", "till"), a_token(target, "bellevue", "--name", "till")
    with http_server(target) as server:
        async with calling(server.url, token=seattle) as caller:
            assert "mcp-session-id" in caller.headers
            for _ in range(2):
                await caller.ask(STORES)
            caller.headers["authorization"] = f"Bearer {bellevue}"
            for _ in range(2):
                assert (await caller.send("tools/list")).status_code in {403, 404}
                with pytest.raises(KeyError, match="not found"):
                    await caller.ask(STORES)
            del caller.headers["authorization"]
            assert (await caller.send("tools/list")).status_code == 401


async def test_an_issuers_token_is_good_for_its_manager(target: Target) -> None:
    with running_issuer() as issuer:
        trust = {"ZAVA_OIDC_ISSUER": issuer.url, "ZAVA_OIDC_AUDIENCE": AUDIENCE}
        with http_server(target, **trust, ZAVA_HTTP_PUBLIC_URL="https://zava.example") as server:
            bellevue = await email_of(target, "Zava Retail Bellevue")
            good = issuer.token(email=bellevue, scope="zava:sql")
            assert await stores_of(server, good) == ["Zava Retail Bellevue"]
            # Both kinds side by side.
            assert await stores_of(server, a_token(target, "seattle")) == ["Zava Retail Seattle"]
            async with httpx2.AsyncClient() as client:
                answer = await client.get(f"{server.root}/.well-known/oauth-protected-resource/mcp")
                assert answer.json()["resource"] == "https://zava.example/mcp"
                for bad in (issuer.token(email=bellevue, exp=1), issuer.token(email="Zava Retail Bellevue")):
                    assert (await _initialize(client, server, bad)).status_code == 401


@pytest.mark.parametrize("listed", [True, False])
async def test_an_identity_header_counts_from_a_listed_proxy_alone(target: Target, listed: bool) -> None:
    trust = {
        "ZAVA_HTTP_IDENTITY_HEADER": "X-Forwarded-Email",
        "ZAVA_HTTP_TRUSTED_PROXIES": "127.0.0.1" if listed else "192.0.2.1",
        "FORWARDED_ALLOW_IPS": "*",
    }
    bellevue = await email_of(target, "Zava Retail Bellevue")
    with http_server(target, **trust) as server:
        async with httpx2.AsyncClient() as client:
            for further in ({}, {"x-forwarded-for": "192.0.2.1"}, {"forwarded": "for=192.0.2.1"}):
                answer = await _initialize(client, server, None, **{"x-forwarded-email": bellevue}, **further)
                assert answer.status_code == (200 if listed else 401)
                assert (await _initialize(client, server, None, **{"x-forwarded-email": "x"})).status_code == 401


async def test_each_call_is_of_the_one_whom_a_proxy_names_for_it(target: Target) -> None:
    trust = {"ZAVA_HTTP_IDENTITY_HEADER": "X-Forwarded-Email", "ZAVA_HTTP_TRUSTED_PROXIES": "127.0.0.1"}
    name, names = "x-forwarded-email", ["Zava Retail Bellevue", "Zava Retail Seattle"]
    bellevue, seattle = [await email_of(target, store) for store in names]
    with http_server(target, **trust) as server:
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            headers = {"accept": ACCEPT, "mcp-protocol-version": MODERN}
            caller = Caller(client, server.url, headers, modern=True)
            for store, email in zip(names * 2, [bellevue, seattle] * 2, strict=True):
                caller.headers[name] = email
                assert store in str(await caller.ask(STORES))
            opened = await _initialize(client, server, None, **{name: bellevue})
            caller.headers = {"accept": ACCEPT, "mcp-session-id": opened.headers["mcp-session-id"], name: bellevue}
            caller.modern = False
            for _ in range(2):
                assert names[0] in str(await caller.ask(STORES))
            caller.headers[name] = seattle
            with pytest.raises(KeyError, match="not found"):
                await caller.ask(STORES)


async def test_nothing_that_a_server_says_or_logs_holds_a_token(target: Target, tmp_path: Path) -> None:
    log, token = tmp_path / "zava.log", a_token(target, "seattle")
    with running_issuer() as issuer:
        trust = {"ZAVA_OIDC_ISSUER": issuer.url, "ZAVA_OIDC_AUDIENCE": AUDIENCE}
        jwt = issuer.token(email=await email_of(target, "Zava Retail Bellevue"), scope="zava:sql")
        with http_server(target, "--log-level", "debug", "--log-file", str(log), **trust) as server:
            await stores_of(server, token)
            await stores_of(server, jwt)
            async with httpx2.AsyncClient() as client:
                await _initialize(client, server, token[:-1])
                await _initialize(client, server, jwt[:-5])
            server.process.terminate()
            assert server.process.stderr is not None
            said = "".join(server.said) + server.process.stderr.read()
    told = said + log.read_text()
    assert '"operation": "query"' in told
    for secret in (
        token[14:-6],
        jwt[:40],
        jwt.split(".")[1],
        jwt.split(".")[2][:40],
        target.master_keys().by_version()[1].hex(),
    ):
        assert secret not in told


async def _initialize(
    client: httpx2.AsyncClient, server: HttpServer, token: str | None, **headers: str
) -> httpx2.Response:
    """A client's first request."""
    given = {"accept": ACCEPT, "mcp-protocol-version": HANDSHAKE, **headers}
    given |= {} if token is None else {"authorization": f"Bearer {token}"}
    return await client.post(server.url, json={"jsonrpc": "2.0", **INITIALIZE}, headers=given)
