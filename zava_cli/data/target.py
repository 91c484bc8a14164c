"""Where a profile's database is and how to reach it, from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zava_cli.data.embedded import SUPERUSER, EmbeddedServer
from zava_cli.data.roles import Roles
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.keys import MasterKeys, SigningKeys
from zava_cli.infra.settings import Settings


@dataclass(frozen=True)
class Target:
    """The database of one profile."""

    settings: Settings

    @property
    def roles(self) -> Roles:
        """Role names with the configured prefix."""
        return Roles(self.settings.role_prefix)

    @property
    def embedded(self) -> EmbeddedServer | None:
        """The embedded server; None when a URL is configured."""
        if not self.settings.is_embedded:
            return None
        return EmbeddedServer(self.settings.data_dir, self.settings.postgres_version)

    @property
    def embedded_database(self) -> str:
        """Name of the profile's database in the embedded server."""
        profile = self.settings.profile
        return "zava" if profile == "default" else f"zava_{profile}"

    @property
    def gateway_dsn(self) -> str:
        """URL of the gateway login."""
        if self.settings.database_url is not None:
            return self.settings.database_url.get_secret_value()
        assert self.embedded is not None
        return self.embedded.dsn(self.roles.gateway, self.embedded_database)

    @property
    def admin_dsn(self) -> str:
        """URL of the administrator's login; ConfigurationError without one."""
        if self.settings.admin_url is not None:
            return self.settings.admin_url.get_secret_value()
        if self.embedded is None:
            raise ConfigurationError(
                "This needs the administrator's login.",
                hint="Set ZAVA_ADMIN_URL to a login that may create roles and owns the database.",
            )
        return self.embedded.dsn(SUPERUSER, self.embedded_database)

    @property
    def key_file(self) -> Path:
        """File of the profile's master key."""
        return self.settings.data_dir / "keys" / f"{self.settings.profile}.key"

    def master_keys(self) -> MasterKeys:
        """The keys that sign for everybody, from the settings or the key file."""
        key = self.settings.master_key
        return MasterKeys(key.get_secret_value() if key else None, self.key_file)

    def signing_keys(self, master: MasterKeys) -> SigningKeys:
        """What contexts are signed with: one manager's own key if that is configured, else `master`."""
        own = self.settings.manager_key_file
        if own is None:
            return master
        from zava_cli.infra.manager_key import ManagerKeyFile

        return ManagerKeyFile(own)
