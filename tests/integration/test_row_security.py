"""Who sees which rows, measured at the gateway login against rows that are known."""

from __future__ import annotations

import time

import asyncpg
import pytest

from tests.small_data import MANAGERS, ORDERS, TABLES, Walls, expected
from zava_cli.data.database import PostgreSQLProvider

ROLES = ["store_managers", "regional_managers", "head_office"]

# Each form counts the rows of {table} that the statement can reach, by another way of the planner.
FORMS = {
    "select": "SELECT * FROM {table}",
    "aggregate": "SELECT n FROM (SELECT count(*) AS n FROM {table}) t, generate_series(1, n)",
    "join": "SELECT 1 FROM {table} a JOIN {table} b ON a::text = b::text",
    "CTE": "WITH t AS MATERIALIZED (SELECT * FROM {table}) SELECT * FROM t",
    "sub-query": "SELECT (SELECT 1) FROM (SELECT * FROM {table} OFFSET 0) t",
    "window": "SELECT row_number() OVER () FROM {table}",
    "EXISTS": "SELECT 1 FROM {table} a WHERE EXISTS (SELECT FROM {table} b WHERE b::text = a::text)",
    "set operation": "SELECT a::text FROM {table} a UNION SELECT b::text FROM {table} b",
    "lateral": "SELECT 1 FROM (VALUES (1)) v, LATERAL (SELECT * FROM {table}) t",
    "TABLE": "TABLE {table}",
    "recursion": "WITH RECURSIVE t(c) AS (SELECT a::text FROM {table} a UNION SELECT t.c FROM t) SELECT c FROM t",
    "grouping sets": "SELECT a::text FROM {table} a GROUP BY GROUPING SETS ((a::text))",
}


async def test_the_known_tables_are_all_tables_of_the_schema(walls: Walls) -> None:
    rows = await walls.as_superuser(
        "SELECT relname FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relkind = 'r'"
    )
    assert {row[0] for row in rows} == set(TABLES)


@pytest.mark.parametrize("manager", MANAGERS)
async def test_the_known_counts_are_what_the_superuser_counts(walls: Walls, manager: str) -> None:
    stores = [f"{city}, WA" for city in MANAGERS[manager][1]]
    for table in ("customers", "orders", "order_items", "inventory", "stores"):
        rows = await walls.as_superuser(
            f"SELECT count(*) FROM retail.{table} WHERE store_id IN"
            " (SELECT store_id FROM retail.stores WHERE location = ANY ($1))",
            stores,
        )
        assert rows[0][0] == expected(manager, table), table


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("manager", MANAGERS)
async def test_each_manager_gets_exactly_their_rows_from_every_table(
    gateway: PostgreSQLProvider, manager: str, form: str
) -> None:
    caller = await gateway.identify(manager)
    counted: dict[str, int] = {}
    async with gateway.reader(caller) as session:
        for table in TABLES:
            counted[table] = len(await session.rows(FORMS[form].format(table=table)))
    assert counted == {table: expected(manager, table) for table in TABLES}


@pytest.mark.parametrize("manager", MANAGERS)
async def test_the_visible_rows_belong_to_the_managers_own_stores(gateway: PostgreSQLProvider, manager: str) -> None:
    caller = await gateway.identify(manager)
    async with gateway.reader(caller) as session:
        stores = {row["location"] for row in await session.rows("SELECT location FROM stores")}
        people = {row["first_name"] for row in await session.rows("SELECT DISTINCT first_name FROM customers")}
        oneself = [row["name"] for row in await session.rows("SELECT name FROM managers")]
    assert stores == {f"{city}, WA" for city in MANAGERS[manager][1]}
    assert people == set(MANAGERS[manager][1])
    assert oneself == [manager]


@pytest.mark.parametrize("role", ROLES)
async def test_without_a_context_every_table_is_empty_for_every_role(walls: Walls, role: str) -> None:
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        await connection.execute(f'SET ROLE "{walls.role(role)}"')
        for context in (None, ""):
            if context is not None:
                await connection.execute("SET zava.context = ''")
            counted = {table: await connection.fetchval(f"SELECT count(*) FROM retail.{table}") for table in TABLES}
            assert counted == dict.fromkeys(TABLES, 0)
    finally:
        await connection.close()


