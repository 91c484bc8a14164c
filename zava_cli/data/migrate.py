"""Numbered SQL files, each applied once in a transaction, never changed afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from urllib.parse import unquote, urlsplit

import asyncpg

from zava_cli.data.admin import admin_connection
from zava_cli.data.audit import maintain, remember_retention
from zava_cli.data.keys import register_keys
from zava_cli.data.named_sql import named_sql
from zava_cli.data.roles import Roles
from zava_cli.data.scram import scram_verifier
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError, DatabaseUnavailableError

ROLES_VERSION = 1
SETTINGS_VERSION = 3
"""Migrations after which, in the same transaction, the configured password and time zone are set."""


class _RoleTemplate(Template):
    delimiter = "@"
    idpattern = r"(?!)"
    braceidpattern = r"[a-z_]+"


@dataclass(frozen=True)
class Migration:
    """One file; `checksum` is the SHA-256 of its text as it lies in the package."""

    version: int
    name: str
    checksum: str
    sql: str


def migrations(roles: Roles) -> list[Migration]:
    """All migrations in order, with role names filled in."""
    found: list[Migration] = []
    folder = files("zava_cli.data").joinpath("migrations")
    for entry in sorted((e for e in folder.iterdir() if e.name.endswith(".sql")), key=lambda e: e.name):
        text = entry.read_text(encoding="utf-8")
        sql = _RoleTemplate(text).safe_substitute(roles.placeholders())
        found.append(Migration(int(entry.name[:4]), entry.name, hashlib.sha256(text.encode()).hexdigest(), sql))
    return found


async def migrate(target: Target, on_step: Callable[[str], None] = lambda _: None) -> list[str]:
    """Brings the database up to date; returns the names of what was applied. Idempotent and safe in parallel."""
    _check_login(target)
    async with admin_connection(target, create=True) as connection:
        sql = named_sql("admin")
        await connection.execute(sql["lock_migrations"])
        try:
            applied = await pending(connection, target)
            for migration in applied:
                await _apply(connection, target, migration, on_step)
            await register_keys(connection, target)
            await remember_retention(connection, target)
            await maintain(connection, target, target.settings.audit_keep_months)
        finally:
            await connection.execute(sql["unlock_migrations"])
    return [migration.name for migration in applied]


async def outstanding(target: Target) -> list[Migration]:
    """What migrate would apply; runs nothing. For an embedded database that does not exist yet: everything."""
    try:
        async with admin_connection(target) as connection:
            return await pending(connection, target)
    except DatabaseUnavailableError:
        if target.embedded is None:
            raise
        return migrations(target.roles)


async def pending(connection: asyncpg.Connection, target: Target) -> list[Migration]:
    """Migrations that the database lacks; ConfigurationError when an applied one was changed or is unknown."""
    known = {migration.version: migration for migration in migrations(target.roles)}
    sql = named_sql("admin")
    if not await connection.fetchval(sql["has_migrations"]):
        return list(known.values())
    async with connection.transaction(readonly=True):
        await connection.execute(f'SET LOCAL ROLE "{target.roles.owner}"')
        for row in await connection.fetch(sql["applied_migrations"]):
            migration = known.pop(row["version"], None)
            if migration is None:
                raise ConfigurationError(
                    f"The database has migration {row['name']}, which this zava does not know.", hint="Upgrade zava."
                )
            if migration.checksum != row["checksum"]:
                raise ConfigurationError(
                    f"Migration {row['name']} differs from the one that was applied.",
                    hint="Applied migrations never change: put the file back and add a new one.",
                )
    return list(known.values())


async def _apply(
    connection: asyncpg.Connection, target: Target, migration: Migration, on_step: Callable[[str], None]
) -> None:
    on_step(migration.name)
    async with connection.transaction():
        await connection.execute(migration.sql)
        if migration.version == ROLES_VERSION:
            await connection.execute("RESET ROLE")
            await _set_password(connection, target)
        await connection.execute(f'SET LOCAL ROLE "{target.roles.owner}"')
        if migration.version == SETTINGS_VERSION:
            await connection.execute(named_sql("admin")["set_time_zone"], target.settings.time_zone)
        await connection.execute(
            named_sql("admin")["record_migration"], migration.version, migration.name, migration.checksum
        )


def _check_login(target: Target) -> None:
    if urlsplit(target.gateway_dsn).username != target.roles.gateway:
        raise ConfigurationError(
            f"ZAVA_DATABASE_URL must log in as {target.roles.gateway}.",
            hint="That is the only login which may not do more than ask. `role_prefix` changes its name.",
        )


async def _set_password(connection: asyncpg.Connection, target: Target) -> None:
    password = urlsplit(target.gateway_dsn).password
    if password and target.embedded is None:
        verifier = scram_verifier(unquote(password))
        await connection.execute(f"ALTER ROLE \"{target.roles.gateway}\" PASSWORD '{verifier}'")
