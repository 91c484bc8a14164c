"""A resolved caller: an identity together with what it takes to sign a context for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zava_cli.infra.errors import AuthorizationError
from zava_cli.infra.keys import SigningKeys, key_check, sign_context
from zava_cli.models.identity import Identity, ManagerRole


@dataclass(frozen=True, eq=False)
class Caller:
    """Who asks, in which time zone, and the key that proves it. Services pass it on and read `identity` only.

    Compared by identity: the provider signs anew for the callers that it looked up itself, not for likenesses.
    """

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


def caller_from_row(row: Mapping[str, Any], keys: SigningKeys, now: float) -> Caller:
    """The caller of a row of `security.resolve_identity`, signing with the newest key that both sides have.

    AuthorizationError when the manager has no key there, or none of those that are held here.
    """
    held = keys.of_manager(row["manager_id"], row["database_identity"], row["server_epoch"])
    accepted = {int(number): check for number, _, check in (k.partition(":") for k in row["accepted_keys"])}
    if not accepted:
        raise AuthorizationError(
            "This manager has no key in the database yet.", hint="Ask the administrator to run `zava db migrate`."
        )
    # A version alone says little: another machine's key, or one of a rotation that broke off, may have the same.
    version = max((v for v, key in held.items() if accepted.get(v) == key_check(key)), default=None)
    if version is None:
        raise keys.not_accepted(accepted)
    return Caller(
        identity=Identity(
            manager_id=row["manager_id"],
            name=row["name"],
            role=ManagerRole(row["role"]),
            stores=tuple(row["store_names"]),
        ),
        time_zone=row["time_zone"],
        key=held[version],
        key_version=version,
        database_identity=row["database_identity"],
        clock_offset=row["server_epoch"] - now,
        bind_backend=row["bind_backend"],
    )
