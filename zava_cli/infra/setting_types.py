"""Settings that say whom to trust over HTTP: what each may hold, checked when it is read."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from zava_cli.infra.token_text import MARK

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
SHORTEST_TOKEN = 16
SIGNATURES = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448",
}  # fmt: skip
"""Algorithms whose verifying key signs nothing; with any other one, whoever can verify can forge."""


def is_safe_url(text: str) -> bool:
    """Whether nobody on the way can change what is fetched from there: https, or this very machine."""
    try:
        url = urlsplit(text)
        is_whole = bool(url.hostname) and (url.port is None or url.port > 0) and not (url.username or url.fragment)
    except ValueError:
        return False
    return is_whole and (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK))


def _split(value: Any) -> Any:
    """In the environment a list is one text."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _checked_url(value: str) -> str:
    if not is_safe_url(value):
        raise ValueError("this is no https URL; plain http is for this machine alone")
    return value


def _checked_token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < SHORTEST_TOKEN or not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError(f"this is no token of {SHORTEST_TOKEN} or more letters, digits and signs without spaces")
    if text.startswith(MARK):
        raise ValueError("this is a manager's token; the administrator's is one of its own")
    return value


def _checked_algorithms(value: list[str]) -> list[str]:
    if not value or set(value) - SIGNATURES:
        raise ValueError(f"only signatures with a private key are accepted: {', '.join(sorted(SIGNATURES))}")
    return value


def _checked_networks(value: list[str]) -> list[str]:
    for text in value:
        try:
            is_everybody = ip_network(text).prefixlen == 0
        except ValueError:
            raise ValueError(f"{text} is no address and no network such as 10.0.0.0/8") from None
        if is_everybody:
            raise ValueError(f"{text} is everybody; list the proxy's own addresses")
    return value


def _checked_scopes(value: list[str]) -> list[str]:
    if len(value) != 3 or len(set(value)) != 3 or any(len(name.split()) != 1 for name in value):
        raise ValueError("these are not three names without spaces: what stands for reports, search and sql")
    return value


Names = Annotated[list[str], BeforeValidator(_split)]
MetricsToken = Annotated[SecretStr, AfterValidator(_checked_token)]
SafeUrl = Annotated[str, AfterValidator(_checked_url)]
Algorithms = Annotated[Names, AfterValidator(_checked_algorithms)]
Networks = Annotated[Names, AfterValidator(_checked_networks)]
ScopeNames = Annotated[Names, AfterValidator(_checked_scopes)]
