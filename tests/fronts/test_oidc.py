"""JWTs of an issuer, presented to a real endpoint: the good ones, and every kind of bad one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from tests.issuer import AUDIENCE, Issuer, running_issuer
from tests.mcp_endpoint import Endpoint, endpoint
from tests.small_data import Walls
from zava_cli.infra.errors import ConfigurationError
from zava_cli.server.authentication import oidc


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
async def served(walls: Walls, issuer: Issuer) -> AsyncIterator[Endpoint]:
    async with endpoint(walls.target, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as served:
        yield served


def encoded(value: Any) -> str:
    """One part of a JWT."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_a_good_token_stands_for_its_manager_with_the_scopes_that_the_issuer_gave(
    served: Endpoint, issuer: Issuer
) -> None:
    token = issuer.token()
    found = await served.who(token)
    assert found == {
        "name": "Sam Seattle", "scopes": ["reports", "search"], "client": "user-1",
        "kept": hashlib.sha256(token.encode()).hexdigest(),
    }  # fmt: skip


async def test_a_token_without_a_subject_goes_by_the_managers_e_mail(served: Endpoint, issuer: Issuer) -> None:
    assert (await served.who(issuer.token(sub=None)))["client"] == "sam@zava.example"


async def test_a_token_signed_with_an_elliptic_curve_is_good_too(served: Endpoint, issuer: Issuer) -> None:
    issuer.use_elliptic_curve()
    assert (await served.who(issuer.token()))["name"] == "Sam Seattle"


@pytest.mark.parametrize("changes", [
    {"email": "TOM@zava.example"}, {"aud": ["https://else.example", AUDIENCE]}, {"email_verified": True},
    {"nbf": 1}, {"scope": None, "scp": ["zava:sql"]},
])  # fmt: skip
async def test_what_issuers_may_vary_is_accepted(served: Endpoint, issuer: Issuer, changes: dict[str, Any]) -> None:
    found = await served.who(issuer.token(**changes))
    assert found["name"] == ("Tom Tacoma" if "email" in changes else "Sam Seattle")
    assert found["scopes"] == (["sql"] if "scp" in changes else ["reports", "search"])


async def test_a_token_without_any_of_the_scopes_opens_none(served: Endpoint, issuer: Issuer) -> None:
    for scope in ("openid", "reports sql", "zava:everything", "zava:"):
        assert (await served.who(issuer.token(scope=scope)))["scopes"] == []


LATER, EARLIER = 10**9, -3600
BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": int(time.time()) + EARLIER},
    "no end": {"exp": None},
    "an end that is no time": {"exp": "tomorrow"},
    "an infinite end": {"exp": float("inf")},
    "not yet valid": {"nbf": int(time.time()) + LATER},
    "wrong audience": {"aud": "https://else.example"},
    "an audience that starts alike": {"aud": AUDIENCE + "/more"},
    "no audience": {"aud": None},
    "wrong issuer": {"iss": "https://else.example"},
    "no issuer": {"iss": None},
    "nobody's e-mail": {"email": "stranger@zava.example"},
    "no e-mail": {"email": None},
    "an empty e-mail": {"email": ""},
    "an e-mail that is a list": {"email": ["sam@zava.example"]},
    "an e-mail that nobody verified": {"email_verified": False},
    "a manager's name": {"email": "Hedda Office"},
    "a store's name": {"email": "Zava Retail Seattle"},
    "a city": {"email": "seattle"},
    "a role": {"email": "head office"},
    "a letter that looks alike": {"email": "ſam@zava.example"},
    "a pattern": {"email": "%@zava.example"},
    "a NUL byte": {"email": "sam@zava.example\0"},
    "a very long e-mail": {"email": "a" * 5000},
    "scopes that are no texts": {"scope": [1, {}]},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
async def test_a_signed_token_with_a_bad_claim_is_refused(
    served: Endpoint, issuer: Issuer, changes: dict[str, Any]
) -> None:
    assert (await served.ask(issuer.token(**changes))).status_code == 401


def unsigned(issuer: Issuer, algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'kid': 'first'})}.{encoded(issuer.claims())}."


def signed_with_the_public_key(issuer: Issuer, key: bytes) -> str:
    """What a verifier accepts that takes the algorithm from the token and the issuer's key as the secret."""
    body = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(issuer.claims())}"
    return f"{body}.{encoded(hmac.digest(key, body.encode(), 'sha256'))}"


def with_other_claims(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encoded(issuer.claims(email='hedda@zava.example'))}.{signature}"


def with_an_extension(issuer: Issuer) -> str:
    """Properly signed; its header says that it must not be read by whoever does not know the extension."""
    head = {"alg": "RS256", "kid": "first", "crit": ["x"], "x": 1}
    body = f"{encoded(head)}.{encoded(issuer.claims())}"
    signature = JWSRegistry.algorithms["RS256"].sign(body.encode(), issuer.signing)
    return f"{body}.{encoded(signature)}"