async def test_the_gateway_itself_reads_no_table_at_all(walls: Walls) -> None:
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    others = ["ops.settings", "ops.load_runs", "ops.schema_migrations", "security.settings", "security.manager_keys"]
    try:
        for table in [f"retail.{table}" for table in TABLES] + others:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table}")
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_reads_keys_settings_or_loads(walls: Walls, role: str) -> None:
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        await connection.execute(f'SET ROLE "{walls.role(role)}"')
        for table in ("ops.settings", "ops.load_runs", "ops.schema_migrations", "security.settings",
                      "security.manager_keys"):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table}")
        for call in ("security.resolve_identity('Tom Tacoma')", "security.database_identity()",
                     "security.key_versions()", "security.key_check('', '')"):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {call}")
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["owner", "security"])
async def test_the_gateway_cannot_become_an_owner(walls: Walls, role: str) -> None:
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        for statement in ("SET ROLE", "SET SESSION AUTHORIZATION"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f'{statement} "{walls.role(role)}"')
        for victim in ("postgres", "pg_read_all_data"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SET ROLE {victim}")
    finally:
        await connection.close()


async def test_the_gateway_has_no_power_beyond_its_three_roles(walls: Walls) -> None:
    rows = await walls.as_superuser(
        """SELECT r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolinherit,
                  ARRAY(SELECT roleid::regrole::text FROM pg_auth_members
                        WHERE member = r.oid AND set_option AND NOT inherit_option AND NOT admin_option ORDER BY 1),
                  (SELECT count(*) FROM pg_auth_members WHERE member = r.oid)
           FROM pg_roles r WHERE rolname = $1""",
        walls.role("gateway"),
    )
    assert tuple(rows[0]) == (False, sorted(walls.role(role) for role in ROLES), 3)


@pytest.mark.parametrize("role", ["gateway", *ROLES])
async def test_no_role_writes_anything_even_in_a_transaction_that_may(
    walls: Walls, gateway: PostgreSQLProvider, role: str
) -> None:
    caller = await gateway.identify("Hedda Office")
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    statements = [
        statement
        for table in [*(f"retail.{t}" for t in TABLES), "ops.settings", "security.settings", "security.manager_keys"]
        for statement in (
            f"INSERT INTO {table} SELECT * FROM {table}", f"UPDATE {table} SET created_at = now()",
            f"DELETE FROM {table}", f"TRUNCATE {table}", f"DROP TABLE {table}", f"SELECT * FROM {table} FOR UPDATE",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", f"COPY {table} FROM STDIN",
            f"CREATE POLICY p ON {table} USING (true)", f"CREATE INDEX ON {table} (created_at)",
            f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", f"COMMENT ON TABLE {table} IS 'x'",
        )
    ]  # fmt: skip
    statements += [
        "CREATE TABLE public.mine (a int)", "CREATE TABLE retail.mine (a int)", "CREATE TEMP TABLE mine (a int)",
        "CREATE TEMP VIEW mine AS SELECT 1", "CREATE SCHEMA mine", "CREATE EXTENSION plpgsql SCHEMA public",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE ROLE mine",
        "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE DATABASE mine",
        "CREATE OR REPLACE FUNCTION security.sees_all_stores() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE SEQUENCE public.mine", "CREATE TYPE public.mine AS (a int)", "VACUUM FULL", "CHECKPOINT",
        "ALTER SYSTEM SET work_mem = '1GB'", f'GRANT "{walls.role("owner")}" TO "{walls.role("gateway")}"',
        f'ALTER ROLE "{walls.role("gateway")}" SUPERUSER', f'ALTER ROLE "{walls.role("gateway")}" BYPASSRLS',
        "CREATE PUBLICATION mine", "SET session_replication_role = 'replica'",
    ]  # fmt: skip
    before = await _everything(walls)
    allowed: list[str] = []
    try:
        context = caller.sign(connection.get_server_pid(), time.time(), 600)
        await connection.execute("SELECT set_config('zava.context', $1, false)", context)
        if role != "gateway":
            await connection.execute(f'SET ROLE "{walls.role(role)}"')
        for statement in statements:
            try:
                await connection.execute(statement)
                allowed.append(statement)
            except asyncpg.PostgresError:
                continue
    finally:
        await connection.close()
    # VACUUM skips, with a warning, every table that one does not own.
    assert [statement for statement in allowed if statement != "VACUUM FULL"] == []
    assert await _everything(walls) == before


async def _everything(walls: Walls) -> list[str]:
    counts = [await walls.as_superuser(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM retail.{table} t")
              for table in TABLES]  # fmt: skip
    catalog = await walls.as_superuser(
        "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_policy),"
        " (SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'),"
        " (SELECT count(*) FROM pg_largeobject_metadata)"
    )
    return [str(rows) for rows in [*counts, catalog]]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("manager", ["Sam Seattle", "Rita Region", "Hedda Office"])
async def test_a_role_never_adds_rows_to_what_the_signed_identity_may_see(
    walls: Walls, gateway: PostgreSQLProvider, role: str, manager: str
) -> None:
    caller = await gateway.identify(manager)
    own = {"store_manager": "store_managers", "regional_manager": "regional_managers", "head_office": "head_office"}
    async with gateway.reader(caller) as session:
        mine = {row["order_id"] for row in await session.rows("SELECT order_id FROM orders")}
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        context = caller.sign(connection.get_server_pid(), time.time(), 600)
        await connection.execute("SELECT set_config('zava.context', $1, false)", context)
        await connection.execute(f'SET ROLE "{walls.role(role)}"')
        seen = {row[0] for row in await connection.fetch("SELECT order_id FROM retail.orders")}
    finally:
        await connection.close()
    assert seen <= mine
    if role == own[caller.identity.role.value]:
        assert seen == mine and len(mine) == expected(manager, "orders")
    if role == "head_office" and manager != "Hedda Office":
        assert seen == set()


async def test_a_new_table_shows_nothing_until_it_is_granted(own_walls: Walls) -> None:
    from zava_cli.data.admin import admin_connection, owner_transaction

    async with admin_connection(own_walls.target) as connection, owner_transaction(connection, own_walls.target):
        await connection.execute("CREATE TABLE retail.secrets AS SELECT 1 AS a")
    connection = await asyncpg.connect(own_walls.target.gateway_dsn)
    try:
        for role in ROLES:
            await connection.execute(f'SET ROLE "{own_walls.role(role)}"')
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("SELECT * FROM retail.secrets")
    finally:
        await connection.close()


async def test_the_three_stores_differ_so_that_a_mix_up_would_show() -> None:
    assert len(set(ORDERS.values())) == len(ORDERS)
