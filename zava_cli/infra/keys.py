"""Keys and signatures of the security context (HMAC-SHA-256, RFC 2104).

Master keys live with the process that signs, one per key version. Each manager's key is derived from one for
one database, so a manager who holds their own key signs for themselves alone, and only there.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol
from uuid import UUID

from zava_cli.infra.errors import AuthorizationError, ConfigurationError
from zava_cli.infra.private_files import WatchedFile, replace_private

BLOCK_BYTES = 64
KEY_BYTES = 32
CHECK_DIGITS = 16
_PART = re.compile(r"(?:([1-9][0-9]{0,8}):)?([0-9a-fA-F]{64})")


def new_key() -> bytes:
    """A key that nobody has seen yet."""
    return secrets.token_bytes(KEY_BYTES)


def manager_key(master: bytes, manager_id: UUID, database_identity: str) -> bytes:
    """The key of one manager in one database, 32 bytes."""
    return _mac(master, f"{manager_id}{database_identity}".encode())


def key_check(key: bytes) -> str:
    """What a key is recognised by without being known; the database computes the same from the key's pads."""
    return _mac(key, b"zava key check").hex()[:CHECK_DIGITS]


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


class SigningKeys(Protocol):
    """What a process signs with: the master keys, or one manager's own key."""

    @property
    def owner(self) -> str | None:
        """The only manager whom these keys sign for, by id; None when they sign for everybody."""
        ...

    def generation(self) -> int:
        """Grows when the keys have changed; looks at most once a second."""
        ...

    def versions(self) -> list[int]:
        """The key versions that are held, read afresh, oldest first."""
        ...

    def of_manager(self, manager_id: UUID, database_identity: str, server_time: float) -> dict[int, bytes]:
        """A manager's keys by version, read afresh; AuthorizationError when there can be none."""
        ...

    def not_accepted(self, accepted: Collection[int]) -> AuthorizationError:
        """The error for keys none of which the database accepts."""
        ...


class MasterKeys:
    """The master keys of this process by version, from the setting or else from the key file.

    A running process takes over what changes in the file. Several versions exist while a replaced one is still
    accepted, and for as long as anything that was made with it is: see `derive`.
    """

    def __init__(self, configured: str | None, key_file: Path) -> None:
        self.key_file = key_file
        self._configured = configured
        self._file = WatchedFile(key_file, lambda text: _decoded(text, str(key_file)))

    @property
    def owner(self) -> str | None:
        """Nobody in particular."""
        return None

    @property
    def is_configured(self) -> bool:
        """Whether they come from ZAVA_MASTER_KEY."""
        return self._configured is not None

    def by_version(self) -> Mapping[int, bytes]:
        """The keys, read afresh, oldest first; ConfigurationError when there are none or they are exposed."""
        if self._configured is not None:
            return _decoded(self._configured, "master_key")
        if self._file.generation == 0 and not self.key_file.is_file():
            raise ConfigurationError(
                "There is no key to sign with for this database.",
                hint="Run `zava db migrate` if it is new; otherwise copy the key file from where that ran, or set "
                "ZAVA_MASTER_KEY.",
            )
        return self._file.value(at_once=True)

    def held(self) -> Mapping[int, bytes]:
        """Like `by_version`, but nothing where there is none."""
        return {} if not self.is_configured and not self.key_file.exists() else self.by_version()

    def generation(self) -> int:
        """Grows when the file has changed; looks at most once a second."""
        if self._configured is None and self._file.generation:
            self._file.value()
        return self._file.generation

    def versions(self) -> list[int]:
        """The versions that are held, oldest first."""
        return list(self.by_version())

    def of_manager(self, manager_id: UUID, database_identity: str, server_time: float) -> dict[int, bytes]:
        """A manager's keys by version."""
        return {version: manager_key(key, manager_id, database_identity) for version, key in self.by_version().items()}

    def derive(self, purpose: str, database_identity: str) -> dict[int, bytes]:
        """A key of another purpose for one database, from each version that is held, 32 bytes each.

        Whatever is stored with such a key says the version beside it. Versions that it may say belong into
        `versions_in_use` (data/keys.sql): rotation drops all others from the key file.
        """
        label = f"zava derive\0{purpose}\0{database_identity}".encode()
        return {version: _mac(key, label) for version, key in self.by_version().items()}

    def not_accepted(self, accepted: Collection[int]) -> AuthorizationError:
        """The error for keys none of which the database accepts."""
        return AuthorizationError(
            f"The key on this machine ({_versions(self.versions())}) is none that this database accepts "
            f"({_versions(accepted)}).",
            hint="Copy the key file from where `zava security rotate-key` or `zava db migrate` ran, or set "
            "ZAVA_MASTER_KEY to the new key. If that key is lost, the administrator can run rotate-key again.",
        )

    def write(self, keys: Mapping[int, bytes]) -> None:
        """Puts keys into the key file in place of those there."""
        replace_private(self.key_file, encoded(keys))


def encoded(keys: Mapping[int, bytes]) -> str:
    """Keys as the key file and ZAVA_MASTER_KEY hold them: `VERSION:HEX` lines, newest last."""
    return "".join(f"{version}:{key.hex()}\n" for version, key in sorted(keys.items()))


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _decoded(text: str, where: str) -> dict[int, bytes]:
    parts = [_PART.fullmatch(part) for part in text.replace(",", " ").split()]
    keys = {int(part[1] or 1): bytes.fromhex(part[2]) for part in parts if part}
    if not parts or len(keys) != len(parts):
        raise ConfigurationError(
            f"{where} does not hold a key.",
            hint="It holds VERSION:KEY once for each version; a key is 64 hexadecimal digits (32 bytes).",
        )
    return dict(sorted(keys.items()))


def _versions(versions: Collection[int]) -> str:
    numbers = sorted(versions)
    return f"version{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