def stranger() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "first"})


FORGED: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda i: unsigned(i, "none"),
    "alg None": lambda i: unsigned(i, "None"),
    "alg empty": lambda i: unsigned(i, ""),
    "HS256 with the public key as PEM": lambda i: signed_with_the_public_key(i, i.signing.as_pem(private=False)),
    "HS256 with the public key as DER": lambda i: signed_with_the_public_key(i, i.signing.as_der(private=False)),
    "HS256 with the public key as JSON": lambda i: signed_with_the_public_key(
        i, json.dumps(i.signing.as_dict(private=False)).encode()
    ),
    "HS256 with nothing": lambda i: signed_with_the_public_key(i, b""),
    "RS512, which is not pinned": lambda i: i.token(header={"alg": "RS512"}),
    "another key of the same id": lambda i: i.token(key=stranger()),
    "another key, brought along": lambda i: (key := stranger()) and i.token(
        key=key, header={"jwk": key.as_dict(private=False)}
    ),
    "another key, with its address": lambda i: i.token(key=stranger(), header={"jku": "https://else.example/keys"}),
    "an unknown key id": lambda i: i.token(header={"kid": "nobody's"}),
    "a key id that is a path": lambda i: i.token(header={"kid": "../../dev/null"}),
    "changed claims": with_other_claims,
    "no signature": lambda i: i.token().rpartition(".")[0] + ".",
    "two parts": lambda i: i.token().rpartition(".")[0],
    "five parts": lambda i: i.token() + ".a.b",
    "an extension that must be understood": with_an_extension,
    "a header that is a list": lambda i: f"{encoded([1])}.{encoded(i.claims())}.x",
    "an algorithm that is a list": lambda i: f"{encoded({'alg': ['RS256']})}.{encoded(i.claims())}.x",
    "a header nested a thousandfold": lambda _: f"{encoded(b'[' * 9000)}.x.x",
    "a huge token": lambda i: i.token(padding="x" * 20_000),
    "dots": lambda _: "..",
    "garbage": lambda _: "correct-horse-battery",
    "bytes that are no text": lambda _: f"{encoded(bytes(range(128, 255)))}.x.x",
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_or_broken_token_is_refused(
    served: Endpoint, issuer: Issuer, forge: Callable[[Issuer], str]
) -> None:
    assert (await served.ask(issuer.token())).status_code == 200
    assert (await served.ask(forge(issuer))).status_code == 401


async def test_every_refusal_reads_the_same(served: Endpoint, issuer: Issuer) -> None:
    bad = [issuer.token(exp=1), issuer.token(aud="x"), issuer.token(email="x"), unsigned(issuer, "none"), "garbage"]
    answers = [await served.ask(token) for token in bad]
    assert len({(answer.status_code, answer.text, answer.headers["www-authenticate"]) for answer in answers}) == 1
    assert "zava:" not in answers[0].text


# Keys that change


