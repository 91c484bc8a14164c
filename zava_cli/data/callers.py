"""A resolved caller: an identity together with what it takes to sign a context for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zava_cli.infra.errors import AuthorizationError
from zava_cli.infra.keys import manager_key, sign_context
from zava_cli.models.identity import Identity, ManagerRole


@dataclass(frozen=True)
class Caller:
    """Who asks, in which time zone, and the key that proves it. Services pass it on and read `identity` only."""

    identity: Identity
    time_zone: str
    key: bytes = field(repr=False)
    key_version: int
    database_identity: str
    clock_offset: float
    bind_backend: bool

    def sign(self, backend_pid: int, now: float, seconds: int) -> str:
        """A context for one connection that expires `seconds` after `now` by the server's clock."""
        return sign_context(
            self.key,
            version=self.key_version,
            manager_id=self.identity.manager_id,
            expires=int(now + self.clock_offset) + seconds,
            backend_pid=backend_pid if self.bind_backend else 0,
            database_identity=self.database_identity,
        )


def caller_from_row(row: Mapping[str, Any], master_key: bytes, now: float) -> Caller:
    """The caller of a row of `security.resolve_identity`; AuthorizationError when the manager has no key."""
    if row["key_version"] is None:
        raise AuthorizationError(
            "This manager has no key in the database yet.", hint="Ask the administrator to run `zava db migrate`."
        )
    return Caller(
        identity=Identity(
            manager_id=row["manager_id"],
            name=row["name"],
            role=ManagerRole(row["role"]),
            stores=tuple(row["store_names"]),
        ),
        time_zone=row["time_zone"],
        key=manager_key(master_key, row["manager_id"], row["database_identity"]),
        key_version=row["key_version"],
        database_identity=row["database_identity"],
        clock_offset=row["server_epoch"] - now,
        bind_backend=row["bind_backend"],
    )
