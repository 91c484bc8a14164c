"""The catalog itself: nothing in it goes around the walls, and everything in it is explained."""

from __future__ import annotations

import time

import asyncpg
import pytest

from tests.conftest import opened
from tests.small_data import TABLES, Walls
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.health import REVIEWED_DEFINER_FUNCTIONS, catalog_facts

OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'"


async def test_every_table_column_schema_and_function_has_a_comment(walls: Walls) -> None:
    rows = await walls.as_superuser(
        f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE {OURS} AND c.relkind IN ('r', 'p', 'v', 'm') AND obj_description(c.oid, 'pg_class') IS NULL
            UNION ALL
            SELECT c.oid::regclass || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE {OURS} AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
              AND coalesce(col_description(c.oid, a.attnum), '') = ''
            UNION ALL
            SELECT p.oid::regprocedure::text FROM pg_proc p
            WHERE p.pronamespace::regnamespace::text IN ('security', 'audit')
              AND obj_description(p.oid, 'pg_proc') IS NULL
            UNION ALL
            SELECT n.nspname FROM pg_namespace n WHERE {OURS} AND obj_description(n.oid, 'pg_namespace') IS NULL"""
    )
    assert rows == []


async def test_every_table_says_when_a_row_was_written_and_changed(walls: Walls) -> None:
    rows = await walls.as_superuser(
        """SELECT c.oid::regclass::text FROM pg_class c
           WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('retail', 'ops', 'security')
             AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid
                  AND a.attname IN ('created_at', 'updated_at', 'last_updated')
                  AND a.atttypid = 'timestamptz'::regtype) <> 2"""
    )
    assert rows == []


async def test_every_key_of_a_stores_tables_starts_with_the_store(walls: Walls) -> None:
    transactional = ["customers", "orders", "order_items", "inventory"]
    rows = await walls.as_superuser(
        """SELECT c.conrelid::regclass::text AS relation, c.conname, c.contype::text, a.attname,
                  EXISTS (SELECT FROM pg_attribute f
                          WHERE f.attrelid = c.confrelid AND f.attname = 'store_id') AS to_store
           FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
           WHERE c.contype IN ('p', 'u', 'f', 'x') AND c.connamespace = 'retail'::regnamespace
             AND c.conrelid::regclass::text = ANY ($1)
           UNION ALL
           SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, 'u', a.attname, true
           FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
           WHERE i.indisunique AND i.indrelid::regclass::text = ANY ($1)""",
        [f"retail.{table}" for table in transactional],
    )
    keys = [row for row in rows if row["contype"] != "f" or row["to_store"]]
    assert {row["relation"] for row in keys} == {f"retail.{table}" for table in transactional}
    assert [tuple(row) for row in keys if row["attname"] != "store_id"] == []


async def test_every_table_of_a_store_and_no_other_carries_the_store(walls: Walls) -> None:
    rows = await walls.as_superuser(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'store_id'"
        " WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind = 'r'"
    )
    assert {row[0] for row in rows} == {"customers", "orders", "order_items", "inventory", "stores", "manager_stores"}


async def test_row_security_is_on_and_forced_with_policies_on_every_table(walls: Walls) -> None:
    rows = await walls.as_superuser(
        """SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole::text,
                  (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
           FROM pg_class c WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind IN ('r', 'p')"""
    )
    assert {row["relname"] for row in rows} == set(TABLES)
    for row in rows:
        assert row["relrowsecurity"] and row["relforcerowsecurity"], row
        assert row["relowner"] == walls.role("owner") and row["policies"] >= 2, row


async def test_every_policy_is_for_named_roles_and_only_the_owner_may_write(walls: Walls) -> None:
    rows = await walls.as_superuser(
        "SELECT polname, polcmd::text, polpermissive, polroles, (SELECT array_agg(r::regrole::text ORDER BY 1)"
        " FROM unnest(polroles) r) AS roles FROM pg_policy"
    )
    for row in rows:
        assert 0 not in row["polroles"], f"{row['polname']} is for everybody"
        assert row["polcmd"] == "r" or row["roles"] == [walls.role("owner")], row["polname"]


async def test_the_managers_roles_may_select_and_nothing_else(walls: Walls) -> None:
    rows = await walls.as_superuser(
        """SELECT DISTINCT n.nspname, x.grantee::regrole::text AS grantee, x.privilege_type
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                LATERAL (SELECT c.relacl UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = c.oid) a (acl),
                aclexplode(a.acl) x
           WHERE n.nspname IN ('retail', 'ops', 'security') AND x.grantee <> c.relowner"""
    )
    found = {tuple(row) for row in rows}
    managers = {walls.role(role) for role in ("store_managers", "regional_managers", "head_office")}
    assert found == {("retail", role, "SELECT") for role in managers} | {
        (schema, walls.role("security"), "SELECT") for schema in ("retail", "ops")
    }


async def test_no_view_runs_with_its_owners_rights(walls: Walls) -> None:
    rows = await walls.as_superuser(
        f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE {OURS} AND c.relkind IN ('v', 'm')
              AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)"""
    )
    assert rows == []