async def test_a_new_key_is_taken_up_and_the_one_that_it_replaces_is_refused(
    walls: Walls, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "REFRESH_SECONDS", 0.0)
    async with endpoint(walls.target, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as served:
        old = issuer.token()
        assert (await served.ask(old)).status_code == 200
        issuer.rotate("second", keep=True)
        assert (await served.ask(issuer.token())).status_code == 200
        assert (await served.ask(old)).status_code == 200
        issuer.rotate("third")
        assert (await served.ask(issuer.token())).status_code == 200
        assert (await served.ask(old)).status_code == 401


async def test_a_withdrawn_key_is_forgotten_in_time_even_if_no_new_one_comes(
    walls: Walls, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(oidc, "KEY_SECONDS", 0)
    async with endpoint(walls.target, oidc_issuer=issuer.url, oidc_audience=AUDIENCE) as served:
        old = issuer.token()
        assert (await served.ask(old)).status_code == 200
        issuer.rotate("second")
        assert (await served.ask(old)).status_code == 401


async def test_unknown_keys_do_not_make_the_server_hammer_the_issuer(served: Endpoint, issuer: Issuer) -> None:
    for number in range(20):
        assert (await served.ask(issuer.token(header={"kid": f"unknown-{number}"}))).status_code == 401
    assert issuer.asked == {"/.well-known/openid-configuration": 1, "/keys": 1}
    assert (await served.ask(issuer.token())).status_code == 200


async def test_an_issuer_that_cannot_be_found_is_not_asked_with_every_token(served: Endpoint, issuer: Issuer) -> None:
    issuer.answers = {"/.well-known/openid-configuration": {"issuer": "https://else.example"}}
    for _ in range(5):
        assert (await served.ask(issuer.token())).status_code == 401
    assert issuer.asked == {
        "/.well-known/openid-configuration": 1, "/.well-known/oauth-authorization-server": 1,
    }  # fmt: skip


async def test_a_discovery_document_of_another_issuer_is_not_believed(served: Endpoint, issuer: Issuer) -> None:
    issuer.answers["/.well-known/openid-configuration"] = {
        "issuer": issuer.url + "/", "jwks_uri": f"{issuer.url}/keys",
    }  # fmt: skip
    assert (await served.ask(issuer.token())).status_code == 401
    assert "/keys" not in issuer.asked


# What is fetched, and from where


async def test_configured_keys_need_no_discovery(walls: Walls, issuer: Issuer) -> None:
    settings = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_jwks_url": f"{issuer.url}/keys"}
    async with endpoint(walls.target, **settings) as served:
        assert (await served.ask(issuer.token())).status_code == 200
    assert issuer.asked == {"/keys": 1}


async def test_an_authorisation_server_without_openid_is_discovered_too(served: Endpoint, issuer: Issuer) -> None:
    found = issuer.document("/.well-known/openid-configuration")
    issuer.answers = {
        "/.well-known/openid-configuration": None, "/.well-known/oauth-authorization-server": found,
    }  # fmt: skip
    assert (await served.ask(issuer.token())).status_code == 200


async def test_keys_are_not_fetched_from_another_server_in_the_same_network(served: Endpoint, issuer: Issuer) -> None:
    with running_issuer() as other:
        other.published = issuer.published
        issuer.answers["/.well-known/openid-configuration"] = {"issuer": issuer.url, "jwks_uri": f"{other.url}/keys"}
        assert (await served.ask(issuer.token())).status_code == 401
        assert other.asked == {}


async def test_a_redirect_is_not_followed(served: Endpoint, issuer: Issuer) -> None:
    with running_issuer() as other:
        other.published = issuer.published
        issuer.answers["/keys"] = f"{other.url}/keys"
        assert (await served.ask(issuer.token())).status_code == 401
        assert other.asked == {}


@pytest.mark.parametrize("keys", [
    {"padding": "x" * 100_000}, [], {}, {"keys": None}, {"keys": [1, {"kty": "RSA"}, {"kty": "oct", "k": "AA"}]},
])  # fmt: skip
async def test_keys_that_are_too_many_or_none_open_nothing(served: Endpoint, issuer: Issuer, keys: Any) -> None:
    good = issuer.document("/keys")
    issuer.answers["/keys"] = keys | good if isinstance(keys, dict) and "padding" in keys else keys
    assert (await served.ask(issuer.token())).status_code == 401


async def test_keys_that_trickle_in_are_not_waited_for(
    served: Endpoint, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "FETCH_SECONDS", 0.5)
    issuer.trickling.add("/keys")
    assert (await served.ask(issuer.token())).status_code == 401
    assert issuer.asked["/keys"] == 1 and issuer.answered.get("/keys", 0) == 0


# Settings and discovery for clients


async def test_clients_find_out_where_to_get_a_token(served: Endpoint, issuer: Issuer) -> None:
    refused = await served.ask()
    place = "https://zava.example/.well-known/oauth-protected-resource/mcp"
    assert refused.status_code == 401 and f'resource_metadata="{place}"' in refused.headers["www-authenticate"]
    told = (await served.client.get(f"{served.url}/.well-known/oauth-protected-resource/mcp")).json()
    assert told["resource"] == "https://zava.example/mcp"
    assert [server.rstrip("/") for server in told["authorization_servers"]] == [issuer.url]
    assert told["scopes_supported"] == ["zava:reports", "zava:search", "zava:sql"]


async def test_another_claim_and_other_scopes_can_be_configured(walls: Walls, issuer: Issuer) -> None:
    [row] = await walls.as_superuser("SELECT manager_id::text FROM retail.managers WHERE name = 'Rita Region'")
    settings = {"oidc_manager_claim": "employee", "oidc_scope_claim": "roles", "oidc_scopes": "r,s,sql"}
    async with endpoint(walls.target, oidc_issuer=issuer.url, oidc_audience=AUDIENCE, **settings) as served:
        found = await served.who(issuer.token(employee=row[0].upper(), roles=["sql", "admin"]))
        assert (found["name"], found["scopes"]) == ("Rita Region", ["sql"])
        assert (await served.who(issuer.token(employee=row[0])))["scopes"] == []
        assert (await served.ask(issuer.token())).status_code == 401


async def test_an_issuer_without_an_audience_does_not_start(walls: Walls, issuer: Issuer) -> None:
    with pytest.raises(ConfigurationError, match="oidc_audience"):
        async with endpoint(walls.target, oidc_issuer=issuer.url):
            pass
