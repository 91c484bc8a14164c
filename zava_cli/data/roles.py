"""Names of zava's roles in PostgreSQL, with the configured prefix."""

from __future__ import annotations

from dataclasses import dataclass

from zava_cli.models.identity import ManagerRole


@dataclass(frozen=True)
class Roles:
    """Roles are shared by a whole cluster, therefore the prefix."""

    prefix: str

    @property
    def owner(self) -> str:
        """Owns the data; no login."""
        return f"{self.prefix}owner"

    @property
    def security(self) -> str:
        """Owns the keys and the definer functions; no login."""
        return f"{self.prefix}security"

    @property
    def gateway(self) -> str:
        """The only login, without any right on data."""
        return f"{self.prefix}gateway"

    def of(self, role: ManagerRole) -> str:
        """The role that a kind of manager queries as."""
        return self.prefix + {"head_office": "head_office"}.get(role.value, f"{role.value}s")

    def placeholders(self) -> dict[str, str]:
        """Names for the migrations' `@{…}` placeholders."""
        return {
            "owner": self.owner,
            "security": self.security,
            "gateway": self.gateway,
            "store_managers": self.of(ManagerRole.STORE_MANAGER),
            "regional_managers": self.of(ManagerRole.REGIONAL_MANAGER),
            "head_office": self.of(ManagerRole.HEAD_OFFICE),
        }
