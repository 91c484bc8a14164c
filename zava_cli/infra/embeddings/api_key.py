"""Which key a remote provider is shown: from the settings, the environment or the system's keyring."""

from __future__ import annotations

import os

from zava_cli.infra.embeddings.base import EmbeddingConfig
from zava_cli.infra.errors import EmbeddingSetupError

SERVICE = "zava"


def api_key(config: EmbeddingConfig, host: str) -> str:
    """The key for `host`; EmbeddingSetupError when there is none or it cannot be one.

    The keyring holds one key per host (`keyring set zava api.openai.com`), and a key that the environment has for
    OpenAI does not travel to another address.
    """
    configured = config.api_key
    key = configured.get_secret_value().strip() if configured is not None else ""
    if not key and config.base_url is None:
        key = os.environ.get("OPENAI_API_KEY", "").strip()
    key = key or _from_keyring(host)
    if not key and config.base_url is not None:
        # The library insists on a key; servers on one's own machine mostly want none.
        return "none"
    if not key:
        raise EmbeddingSetupError(
            "The openai embedding provider needs an API key.",
            hint=f"Set OPENAI_API_KEY, or install zava[keyring] and run `keyring set {SERVICE} {host}`; "
            "or use the local one.",
        )
    if not (key.isascii() and key.isprintable()):
        raise EmbeddingSetupError(
            "The API key for embeddings holds characters that no key has.",
            hint="Copy the key again; it is one line of plain letters, digits and dashes.",
        )
    return key


def _from_keyring(host: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return ""
    try:
        return (keyring.get_password(SERVICE, host) or "").strip()
    except KeyringError:
        # A locked keyring, or a machine without one.
        return ""
