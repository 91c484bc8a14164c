"""What an attacker would send; {…} stands for a role of zava, or a forged context."""

from __future__ import annotations

from pathlib import Path


def attack_statements() -> list[str]:
    """The statements of tests/unit/attack_statements.sql, whose lines start with neither `== ` nor a remark."""
    text = (Path(__file__).parent / "unit" / "attack_statements.sql").read_text(encoding="utf-8")
    families = text[text.index("== ") :].splitlines()
    return [line.replace("\\n", "\n") for line in families if line.strip() and not line.startswith("== ")]


# One statement each, sent as it is.
STATEMENTS = [
    "DO $$ BEGIN RAISE EXCEPTION 'n=%', (SELECT max(email) FROM retail.customers); END $$",
    "DO $$ BEGIN SET LOCAL ROLE {head_office}; RAISE NOTICE 'n=%', (SELECT max(email) FROM retail.customers); END $$",
    "DO $$ BEGIN SET LOCAL zava.context = '{forged}'; RAISE '%', (SELECT count(*) FROM retail.orders); END $$",
    "DO $$ BEGIN SET LOCAL ROLE none; SET LOCAL ROLE {owner}; RAISE '%', (SELECT count(*) FROM retail.orders); END $$",
    "CREATE FUNCTION pg_temp.f() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
    "CREATE FUNCTION public.f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM retail.orders'",
    "SET ROLE none", "RESET ROLE", "SET ROLE {head_office}", "SET ROLE {owner}", "SET ROLE postgres",
    "SET SESSION AUTHORIZATION {owner}", "SET LOCAL zava.context = '{forged}'", "RESET ALL", "DISCARD ALL",
    "SET row_security = off", "SET TRANSACTION READ WRITE", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", "PREPARE TRANSACTION 'a'",
    "PREPARE p AS SELECT * FROM retail.customers", "EXECUTE p", "DEALLOCATE ALL",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM retail.customers", "FETCH ALL FROM c",
    "CREATE TEMP TABLE t AS SELECT * FROM retail.customers", "SELECT * INTO TEMP t FROM retail.customers",
    "COPY (SELECT 1) TO PROGRAM 'id'", "COPY retail.customers TO '/tmp/zava-leak'", "COPY retail.orders FROM STDIN",
    "COPY (SELECT * FROM retail.customers) TO STDOUT",
    "SELECT lo_import('/etc/passwd')", "SELECT lo_creat(-1)", "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_export(1, '/tmp/zava-leak')", "SELECT * FROM pg_largeobject",
    "SELECT pg_read_file('/etc/passwd')", "SELECT pg_read_binary_file('PG_VERSION')", "SELECT pg_ls_dir('.')",
    "SELECT pg_ls_logdir()", "SELECT pg_stat_file('PG_VERSION')", "SELECT pg_current_logfile()",
    "SELECT pg_read_server_files()", "SELECT * FROM pg_authid", "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_hba_file_rules", "SELECT * FROM pg_file_settings", "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_stats WHERE schemaname = 'retail'", "SELECT * FROM pg_stats_ext", "SELECT * FROM pg_user_mapping",
    "SELECT * FROM pg_config", "SELECT * FROM pg_subscription", "SELECT pg_reload_conf()", "SELECT pg_rotate_logfile()",
    "SELECT dblink('host=/tmp', 'SELECT 1')", "CREATE EXTENSION dblink", "CREATE EXTENSION postgres_fdw",
    "LOAD 'auto_explain'", "SELECT pg_create_logical_replication_slot('a', 'test_decoding')",
    "SELECT pg_create_physical_replication_slot('a')", "SELECT pg_switch_wal()", "SELECT pg_promote()",
    "SELECT * FROM security.manager_keys", "SELECT * FROM security.settings", "SELECT * FROM ops.load_runs",
    "SELECT * FROM security.resolve_identity('Hedda Office')", "SELECT security.database_identity()",
    "SELECT security.context_manager(), security.allowed_store_ids(), security.sees_all_stores()",
    "SELECT * FROM managers", "SELECT * FROM manager_stores", "SELECT * FROM stores",
    "SELECT (SELECT max(email) FROM retail.customers WHERE store_id <> (SELECT store_id FROM stores))::integer",
    "SELECT 1 / (SELECT count(*) - 1117 FROM customers WHERE first_name <> 'Seattle')",
    "SELECT * FROM customers WHERE first_name = 'Bell' || 'evue' OR 1 / (length(email) - 19) = 0",
    "WITH gone AS (DELETE FROM retail.customers RETURNING *) SELECT * FROM gone",
    "WITH new AS (UPDATE retail.orders SET status = 'returned' RETURNING *) SELECT count(*) FROM new",
    "INSERT INTO retail.stores SELECT * FROM retail.stores", "TRUNCATE retail.orders", "DROP SCHEMA retail CASCADE",
    "MERGE INTO retail.orders o USING retail.orders p ON false WHEN NOT MATCHED THEN DO NOTHING",
    "ALTER ROLE CURRENT_USER SET zava.context = 'x'", "ALTER ROLE {gateway} PASSWORD 'x'", "ALTER SYSTEM SET jit = on",
    "GRANT {head_office} TO PUBLIC", "ALTER TABLE retail.orders NO FORCE ROW LEVEL SECURITY",
    "CREATE POLICY all_of_it ON retail.orders USING (true)", "COMMENT ON TABLE retail.orders IS 'x'",
    "LOCK TABLE retail.orders", "SELECT * FROM orders FOR UPDATE", "VACUUM", "ANALYZE", "CHECKPOINT",
    "REINDEX SCHEMA retail",
    "NOTIFY zava", "LISTEN zava", "SELECT pg_notify('zava', 'x')", "CALL f()",
    "IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c",
    "SELECT cursor_to_xml('c', 10, true, true, '')", "SELECT schema_to_xml('retail', true, true, '')",
    "SELECT table_to_xml('retail.customers', true, true, '')", "SELECT database_to_xml(true, true, '')",
    "SELECT pg_get_viewdef('pg_views'::regclass)", "SELECT row_to_json(c) FROM customers c", "TABLE customers",
    "SELECT * FROM customers WHERE ctid >= '(0,0)'", "SELECT currtid2('retail.customers', '(0,1)')",
    "SELECT pg_logical_emit_message(true, 'a', 'b')", "SELECT pg_export_snapshot()",
    "SELECT pg_import_system_collations('retail')",
]  # fmt: skip

