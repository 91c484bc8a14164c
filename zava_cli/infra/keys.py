"""Keys and signatures of the security context (HMAC-SHA-256, RFC 2104).

A master key lives with the process that signs. Each manager's key is derived from it for one database, so
a manager who holds their own key signs for themselves alone, and only there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from uuid import UUID

from zava_cli.infra.errors import ConfigurationError

BLOCK_BYTES = 64
KEY_BYTES = 32


def manager_key(master: bytes, manager_id: UUID, database_identity: str) -> bytes:
    """The key of one manager in one database, 32 bytes."""
    return _mac(master, f"{manager_id}{database_identity}".encode())


def pads(key: bytes) -> tuple[bytes, bytes]:
    """Inner and outer pad of a key, 64 bytes each, as RFC 2104 section 2 forms them."""
    block = key.ljust(BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def sign_context(
    key: bytes, *, version: int, manager_id: UUID, expires: int, backend_pid: int, database_identity: str
) -> str:
    """The value of `zava.context`: `version.manager_id.expiry.pid.mac`, the expiry in seconds since 1970."""
    signed = f"{version}.{manager_id}.{expires}.{backend_pid}"
    return f"{signed}.{_mac(key, f'{signed}.{database_identity}'.encode()).hex()}"


def read_master_key(configured: str | None, key_file: Path) -> bytes:
    """The master key from the setting or the key file; ConfigurationError when there is none or it is exposed."""
    if configured is not None:
        return _decoded(configured, "master_key")
    if not key_file.is_file():
        raise ConfigurationError(
            "There is no key to sign with for this database.",
            hint="Run `zava db migrate` here, or set ZAVA_MASTER_KEY to the key that it was migrated with.",
        )
    if key_file.stat().st_mode & 0o077:
        raise ConfigurationError(f"The key file {key_file} can be read by others.", hint=f"Run: chmod 600 '{key_file}'")
    return _decoded(key_file.read_text(encoding="ascii"), str(key_file))


def ensure_master_key(configured: str | None, key_file: Path) -> bytes:
    """Like read_master_key, but makes a new key file (0600) where there is none."""
    if configured is None and not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
    return read_master_key(configured, key_file)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _decoded(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{where} does not hold a key.", hint="A key is 64 hexadecimal digits (32 bytes).")
    return key
