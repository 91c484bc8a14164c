"""What health looks up: facts of the catalog as the gateway sees them, and real round trips."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from zava_cli.data.audit_backlog import Backlog
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.migrate import migrations
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError

REVIEWED_DEFINER_FUNCTIONS = [
    "audit.append",
    "security.allowed_store_id",
    "security.allowed_store_ids",
    "security.context_manager",
    "security.database_identity",
    "security.embedding_backlog",
    "security.key_versions",
    "security.migration_state",
    "security.products_by_words",
    "security.products_compared",
    "security.products_holding",
    "security.products_named",
    "security.products_of_sku",
    "security.question_read",
    "security.reading_state",
    "security.require_token",
    "security.resolve_identity",
    "security.resolve_subject",
    "security.resolve_token",
    "security.search_at_once",
    "security.sees_all_stores",
]

LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}


async def catalog_facts(provider: PostgreSQLProvider) -> dict[str, Any]:
    """Server, login, row security and holes, keyed by the name of their SQL block."""
    sql = named_sql("health")
    roles = provider.target.roles
    async with provider.gateway_reader() as session:
        return {
            "server": await session.row(sql["server"]),
            "login": await session.row(sql["login"], roles.owner, roles.security),
            "row_security": await session.rows(sql["row_security"]),
            "holes": [row["name"] for row in await session.rows(sql["holes"], REVIEWED_DEFINER_FUNCTIONS)],
        }


async def forged_context_is_refused(provider: PostgreSQLProvider, caller: Caller) -> bool:
    """Whether PostgreSQL refuses a context that was signed with a key of nobody."""
    from dataclasses import replace

    try:
        await visible_stores(provider, replace(caller, key=b"\0" * 32))
    except AuthorizationError:
        return True
    return False


async def visible_stores(provider: PostgreSQLProvider, caller: Caller) -> int:
    """Number of stores that the caller's signed context shows."""
    async with provider.reader(caller, alone=True) as session:
        return (await session.row(named_sql("health")["visible_stores"]))["stores"]


async def embedding_coverage(provider: PostgreSQLProvider, caller: Caller) -> dict[str, Any] | None:
    """Coverage and backlog of the active model, see the statement `embeddings`; None when there is none."""
    async with provider.reader(caller, alone=True) as session:
        rows = await session.rows(named_sql("health")["embeddings"])
    return rows[0] if rows else None


def waiting_records(target: Target) -> tuple[int, bool]:
    """Bytes of the audit log that the database has not taken yet, and whether further records are lost."""
    backlog = Backlog(target)
    return backlog.size(), backlog.is_full()


def newest_migration(target: Target) -> int:
    """Version of the newest migration that this zava knows."""
    return max(migration.version for migration in migrations(target.roles))


def is_unverified_remote(dsn: str) -> bool:
    """Whether a URL leads to another machine without checking that machine's certificate."""
    url = urlsplit(dsn)
    query = parse_qs(url.query)
    host = query.get("host", [url.hostname or ""])[0]
    if host in LOCAL_HOSTS or host.startswith("/"):
        return False
    return query.get("sslmode", ["prefer"])[0] not in {"verify-ca", "verify-full"}
