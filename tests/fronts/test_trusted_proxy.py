"""An identity header: believed from a listed proxy, absent for everybody else."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from tests.mcp_endpoint import endpoint
from tests.small_data import Walls
from zava_cli.data.token import add_token
from zava_cli.infra.errors import ConfigurationError
from zava_cli.models.token import TokenRequest
from zava_cli.server.authentication.proxy import PLACEHOLDER, VOUCHED, TrustedProxy

HEADER = "X-Forwarded-Email"
HERE = {"http_identity_header": HEADER, "http_trusted_proxies": "192.0.2.0/24, 127.0.0.1"}
ELSEWHERE = {"http_identity_header": HEADER, "http_trusted_proxies": "192.0.2.0/24,2001:db8::/32"}


async def a_token(walls: Walls, who: str) -> str:
    made = await add_token(walls.target, TokenRequest.model_validate({"who": who, "scopes": ["sql"]}))
    return made.text.get_secret_value()


async def test_whom_a_listed_proxy_names_is_served_with_the_configured_scopes(walls: Walls) -> None:
    [row] = await walls.as_superuser("SELECT manager_id::text FROM retail.managers WHERE name = 'Tom Tacoma'")
    async with endpoint(walls.target, **HERE, http_identity_scopes="search") as served:
        found = await served.who(headers=[(HEADER, "sam@zava.example")])
        assert (found["name"], found["scopes"], found["client"]) == ("Sam Seattle", ["search"], "sam@zava.example")
        for name, value in ((HEADER.upper(), row[0]), (HEADER.lower(), "TOM@zava.example")):
            assert (await served.who(headers=[(name, value)]))["name"] == "Tom Tacoma"


async def test_the_proxys_word_counts_more_than_a_token_that_comes_with_it(walls: Walls) -> None:
    token = await a_token(walls, "Tom Tacoma")
    async with endpoint(walls.target, **HERE) as served:
        assert (await served.who(token, [(HEADER, "sam@zava.example")]))["name"] == "Sam Seattle"
        assert (await served.who("garbage", [(HEADER, "sam@zava.example")]))["name"] == "Sam Seattle"
        assert (await served.ask(token, [(HEADER, "stranger@zava.example")])).status_code == 401
        # Without the header a token stands for itself.
        assert (await served.who(token))["name"] == "Tom Tacoma"


@pytest.mark.parametrize("headers", [
    [], [(HEADER, "")], [(HEADER, "sam@zava.example"), (HEADER, "hedda@zava.example")],
    [(HEADER, "sam@zava.example"), (HEADER.lower(), "sam@zava.example")],
    [(HEADER, "sam@zava.example, hedda@zava.example")], [(HEADER, "seattle")], [(HEADER, "Hedda Office")],
    [(HEADER, "head office")], [(HEADER, "stranger@zava.example")], [("X_Forwarded_Email", "sam@zava.example")],
    [("X-Forwarded-Email2", "sam@zava.example")], [("X-Forwarded-User", "sam@zava.example")],
])  # fmt: skip
async def test_a_listed_proxy_that_names_nobody_or_two_is_refused(walls: Walls, headers: list[tuple[str, str]]) -> None:
    async with endpoint(walls.target, **HERE) as served:
        assert (await served.ask(headers=headers)).status_code == 401


@pytest.mark.parametrize("more", [
    [], [("X-Forwarded-For", "192.0.2.1")], [("X-Forwarded-For", "192.0.2.1, 192.0.2.2")],
    [("Forwarded", "for=192.0.2.1")], [("X-Real-IP", "192.0.2.1")], [("X-Forwarded-Host", "192.0.2.1")],
    [("Via", "1.1 192.0.2.1")], [("Client-IP", "192.0.2.1")],
])  # fmt: skip
async def test_from_any_other_address_the_header_does_not_exist(walls: Walls, more: list[tuple[str, str]]) -> None:
    token = await a_token(walls, "Tom Tacoma")
    async with endpoint(walls.target, **ELSEWHERE) as served:
        assert (await served.ask(headers=[(HEADER, "sam@zava.example"), *more])).status_code == 401
        assert (await served.ask("garbage", [(HEADER, "sam@zava.example"), *more])).status_code == 401
        # Beside a good token it changes nothing.
        assert (await served.who(token, [(HEADER, "sam@zava.example"), *more]))["name"] == "Tom Tacoma"


async def test_nothing_is_believed_while_no_header_is_configured(walls: Walls) -> None:
    async with endpoint(walls.target, http_trusted_proxies="127.0.0.1") as served:
        assert (await served.ask(headers=[(HEADER, "sam@zava.example")])).status_code == 401


@pytest.mark.parametrize(("settings", "named"), [
    ({"http_identity_header": HEADER}, "http_identity_header"),
    ({"http_identity_header": HEADER, "http_trusted_proxies": " , "}, "http_identity_header"),
    (HERE | {"http_identity_header": "Authorization"}, "http_identity_header"),
    (HERE | {"http_identity_header": "x-forwarded-for"}, "http_identity_header"),
    (HERE | {"http_identity_scopes": "reports,admin"}, "http_identity_scopes"),
])  # fmt: skip
async def test_settings_that_do_not_fit_together_do_not_start(
    walls: Walls, settings: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        async with endpoint(walls.target, **settings):
            pass


# Addresses, without a socket: not every machine has those of both families


LISTED = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("127.0.0.1"), ip_network("fe80::/64")]


async def after_proxy(client: Any, headers: list[tuple[bytes, bytes]], kind: str = "http") -> Scope:
    """What the application gets to see."""
    seen: list[Scope] = []

    async def application(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope)

    async def nothing(*_: Any) -> Any:
        return None

    scope: Scope = {"type": kind, "client": client, "headers": headers}
    await TrustedProxy(application, "X-User", LISTED)(scope, nothing, nothing)
    assert seen == [scope]
    return scope


@pytest.mark.parametrize("address", [
    "10.1.2.3", "127.0.0.1", "2001:db8::7", "2001:0DB8:0:0::7", "::ffff:10.1.2.3", "::ffff:a01:203", "fe80::1%eth0",
])  # fmt: skip
async def test_a_listed_address_is_recognised_however_it_is_written(address: str) -> None:
    scope = await after_proxy((address, 4711), [(b"X-USER", b" sam\t"), (b"authorization", b"Bearer x"), (b"a", b"b")])
    assert scope[VOUCHED] == "sam"
    assert scope["headers"] == [(b"a", b"b"), PLACEHOLDER]


@pytest.mark.parametrize("client", [
    None, ("", 0), ("11.0.0.1", 1), ("::1", 1), ("::ffff:11.0.0.1", 1), ("::10.1.2.3", 1), ("64:ff9b::10.1.2.3", 1),
    ("2001:db9::7", 1), ("10.1.2.3, 11.0.0.1", 1), ("10.1.2.3:80", 1), ("localhost", 1), ("010.1.2.3", 1),
    ("10.1.2", 1), ("167772161", 1), ("/run/zava.sock", 0), ("unix:", 0),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_any_other_peer_loses_the_header(client: Any, kind: str) -> None:
    scope = await after_proxy(client, [(b"x-user", b"sam"), (b"X-User", b"tom"), (b"authorization", b"Bearer x")], kind)
    assert VOUCHED not in scope
    assert scope["headers"] == [(b"authorization", b"Bearer x")]


@pytest.mark.parametrize("value", [b"", b" \t", b"\xff\xfe", b"sam\0"])
async def test_a_value_that_is_no_text_names_nobody(value: bytes) -> None:
    scope = await after_proxy(("10.1.2.3", 1), [(b"x-user", value)])
    assert VOUCHED not in scope and scope["headers"] == []