# Several statements at once, in a protocol that zava does not use for users' SQL.
SEVERAL = [
    "COMMIT; SET ROLE {head_office}; SELECT (SELECT max(email) FROM retail.customers)::integer",
    "COMMIT; SET zava.context = '{forged}'; SET ROLE {head_office}; SELECT (SELECT max(email) FROM retail.orders)::int",
    "COMMIT; BEGIN READ WRITE; SET LOCAL ROLE {owner}; DELETE FROM retail.orders; COMMIT",
    "ROLLBACK; SET ROLE none; SELECT (SELECT string_agg(name, ',') FROM retail.stores)::integer",
    "SET ROLE none; SELECT (SELECT max(email) FROM retail.customers)::integer",
    "SET LOCAL zava.context = ''; SELECT 1 / (SELECT count(*) - 0 FROM retail.customers)",
    "SELECT set_config('zava.context', '{forged}', false); SELECT (SELECT max(email) FROM retail.customers)::integer",
    "COMMIT; SET ROLE {head_office}; CREATE TEMP TABLE t AS TABLE retail.customers; SELECT max(email)::int FROM t",
    "COMMIT; BEGIN READ WRITE; UPDATE retail.orders SET status = 'returned'; COMMIT",
    "COMMIT; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM retail.inventory",
    "PREPARE p AS SELECT max(email)::integer FROM retail.customers; SET ROLE {head_office}; EXECUTE p",
    "PREPARE p AS SELECT max(email)::integer FROM retail.customers; SET ROLE {regional_managers}; EXECUTE p",
    "DECLARE c CURSOR FOR SELECT max(email)::integer FROM retail.customers; SET ROLE {head_office}; FETCH ALL FROM c",
    "COMMIT; SET row_security = off; SET ROLE {head_office}; SELECT (SELECT max(email) FROM retail.customers)::integer",
]  # fmt: skip
