"""Asks a running server for its performance summary, as its administrator."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

import httpx2
from pydantic import SecretStr, TypeAdapter
from pydantic import ValidationError as PydanticError

from zava_cli.infra.errors import AuthorizationError, ServerUnavailableError, ValidationError
from zava_cli.infra.invalid import reason
from zava_cli.infra.setting_types import LOOPBACK, MetricsToken, is_safe_url
from zava_cli.infra.settings import Settings
from zava_cli.models.stats import PerformanceSummary

PATH = "/stats"
MCP_PATH = "/mcp"
SECONDS = 10.0
PORTS = {"http": 80, "https": 443}
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Addresses to listen on that none can be asked at."""


def fetch_summary(url: str, token: SecretStr | None) -> PerformanceSummary:
    """The summary of the server at `url`.

    Raises ServerUnavailableError when nobody answers, AuthorizationError when the token is missing or wrong, and
    ValidationError when `url` is none or what answers there is no zava server that offers it.
    """
    address = _address(url)
    headers: dict[str, str] = {}
    if token is not None:
        if not is_safe_url(address):
            raise ValidationError(
                "url", url, "the token could be read on the way", hint="Use https, or a tunnel to the machine itself."
            )
        headers["authorization"] = f"Bearer {token.get_secret_value()}"
    place = urlsplit(address).netloc
    try:
        # What is not encrypted stays on this machine: no proxy of the environment is to read the token.
        trust_env = address.startswith("https:")
        answer = httpx2.get(address, headers=headers, timeout=SECONDS, follow_redirects=False, trust_env=trust_env)
    except httpx2.HTTPError as exc:
        raise ServerUnavailableError(
            f"No server answers at {place} ({type(exc).__name__}).", hint="Check --url and that zava serve --http runs."
        ) from None
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise AuthorizationError(
            f"The server at {place} wants its administrator's token.",
            hint="Give the one that it was started with: ZAVA_METRICS_TOKEN for this machine and http_public_url, "
            "--token-stdin for any other.",
        )
    try:
        if answer.status_code == HTTPStatus.OK:
            return PerformanceSummary.model_validate_json(answer.content)
    except PydanticError:
        pass
    raise ValidationError(
        "url", url, f"what answers at {place} offers no statistics of zava (HTTP {answer.status_code})",
        hint="The server needs the setting metrics_token or metrics_port; with the latter, ask that port.",
    )  # fmt: skip


def given_token(text: str) -> SecretStr:
    """A token as somebody gave it; ValidationError for what can be no administrator's."""
    try:
        return TypeAdapter[SecretStr](MetricsToken).validate_python(text.strip())
    except PydanticError as exc:
        hint = "It is the ZAVA_METRICS_TOKEN that the server was started with."
        raise ValidationError("token", None, reason(exc), hint=hint) from None


def belongs_to(token_of: Settings, url: str) -> bool:
    """Whether the token of these settings is meant for the server at `url`.

    That is one on this machine, or the very scheme, host and port at which these settings say that theirs is.
    ValidationError when `url` is none.
    """
    address = _address(url)
    known = [own_url(token_of), *([token_of.http_public_url] if token_of.http_public_url else [])]
    return urlsplit(address).hostname in LOOPBACK or _origin(address) in [_origin(_address(one)) for one in known]


def own_url(settings: Settings) -> str:
    """Where a server with these settings tells of itself."""
    if settings.metrics_port is not None:
        return f"http://127.0.0.1:{settings.metrics_port}"
    scheme = "http" if settings.http_tls_certificate is None else "https"
    host = EVERYWHERE.get(settings.http_host, settings.http_host)
    return f"{scheme}://{f'[{host}]' if ':' in host and '[' not in host else host}:{settings.http_port}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def _address(url: str) -> str:
    """Of its statistics, whichever of its addresses one gives."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username
        _ = parts.port
    except ValueError:
        is_usable, parts = False, urlsplit("")
    if not is_usable:
        raise ValidationError("url", None, "this is no web address", hint="Write it like http://127.0.0.1:8000.")
    path = parts.path.rstrip("/").removesuffix(MCP_PATH).removesuffix(PATH)
    return urlunsplit((parts.scheme, parts.netloc, path + PATH, "", ""))