async def test_definer_functions_are_the_reviewed_ones_with_a_fixed_path_and_not_for_everybody(walls: Walls) -> None:
    rows = await walls.as_superuser(
        f"""SELECT n.nspname || '.' || p.proname AS name, p.proconfig, p.proowner::regrole::text AS owner,
                   p.provolatile::text AS volatility, p.proparallel::text AS parallel,
                   EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
                           WHERE x.grantee = 0) AS for_everybody
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS} AND p.prosecdef ORDER BY 1"""
    )
    assert [row["name"] for row in rows] == sorted(REVIEWED_DEFINER_FUNCTIONS)
    for row in rows:
        assert row["proconfig"][0] == "search_path=pg_catalog, pg_temp", row["name"]
        assert row["owner"] == walls.role("security") and not row["for_everybody"], row["name"]
        if row["name"] == "security.database_identity":
            # Nothing that it says can change while a server process lives: see its migration.
            assert row["volatility"] == "i" and row["parallel"] == "s"
        # The one writes; of the other parts ask the planner for a number, which only a volatile function may.
        elif row["name"] not in ("audit.append", "security.products_by_words"):
            assert row["volatility"] == "s" and row["parallel"] in "rs", row["name"]


async def test_of_the_security_functions_the_gateway_may_call_ten_and_a_manager_thirteen(walls: Walls) -> None:
    rows = await walls.as_superuser(
        "SELECT r.rolname, array_agg(p.proname::text ORDER BY p.proname) AS functions FROM pg_roles r, pg_proc p"
        " WHERE p.pronamespace = 'security'::regnamespace AND r.rolname = ANY ($1)"
        " AND has_function_privilege(r.oid, p.oid, 'EXECUTE') GROUP BY 1",
        [walls.role(role) for role in ("gateway", "store_managers", "regional_managers", "head_office")],
    )
    found = {row["rolname"]: row["functions"] for row in rows}
    assert found.pop(walls.role("gateway")) == [
        "context_manager", "database_identity", "key_versions", "migration_state", "reading_state", "require_token",
        "resolve_identity", "resolve_subject", "resolve_token", "set_up",
    ]  # fmt: skip
    assert all(
        functions == [
            "allowed_store_id", "allowed_store_ids", "context_manager", "embedding_backlog", "products_by_words",
            "products_compared", "products_holding", "products_in_stock", "products_named", "products_of_sku",
            "question_read", "search_at_once", "sees_all_stores",
        ]
        for functions in found.values()
    )  # fmt: skip
    assert len(found) == 3


async def test_the_owners_are_no_logins_and_nobodys_members(walls: Walls) -> None:
    rows = await walls.as_superuser(
        "SELECT rolname, rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolinherit AS power,"
        " (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) AS member_of"
        " FROM pg_roles r WHERE rolname = ANY ($1)",
        [walls.role("owner"), walls.role("security")],
    )
    assert [(row["power"], row["member_of"]) for row in rows] == [(False, 0), (False, 0)]


async def test_everybody_may_do_nothing_in_the_database(walls: Walls) -> None:
    rows = await walls.as_superuser(
        """SELECT has_database_privilege('public', current_database(), 'CONNECT, TEMPORARY, CREATE'),
                  has_schema_privilege('public', 'public', 'CREATE'),
                  has_schema_privilege('public', 'retail', 'USAGE, CREATE'),
                  has_schema_privilege('public', 'ops', 'USAGE, CREATE'),
                  has_schema_privilege('public', 'security', 'USAGE, CREATE')"""
    )
    assert not any(rows[0])


async def test_where_set_up_ran_as_superuser_dangerous_functions_are_reserved(walls: Walls) -> None:
    rows = await walls.as_superuser(
        """SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
           AND (p.proname IN ('set_config', 'ts_stat', 'lo_creat', 'lo_create', 'lo_from_bytea')
                OR p.proname ~ '_to_xml' OR p.oid = 'ts_rewrite(tsquery,text)'::regprocedure)
           AND has_function_privilege('public', p.oid, 'EXECUTE')"""
    )
    assert bool(rows) == (walls.kind == "no superuser")
    usage = await walls.as_superuser("SELECT has_language_privilege('public', 'plpgsql', 'USAGE')")
    assert usage[0][0] == (walls.kind == "no superuser")


async def test_health_finds_no_hole_and_finds_one_that_is_made(own_walls: Walls) -> None:
    async with opened(own_walls.target) as provider:
        facts = await catalog_facts(provider)
        assert facts["holes"] == [] and facts["login"]["reachable_owners"] == []
        await own_walls.as_superuser("CREATE VIEW retail.careless AS SELECT * FROM retail.orders")
        await own_walls.as_superuser(
            "CREATE FUNCTION retail.careless() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
        )
        holes = (await catalog_facts(provider))["holes"]
        assert holes == ["function retail.careless()", "view retail.careless"]


@pytest.mark.parametrize(
    ("manager", "role", "function"),
    [
        ("Sam Seattle", "store_managers", "allowed_store_id"),
        ("Rita Region", "regional_managers", "allowed_store_ids"),
        ("Hedda Office", "head_office", "sees_all_stores"),
    ],
)
async def test_a_policy_asks_who_it_is_once_per_query(
    walls: Walls, gateway: PostgreSQLProvider, manager: str, role: str, function: str
) -> None:
    caller = await gateway.identify(manager)
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        context = caller.sign(connection.get_server_pid(), time.time(), 600)
        await connection.execute("SELECT set_config('zava.context', $1, false)", context)
        await connection.execute(f'SET ROLE "{walls.role(role)}"')
        for table in ("orders", "order_items", "customers", "inventory", "stores"):
            plan = await connection.fetch(f"EXPLAIN (ANALYZE, VERBOSE, TIMING OFF) SELECT count(*) FROM retail.{table}")
            lines = [row[0].strip() for row in plan]
            at = next(n for n, line in enumerate(lines) if f"security.{function}()" in line)
            assert any(line.startswith("InitPlan") for line in lines[:at]), lines
            assert sum(f"security.{function}()" in line for line in lines) == 1
            assert "loops=1)" in lines[at - 1]
    finally:
        await connection.close()
