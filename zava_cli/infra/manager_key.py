"""A manager's own key file, as `zava security issue` writes it: it signs for that manager and nobody else."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, Secret, field_serializer
from pydantic import ValidationError as PydanticError

from zava_cli.infra.errors import AuthorizationError, ConfigurationError
from zava_cli.infra.private_files import WatchedFile

NEW_FILE = "Ask your administrator for a new key file (`zava security issue`)."


class ManagerKey(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """What the file holds, as JSON."""

    kind: Literal["zava manager key"] = "zava manager key"
    manager_id: UUID
    name: str
    key_version: int = Field(gt=0)
    database_identity: str
    key: Secret[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    expires: AwareDatetime | None = None

    @field_serializer("key", when_used="json")
    def _in_full(self, key: Secret[str]) -> str:
        return key.get_secret_value()


class ManagerKeyFile:
    """One manager's key from a file; a running process takes over a file that replaces it."""

    def __init__(self, path: Path) -> None:
        self._file = WatchedFile(path, lambda text: _parsed(text, path))

    @property
    def owner(self) -> str:
        """The manager whom it signs for, by id."""
        return str(self._file.value(at_once=True).manager_id)

    def generation(self) -> int:
        """Grows when the file has changed; looks at most once a second."""
        self._file.value()
        return self._file.generation

    def versions(self) -> list[int]:
        """The one version that it holds."""
        return [self._file.value(at_once=True).key_version]

    def of_manager(self, manager_id: UUID, database_identity: str, server_time: float) -> dict[int, bytes]:
        """The manager's key; AuthorizationError for anybody else, any other database and after its expiry."""
        own = self._file.value(at_once=True)
        if manager_id != own.manager_id:
            raise AuthorizationError(
                f"The key file {self._file.path} signs for {own.name} and nobody else.",
                str(manager_id),
                hint="Leave --as away, or use the key file of whoever asks.",
            )
        if database_identity != own.database_identity:
            raise AuthorizationError(f"The key file {self._file.path} was made for another database.", hint=NEW_FILE)
        if own.expires is not None and own.expires.timestamp() <= server_time:
            raise AuthorizationError(
                f"The key file {self._file.path} expired at {own.expires:%Y-%m-%d %H:%M %Z}.", hint=NEW_FILE
            )
        return {own.key_version: bytes.fromhex(own.key.get_secret_value())}

    def not_accepted(self, accepted: Collection[int]) -> AuthorizationError:
        """The error for a key that the database does not accept, or no longer."""
        return AuthorizationError(
            f"The key in {self._file.path} (version {self._file.value().key_version}) is none that this database "
            f"accepts for you.",
            hint=NEW_FILE,
        )


def _parsed(text: str, path: Path) -> ManagerKey:
    try:
        return ManagerKey.model_validate_json(text)
    except PydanticError:
        raise ConfigurationError(f"{path} is not the key file of a manager.", hint=NEW_FILE) from None
