"""Looks at every component and says what to do about each one that is not well."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, Any

from zava_cli.data import health as facts
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.search import INDEX_ROWS
from zava_cli.infra.deadline import bounded
from zava_cli.infra.errors import DatabaseUnavailableError, EmbeddingError, MCPError
from zava_cli.infra.onnx_models import shown_name
from zava_cli.models.health import ComponentHealth, HealthReport, HealthStatus
from zava_cli.services.embed_models import NO_INDEX, NO_INDEX_FIX
from zava_cli.services.embedding import EmbedderSource

if TYPE_CHECKING:
    from zava_cli.infra.cache import QueryCache

OLDEST_SERVER = 160_000
OLDEST_VECTOR = (0, 8)
MOST_SECONDS = 10.0
"""How long a database that does not answer may keep whoever asks about it."""
AWAY = "See whether PostgreSQL runs (`zava db status`), and whether ZAVA_DATABASE_URL leads to it."
LOW_DISK = 1 << 30
NO_DISK = 100 << 20
OK, WARN, FAIL = HealthStatus.OK, HealthStatus.WARN, HealthStatus.FAIL


async def check_health(
    provider: PostgreSQLProvider, who: str | None, source: EmbedderSource | None = None, cache: QueryCache | None = None
) -> HealthReport:
    """Checks all components; `who` names the manager for the checks that need one.

    A server has a `source`, the embedder that searches go to, which may be leaving a provider alone that has failed
    too often. The `cache` is that of a server, or one that leads to the Redis of the settings.
    """
    with bounded(MOST_SECONDS):
        found = [component async for component in _components(provider, who)]
    if source is None:
        async with EmbedderSource(provider.settings) as own:
            found.append(await _provider_answers(own))
    else:
        found.append(await _provider_answers(source))
    if cache is not None:
        found.append(await _cache(cache))
    return HealthReport(healthy=all(c.status is not FAIL for c in found), components=found)


async def _components(provider: PostgreSQLProvider, who: str | None) -> AsyncIterator[ComponentHealth]:
    try:
        state = await provider.state()
        found = await facts.catalog_facts(provider)
    except MCPError as error:
        # Its own hint leads here.
        fix = AWAY if type(error) is DatabaseUnavailableError else error.hint
        yield _component("database", False, error.message, fix)
    else:
        yield _component("database", True, f"answers; time zone {state['time_zone']}")
        for component in (
            _server(found["server"]), _migrations(provider, state), _vector(found["server"]), _login(found["login"]),
            _row_security(found["row_security"]), _holes(found["holes"]), _operator_limits(found["server"]),
        ):  # fmt: skip
            yield component
        yield await _signing_key(provider)
        async for component in _as_manager(provider, who):
            yield component
    yield _audit_log(provider)
    for component in _machine(provider):
        yield component


def _component(
    name: str, good: bool, detail: str, fix: str | None = None, *, otherwise: HealthStatus = FAIL
) -> ComponentHealth:
    """`fix` says the way out of what is not good."""
    return ComponentHealth(component=name, status=OK if good else otherwise, detail=detail, fix=None if good else fix)


def _server(server: dict[str, Any]) -> ComponentHealth:
    good = server["version_number"] >= OLDEST_SERVER
    return _component("server version", good, f"PostgreSQL {server['version']}", "Use PostgreSQL 16 or newer.")


def _migrations(provider: PostgreSQLProvider, state: dict[str, Any]) -> ComponentHealth:
    version, newest = state["version"], facts.newest_migration(provider.target)
    fix = "Run `zava db migrate`." if version < newest else "Upgrade zava."
    return _component("migrations", version == newest, f"at {version} of {newest}", fix)


def _vector(server: dict[str, Any]) -> ComponentHealth:
    version = server["vector_version"]
    good = version is not None and tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_VECTOR
    fix = "Install pgvector 0.8 or newer, then `ALTER EXTENSION vector UPDATE`."
    return _component("pgvector", good, version or "not installed", fix)


def _login(login: dict[str, Any]) -> ComponentHealth:
    powers = [name for name in ("is_superuser", "bypasses_rls", "creates_roles", "creates_databases") if login[name]]
    powers += [f"can become {role}" for role in login["reachable_owners"]]
    powers += [f"owns {table}" for table in login["owned_tables"]]
    fix = "ZAVA_DATABASE_URL must log in as the gateway role that `zava db migrate` made."
    return _component("login", not powers, f"{login['login']}: {', '.join(powers) or 'no power over data'}", fix)


def _row_security(tables: list[dict[str, Any]]) -> ComponentHealth:
    open_tables = [table["name"] for table in tables if not table["is_forced"] or not table["policies"]]
    good = bool(tables) and not open_tables
    return _component(
        "row security", good,
        f"forced with policies on {len(tables)} tables"
        if good
        else f"not forced on: {', '.join(open_tables) or 'no table exists'}",
        "ALTER TABLE … FORCE ROW LEVEL SECURITY, or restore the schema with `zava db migrate`.",
    )  # fmt: skip


def _holes(holes: list[str]) -> ComponentHealth:
    detail = ", ".join(holes) or "no unreviewed definer function, no view without security_invoker"
    return _component("ways around", not holes, detail, "Drop them, or give the views security_invoker.")


def _operator_limits(server: dict[str, Any]) -> ComponentHealth:
    missing = ["temp_file_limit"] if server["temp_file_limit"] == "-1" else []
    missing += ["REVOKE EXECUTE ON set_config FROM PUBLIC"] if server["anyone_sets_config"] else []
    missing += ["REVOKE reltuples of pg_class FROM PUBLIC"] if server["anyone_counts_rows"] else []
    detail = f"missing: {', '.join(missing)}" if missing else "files bounded, set_config and counts reserved"
    fix = "Only a superuser can set these; row isolation holds without them."
    return _component("operator limits", not missing, detail, fix, otherwise=WARN)


async def _signing_key(provider: PostgreSQLProvider) -> ComponentHealth:
    try:
        held = provider.held_versions()
    except MCPError as error:
        return _component("signing key", False, error.message, error.hint)
    accepted = await provider.key_versions()
    usable = [version for version in held if version in accepted]
    if not usable:
        return _component(
            "signing key", False, f"this machine has {_numbers(held)}, the database accepts {_numbers(accepted)}",
            "Use the newest key file." if accepted else "Run `zava db migrate` once there are managers.",
            otherwise=FAIL if accepted else WARN,
        )  # fmt: skip
    end = accepted[usable[-1]]
    older = [f"version {v} is accepted until {e:%Y-%m-%d %H:%M %Z}" for v, e in accepted.items() if e]
    fix = "Copy the newest key file to this machine, or ask for a new one, before this one ends."
    return _component("signing key", not end, "; ".join([f"version {usable[-1]}", *older]), fix, otherwise=WARN)


def _numbers(versions: Collection[int]) -> str:
    return f"version {', '.join(map(str, versions))}" if versions else "none"


async def _as_manager(provider: PostgreSQLProvider, who: str | None) -> AsyncIterator[ComponentHealth]:
    if who is None and provider.settings.manager_key_file is None:
        for name in ("signed context", "embeddings"):
            yield _component(
                name, False, "needs somebody who asks", "Run again with --as NAME.", otherwise=HealthStatus.UNKNOWN
            )
        return
    try:
        caller = await provider.identify(who)
        yield await _signed_context(provider, caller)
        yield await _embeddings(provider, caller)
    except MCPError as error:
        yield _component("signed context", False, error.message, error.hint)


async def _signed_context(provider: PostgreSQLProvider, caller: Caller) -> ComponentHealth:
    stores = await facts.visible_stores(provider, caller)
    refused = await facts.forged_context_is_refused(provider, caller)
    forged = f"a forged context is {'refused' if refused else 'ACCEPTED'}"
    fix = "Run `zava db migrate` with the key that this database was set up with."
    detail = f"{caller.identity.name} sees {stores} store(s); {forged}"
    return _component("signed context", refused and stores > 0, detail, fix)


async def _embeddings(provider: PostgreSQLProvider, caller: Caller) -> ComponentHealth:
    coverage = await facts.embedding_coverage(provider, caller)
    if coverage is None:
        return _component("embeddings", False, "nothing is embedded", "Run `zava embed`.", otherwise=WARN)
    waiting, failed, oldest = coverage["waiting"], coverage["failed"], coverage["oldest"]
    has_index = coverage["is_indexed"] or coverage["embedded"] < INDEX_ROWS
    complete = coverage["embedded"] == coverage["products"] and not waiting + failed and has_index
    age = f", newest {coverage['last_updated']:%Y-%m-%d %H:%M}" if coverage["last_updated"] else ""
    backlog = f"; {waiting} wait and {failed} failed, since {oldest:%Y-%m-%d %H:%M}" if oldest else ""
    model = shown_name(coverage["model"])
    covered = f"{coverage['embedded']} of {coverage['products']} products with {model}{age}{backlog}"
    fix = "Run `zava embed`; `zava embed status` tells why some failed." if failed else NO_INDEX_FIX
    return _component("embeddings", complete, covered if has_index else f"{covered}; {NO_INDEX}", fix, otherwise=WARN)


def _audit_log(provider: PostgreSQLProvider) -> ComponentHealth:
    waiting, is_full = facts.waiting_records(provider.target)
    state = "and new ones are lost" if is_full else "to be written"
    detail = f"{waiting / 1000:,.1f} KB of records wait {state}" if waiting else "no record waits"
    fix = "They are written with the next command that reaches the database; --log-level info says what keeps them."
    return _component("audit log", not waiting, detail, fix, otherwise=WARN)


def _machine(provider: PostgreSQLProvider) -> list[ComponentHealth]:
    server = provider.target.embedded
    if server is None:
        unverified = facts.is_unverified_remote(provider.target.gateway_dsn)
        detail = "the server's certificate is not checked" if unverified else "local or verified"
        fix = "Add sslmode=verify-full to ZAVA_DATABASE_URL."
        return [_component("connection", not unverified, detail, fix, otherwise=WARN)]
    if not os.access(server.socket_folder, os.F_OK):
        # No server was ever started here, or it is somebody else's; of the database that was said.
        return []
    closed = server.socket_is_closed()
    free = shutil.disk_usage(server.root).free
    place = f"{server.socket_folder} is {'closed to others' if closed else 'open to others'}"
    scarce = WARN if free > NO_DISK else FAIL
    return [
        _component("socket folder", closed, place, f"chmod 700 '{server.socket_folder}'"),
        _component("disk", free > LOW_DISK, f"{free / (1 << 30):.1f} GiB free", "Free some space.", otherwise=scarce),
    ]


async def _provider_answers(source: EmbedderSource) -> ComponentHealth:
    try:
        return _component("embedding provider", True, await source.get().check())
    except EmbeddingError as error:
        return _component("embedding provider", False, error.message, error.hint, otherwise=WARN)


async def _cache(cache: QueryCache) -> ComponentHealth:
    if not cache.is_on:
        return _component("cache", True, "off: cache_seconds is 0")
    is_shared, counted = await cache.is_shared(), cache.statistics
    place = "Redis" if is_shared else f"memory, {counted.entries} answers, {counted.bytes / 1e6:.1f} MB"
    asked = counted.hits + counted.shared + counted.misses
    # A command has asked for none.
    use = f"; {counted.hits + counted.shared} of {asked} requests found their answer, {counted.errors} errors"
    good = is_shared is not False
    detail = f"{'' if good else f'{cache.trouble}; '}{place}{use if asked else ''}"
    fix = "Look whether Redis runs and ZAVA_REDIS_URL is right; it is used again within seconds of its return."
    return _component("cache", good, detail, fix, otherwise=WARN)
