"""zava's own tokens, presented to a real endpoint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from tests.mcp_endpoint import Endpoint, endpoint
from tests.small_data import Walls
from zava_cli.data.token import add_token
from zava_cli.infra.token_text import new_token
from zava_cli.models.token import TokenRequest
from zava_cli.server.authentication.tokens import KNOWN_SECONDS
from zava_cli.services.token import revoke_token


@pytest.fixture
async def served(walls: Walls) -> AsyncIterator[Endpoint]:
    async with endpoint(walls.target) as served:
        yield served


async def a_token(walls: Walls, **more: object) -> str:
    """A token of Sam's."""
    request = TokenRequest.model_validate({"who": "Sam Seattle", **more})
    return (await add_token(walls.target, request)).text.get_secret_value()


async def test_a_token_stands_for_its_manager_with_its_scopes_and_is_itself_kept_nowhere(
    walls: Walls, served: Endpoint
) -> None:
    token = await a_token(walls, scopes=["search", "reports"], name="till")
    found = await served.who(token)
    assert found == {
        "name": "Sam Seattle", "scopes": ["search", "reports"], "client": "till", "kept": f"zava_{token[5:13]}",
    }  # fmt: skip


async def test_an_mcp_client_works_with_a_token(walls: Walls, served: Endpoint) -> None:
    transport = StreamableHttpTransport(f"{served.url}/mcp", auth=await a_token(walls))
    async with Client(transport) as client:
        assert (await client.call_tool("whoami")).data["name"] == "Sam Seattle"


async def test_a_revoked_token_is_turned_away_within_a_second(walls: Walls, served: Endpoint) -> None:
    token = await a_token(walls)
    assert (await served.ask(token)).status_code == 200
    await revoke_token(walls.target, token)
    await asyncio.sleep(KNOWN_SECONDS)
    assert (await served.ask(token)).status_code == 401


async def test_a_token_is_refused_once_it_has_expired(walls: Walls, served: Endpoint) -> None:
    token = await a_token(walls, expires="PT1S")
    assert (await served.ask(token)).status_code == 200
    await asyncio.sleep(1.1)
    assert (await served.ask(token)).status_code == 401


async def test_every_refusal_reads_the_same(walls: Walls, served: Endpoint) -> None:
    revoked = await a_token(walls)
    await revoke_token(walls.target, revoked)
    other_secret = (await a_token(walls))[:14] + revoked[14:]
    bad = [revoked, new_token(), other_secret, "zava_", "zava_x_y", "garbage", "a.b.c", "x" * 30_000]
    answers = [await served.ask(token) for token in bad]
    assert {answer.status_code for answer in answers} == {401}
    assert len({(answer.text, answer.headers["www-authenticate"]) for answer in answers}) == 1


@pytest.mark.parametrize("headers", [
    [], [("authorization", "")], [("authorization", "Basic c2FtOng=")], [("x-zava-as", "seattle")],
    [("x-forwarded-user", "sam@zava.example")], [("x-rls-user-id", "sam@zava.example")],
    [("cookie", "token=sam")], [("authorization", "Bearer proxy")], [("zava.vouched", "sam@zava.example")],
])  # fmt: skip
async def test_without_a_token_nobody_is_served_whatever_else_they_say(
    served: Endpoint, headers: list[tuple[str, str]]
) -> None:
    assert (await served.ask(headers=headers)).status_code == 401


async def test_a_token_in_the_address_or_after_another_scheme_is_not_read(walls: Walls, served: Endpoint) -> None:
    token = await a_token(walls)
    for place in (f"?access_token={token}", f"?token={token}"):
        answer = await served.client.post(f"{served.url}/mcp{place}", json={})
        assert answer.status_code == 401
    assert (await served.ask(headers=[("authorization", f"Token {token}")])).status_code == 401
    both = [("authorization", "Basic x"), ("authorization", f"Bearer {token}")]
    # Which of two is meant nobody can know.
    assert (await served.ask(headers=both)).status_code == 400


async def test_without_an_issuer_there_is_nothing_to_discover(served: Endpoint) -> None:
    refused = await served.ask()
    assert "resource_metadata" not in refused.headers["www-authenticate"]
    for path in ("", "/mcp"):
        assert (await served.client.get(f"{served.url}/.well-known/oauth-protected-resource{path}")).status_code == 404


async def test_a_database_that_is_away_is_told_apart_from_a_bad_token_without_a_word_of_why(
    walls: Walls, served: Endpoint, capfd: pytest.CaptureFixture[str]
) -> None:
    token = await a_token(walls)
    dead = "postgresql://zava_gateway:correct-horse-battery@127.0.0.1:9/zava"
    async with endpoint(walls.target, database_url=dead, admin_url=dead) as away:
        answer = await away.ask(token)
        assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
        assert (await away.ask()).status_code == 401
        assert (await away.ask("garbage")).status_code == 401
    told = capfd.readouterr()
    assert "correct-horse" not in told.out + told.err + answer.text
    assert token[14:] not in told.out + told.err


async def test_no_token_reaches_a_log_however_much_is_logged(
    walls: Walls, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good, revoked = await a_token(walls), await a_token(walls)
    await revoke_token(walls.target, revoked)
    async with endpoint(walls.target, log_level="debug") as served:
        for token in (good, revoked, new_token()):
            await served.ask(token)
            told = capfd.readouterr()
            assert token[14:] not in caplog.text + told.out + told.err


async def test_a_hundred_callers_at_once_are_all_told_apart(walls: Walls, served: Endpoint) -> None:
    people = ["Sam Seattle", "Bella Bellevue", "Tom Tacoma", "Rita Region", "Hedda Office"]
    tokens = {name: await a_token(walls, who=name) for name in people}
    asked = people * 20
    found = await asyncio.gather(*(served.who(tokens[name]) for name in asked))
    assert [answer["name"] for answer in found] == asked
