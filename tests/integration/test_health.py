"""`zava health`: every component, each of them made ill for real."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from starlette.requests import Request

from tests.command_line import CommandLine
from tests.conftest import opened
from tests.redis_server import redis_server
from tests.small_data import Walls
from zava_cli.data import audit_backlog
from zava_cli.data.audit import keep_for_later
from zava_cli.data.target import Target
from zava_cli.infra.operations import OperationRecord, Way
from zava_cli.infra.settings import Settings
from zava_cli.models.health import ComponentHealth, HealthReport, HealthStatus
from zava_cli.server.http.health import HealthRoutes
from zava_cli.server.state import ServerState
from zava_cli.services import health
from zava_cli.services.health import check_health

OK, WARN, FAIL, UNKNOWN = HealthStatus.OK, HealthStatus.WARN, HealthStatus.FAIL, HealthStatus.UNKNOWN
ALWAYS = ["database", "server version", "migrations", "pgvector", "login", "row security", "ways around",
          "operator limits", "signing key", "signed context", "embeddings",
          "audit log"]  # fmt: skip
EMBEDDED = [*ALWAYS, "socket folder", "disk", "embedding provider"]
REMOTE = [*ALWAYS, "connection", "embedding provider"]


async def health_of(target: Target, who: str | None = "seattle") -> tuple[HealthReport, dict[str, ComponentHealth]]:
    """The report, and its components by name."""
    async with opened(target) as provider:
        report = await check_health(provider, who)
    return report, {component.component: component for component in report.components}


async def test_a_well_database_is_healthy_in_every_component(own_walls: Walls) -> None:
    report, found = await health_of(own_walls.target)
    assert list(found) == EMBEDDED
    assert {name: c.status for name, c in found.items() if c.status is not OK and name != "embedding provider"} == {}
    assert report.healthy
    assert all(c.fix is None for c in found.values() if c.status is OK)


async def test_a_server_without_an_operators_limits_is_warned_about_and_healthy(own_roles: Walls) -> None:
    # What zava's own server sets holds for this database too; the rest only a superuser can.
    report, found = await health_of(own_roles.target)
    assert list(found) == REMOTE
    assert (found["operator limits"].status, report.healthy) == (WARN, True)
    assert "set_config" in found["operator limits"].detail


ILLNESSES = {
    "no forced row security": ("ALTER TABLE retail.orders NO FORCE ROW LEVEL SECURITY", "row security", "orders"),
    "row security off": ("ALTER TABLE retail.customers DISABLE ROW LEVEL SECURITY", "row security", "customers"),
    "a new table": ("CREATE TABLE retail.notes (t text)", "row security", "notes"),
    "a missing migration": (
        "DELETE FROM ops.schema_migrations WHERE version = (SELECT max(version) FROM ops.schema_migrations)",
        "migrations", "at ",
    ),
    "a migration from the future": (
        "INSERT INTO ops.schema_migrations (version, name, checksum) VALUES (9999, '9999.sql', '')",
        "migrations", "at 9999",
    ),
    "a view with its owner's rights": (
        "CREATE VIEW public.sums AS SELECT sum(total_amount) FROM retail.orders", "ways around", "view public.sums",
    ),
    "a definer function": (
        "CREATE FUNCTION public.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
        " AS 'SELECT count(*) FROM retail.orders'",
        "ways around", "function peek()",
    ),
    "signatures that nobody checks": (
        "CREATE OR REPLACE FUNCTION security.context_manager() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER"
        " AS $$ SELECT split_part(current_setting('zava.context', true), '.', 2)::uuid $$",
        "signed context", "ACCEPTED",
    ),
}  # fmt: skip


@pytest.mark.parametrize("illness", ILLNESSES)
async def test_an_ill_database_is_unhealthy_where_it_is_ill_and_the_fix_is_said(own_walls: Walls, illness: str) -> None:
    sql, component, detail = ILLNESSES[illness]
    await own_walls.as_superuser(sql)
    report, found = await health_of(own_walls.target)
    assert not report.healthy
    assert [name for name, c in found.items() if c.status is FAIL] == [component]
    assert detail in found[component].detail
    assert found[component].fix


@pytest.mark.parametrize(
    ("sql", "detail"),
    [('ALTER ROLE "{gateway}" SUPERUSER', "is_superuser"), ('ALTER ROLE "{gateway}" BYPASSRLS', "bypasses_rls"),
     ('GRANT "{owner}" TO "{gateway}"', "can become {owner}"),
     ('GRANT "{security}" TO "{head_office}"', "can become {security}"),
     ('ALTER TABLE retail.orders OWNER TO "{gateway}"', "owns orders")],
)  # fmt: skip
async def test_a_login_that_may_do_more_than_ask_is_unhealthy(own_roles: Walls, sql: str, detail: str) -> None:
    names = {name: own_roles.role(name) for name in ("gateway", "owner", "security", "head_office")}
    await own_roles.as_superuser(sql.format(**names))
    report, found = await health_of(own_roles.target)
    assert (report.healthy, found["login"].status) == (False, FAIL)
    assert detail.format(**names) in found["login"].detail
    assert "ZAVA_DATABASE_URL" in str(found["login"].fix)


async def test_a_key_of_another_database_is_unhealthy(own_walls: Walls) -> None:
    own_walls.target.key_file.write_text("ab" * 32)
    report, found = await health_of(own_walls.target)
    assert (report.healthy, found["signed context"].status) == (False, FAIL)


async def test_without_anybody_who_asks_the_rest_is_still_checked(own_walls: Walls) -> None:
    report, found = await health_of(own_walls.target, None)
    assert (report.healthy, found["signed context"].status, found["row security"].status) == (True, UNKNOWN, OK)
    assert "--as" in str(found["signed context"].fix)
    stranger, _ = await health_of(own_walls.target, "mallory")
    assert not stranger.healthy


@pytest.mark.parametrize(
    ("sql", "detail"),
    [("DELETE FROM retail.product_description_embeddings WHERE product_id = "
      "(SELECT product_id FROM retail.products WHERE sku = 'SKU1')", "4 of 5 products with tiny"),
     ("UPDATE retail.embedding_models SET is_active = false", "nothing is embedded")],
)  # fmt: skip
async def test_missing_embeddings_are_a_warning(own_walls: Walls, sql: str, detail: str) -> None:
    await own_walls.as_superuser(sql)
    report, found = await health_of(own_walls.target)
    assert (report.healthy, found["embeddings"].status, found["embeddings"].fix) == (True, WARN, "Run `zava embed`.")
    assert detail in found["embeddings"].detail


async def test_many_vectors_without_an_index_are_a_warning(own_walls: Walls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "INDEX_ROWS", 5)
    _, found = await health_of(own_walls.target)
    assert (found["embeddings"].status, found["embeddings"].fix) == (WARN, "Run `zava embed`.")
    assert "no index" in found["embeddings"].detail


async def test_audit_records_that_wait_for_the_database_are_a_warning_until_it_has_them(own_walls: Walls) -> None:
    keep_for_later(own_walls.target, [OperationRecord("query", sql="select 'correct-horse'" + " " * 2_000)])
    report, found = await health_of(own_walls.target)
    assert (report.healthy, found["audit log"].status) == (True, WARN)
    assert found["audit log"].detail == "2.3 KB of records wait to be written"
    assert found["audit log"].fix
    # As a command it has the database take them, once its answer is out.
    zava = CommandLine(own_walls.target, "seattle")
    assert "records wait" in (await asyncio.to_thread(zava, "health")).out
    assert "no record waits" in (await asyncio.to_thread(zava, "health")).out


async def test_an_audit_log_that_loses_records_says_so(own_walls: Walls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_backlog, "PART_BYTES", 10)
    monkeypatch.setattr(audit_backlog, "MOST_PARTS", 1)
    for _ in range(3):
        keep_for_later(own_walls.target, [OperationRecord("query")])
    _, found = await health_of(own_walls.target)
    assert found["audit log"].detail.endswith("wait and new ones are lost")


async def test_an_open_socket_folder_is_unhealthy(own_walls: Walls) -> None:
    server = own_walls.target.embedded
    assert server is not None
    server.socket_folder.chmod(0o711)
    try:
        report, found = await health_of(own_walls.target)
    finally:
        server.socket_folder.chmod(0o700)
    assert (report.healthy, found["socket folder"].status) == (False, FAIL)
    assert "chmod 700" in str(found["socket folder"].fix)


async def test_a_database_that_does_not_answer_is_unhealthy_and_its_url_stays_hidden(own_walls: Walls) -> None:
    url = "postgresql://zava_gateway:correct-horse@127.0.0.1:1/zava"
    settings = Settings.model_validate({"database_url": url, "data_dir": own_walls.target.settings.data_dir})
    report, found = await health_of(Target(settings))
    assert (report.healthy, found["database"].status) == (False, FAIL)
    assert "zava db status" in str(found["database"].fix)
    assert list(found) == ["database", "audit log", "connection", "embedding provider"]
    assert "correct-horse" not in report.model_dump_json()


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-full"])
async def test_a_connection_to_another_machine_that_checks_no_certificate_is_a_warning(mode: str) -> None:
    url = f"postgresql://zava_gateway@db.invalid/zava?sslmode={mode}"
    _, found = await health_of(Target(Settings.model_validate({"database_url": url})))
    expected = OK if mode == "verify-full" else WARN
    assert found["connection"].status is expected


async def test_an_embedding_service_that_cannot_be_used_is_a_warning(own_walls: Walls) -> None:
    settings = own_walls.target.settings.model_copy(
        update={"embedding_provider": "openai", "embedding_base_url": "http://127.0.0.1:1/v1"}
    )
    report, found = await health_of(Target(settings))
    assert (report.healthy, found["embedding provider"].status) == (True, WARN)
    assert found["embedding provider"].fix


async def test_the_command_ends_with_0_when_healthy_and_with_1_and_the_fix_when_not(own_walls: Walls) -> None:
    zava = CommandLine(own_walls.target, "seattle")
    well = await asyncio.to_thread(zava, "health", "--format", "json")
    assert (well.code, json.loads(well.out)["healthy"], well.err) == (0, True, "")
    await own_walls.as_superuser("ALTER TABLE retail.orders NO FORCE ROW LEVEL SECURITY")
    ill = await asyncio.to_thread(zava, "health")
    assert ill.code == 1
    assert "not forced on: orders" in ill.out
    assert "FORCE ROW LEVEL" in ill.out


def test_the_terminal_looks_whether_the_redis_of_the_settings_answers(target: Target) -> None:
    def cache(**variables: str) -> list[dict[str, str]]:
        done = CommandLine(target, "seattle")("health", "--format", "json", **variables)
        assert done.code == 0, done.err
        return [c for c in json.loads(done.out)["components"] if c["component"] == "cache"]

    assert cache() == []
    with redis_server() as redis:
        assert [(c["status"], c["detail"]) for c in cache(ZAVA_REDIS_URL=redis.url)] == [("ok", "Redis")]
        redis.kill()
        [away] = cache(ZAVA_REDIS_URL=redis.url)
    assert away["status"] == "warn"
    assert "Redis does not answer" in away["detail"] and "ZAVA_REDIS_URL" in away["fix"]


async def test_a_server_that_has_much_to_do_is_ready_all_the_same(target: Target) -> None:
    state = ServerState(target, None, Way.MCP_HTTP)
    routes = HealthRoutes(state, is_open=False)

    async def work() -> None:
        while True:
            # Longer, together, than a silent database is waited for.
            time.sleep(0.5)  # noqa: ASYNC251
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    try:
        answer = await routes.ready(Request({"type": "http"}))
    finally:
        working.cancel()
        await state.provider.close()
    assert answer.status_code == 200
