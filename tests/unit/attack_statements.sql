-- Statements that harm or reveal, one a line, by family. Written before the guard's lists were read: an
-- independent check of them. `\n` is a line break. The first run let 26 of 627 through: pg_class with its
-- counts, and names of functions as regproc.

== several statements: the second one escapes every check of the first
SELECT 1; SELECT 2
SELECT 1; DELETE FROM orders
COMMIT; DELETE FROM orders
SELECT 1;;DROP TABLE retail.orders;
SELECT 1 /* ; */ ; DROP TABLE orders
SELECT 1 -- \n; TRUNCATE orders
SELECT ';' ; UPDATE orders SET status = 'x'
SELECT $a$;$a$; DELETE FROM orders
EXPLAIN SELECT 1; DELETE FROM orders
SHOW search_path; SET search_path = public
BEGIN; DELETE FROM orders; COMMIT
SELECT 1 \; SELECT 2
ROLLBACK; SET ROLE zava_head_office; SELECT 1

== writes: change rows
INSERT INTO orders DEFAULT VALUES
INSERT INTO retail.categories (name) SELECT 'x'
INSERT INTO categories (name) VALUES ('x') ON CONFLICT DO NOTHING
INSERT INTO categories (name) VALUES ('x') ON CONFLICT (name) DO UPDATE SET name = 'y' RETURNING *
UPDATE orders SET total_amount = 0
UPDATE ONLY retail.orders AS o SET status = 'x' FROM stores RETURNING o.*
DELETE FROM orders
DELETE FROM ONLY orders USING stores WHERE true RETURNING *
MERGE INTO inventory i USING products p ON i.product_id = p.product_id WHEN MATCHED THEN DELETE
MERGE INTO inventory i USING products p ON false WHEN NOT MATCHED THEN DO NOTHING
TRUNCATE orders
TRUNCATE TABLE ONLY retail.orders RESTART IDENTITY CASCADE
(DELETE FROM orders)
WITH x AS (SELECT 1) DELETE FROM orders
WITH x AS (SELECT 1) UPDATE orders SET status = 'x'
WITH x AS (SELECT 1) INSERT INTO categories (name) SELECT 'q'
WITH x AS (SELECT 1) MERGE INTO inventory i USING x ON true WHEN MATCHED THEN DELETE
/* read only */ DELETE FROM orders
DeLeTe FROM "retail"."orders"
DELETE FROM U&"\006Frders"

== writes within a WITH: a SELECT outside, a change of rows inside
WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d
WITH d AS (DELETE FROM orders) SELECT 1
WITH i AS (INSERT INTO categories (name) VALUES ('x') RETURNING name) SELECT * FROM i
WITH u AS (UPDATE inventory SET stock_level = 0 RETURNING *) SELECT count(*) FROM u
WITH m AS (MERGE INTO inventory i USING products p ON false WHEN MATCHED THEN DELETE RETURNING *) SELECT * FROM m
WITH RECURSIVE d AS (DELETE FROM orders RETURNING 1) SELECT * FROM d
WITH a AS (SELECT 1), b AS MATERIALIZED (DELETE FROM orders RETURNING 1) SELECT * FROM a
WITH a AS (WITH b AS (DELETE FROM orders RETURNING 1) SELECT * FROM b) SELECT * FROM a
SELECT * FROM (WITH d AS (DELETE FROM orders RETURNING 1) SELECT * FROM d) q
SELECT (WITH d AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM d)
SELECT 1 WHERE EXISTS (WITH d AS (UPDATE orders SET status = '' RETURNING 1) SELECT FROM d)
SELECT 1 UNION (WITH d AS (DELETE FROM orders RETURNING 1) SELECT * FROM d)
VALUES ((WITH d AS (DELETE FROM orders RETURNING 1) SELECT 1 FROM d))
EXPLAIN WITH d AS (DELETE FROM orders RETURNING 1) SELECT * FROM d
SELECT ARRAY(WITH d AS (DELETE FROM orders RETURNING 1) SELECT * FROM d)
SELECT count(*) OVER (ORDER BY (WITH d AS (DELETE FROM orders RETURNING 1) SELECT 1)) FROM stores
SELECT 1 LIMIT (WITH d AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM d)
SELECT 1 FROM stores JOIN products ON (WITH d AS (DELETE FROM orders RETURNING true AS t) SELECT t FROM d)
SELECT * FROM generate_series(1, (WITH d AS (DELETE FROM orders RETURNING 1) SELECT 1))
SELECT CASE WHEN true THEN (WITH d AS (DELETE FROM orders RETURNING 1) SELECT 1 FROM d) END

== explain that runs, or explains what is no query: EXPLAIN ANALYZE executes
EXPLAIN ANALYZE DELETE FROM orders
EXPLAIN ANALYZE SELECT * FROM orders
EXPLAIN (ANALYZE) SELECT 1
EXPLAIN (ANALYZE true) SELECT 1
EXPLAIN (ANALYZE on, BUFFERS) SELECT 1
EXPLAIN (ANALYZE 1) SELECT 1
EXPLAIN (VERBOSE, ANALYZE 'true') SELECT 1
EXPLAIN (ANALYZE false, ANALYZE true) SELECT 1
EXPLAIN (analyse) SELECT 1
EXPLAIN ANALYSE SELECT 1
EXPLAIN ANALYZE VERBOSE SELECT 1
EXPLAIN ("analyze") SELECT 1
EXPLAIN DELETE FROM orders
EXPLAIN INSERT INTO categories (name) VALUES ('x')
EXPLAIN CREATE TABLE t AS SELECT 1
EXPLAIN (ANALYZE) CREATE TABLE t AS SELECT 1
EXPLAIN EXECUTE p
EXPLAIN (ANALYZE) EXECUTE p
EXPLAIN DECLARE c CURSOR FOR SELECT 1
EXPLAIN REFRESH MATERIALIZED VIEW v
EXPLAIN UPDATE orders SET status = 'x'
EXPLAIN SELECT 1 INTO t
EXPLAIN SELECT * FROM orders FOR UPDATE

== prepared statements and cursors: stay in the session
PREPARE p AS SELECT 1
PREPARE p AS DELETE FROM orders
PREPARE p (int) AS SELECT $1
EXECUTE p
EXECUTE p (1)
DEALLOCATE p
DEALLOCATE ALL
DEALLOCATE PREPARE p
DECLARE c CURSOR FOR SELECT * FROM orders
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM orders
FETCH ALL FROM c
FETCH 1 c
MOVE 5 IN c
CLOSE c
CLOSE ALL

== SELECT INTO and CREATE TABLE AS: make a table
SELECT * INTO copied FROM orders
SELECT 1 INTO TEMP t
SELECT 1 INTO TEMPORARY TABLE t
SELECT 1 INTO UNLOGGED t FROM stores
WITH x AS (SELECT 1) SELECT * INTO t FROM x
SELECT 1 INTO t UNION SELECT 2
CREATE TABLE t AS SELECT * FROM orders
CREATE TEMP TABLE t AS SELECT * FROM orders
CREATE TEMP TABLE t AS TABLE orders
CREATE MATERIALIZED VIEW v AS SELECT 1

== locking clauses: make others wait
SELECT * FROM orders FOR UPDATE
SELECT * FROM orders FOR NO KEY UPDATE
SELECT * FROM orders FOR SHARE
SELECT * FROM orders FOR KEY SHARE
SELECT * FROM orders FOR UPDATE OF orders NOWAIT
SELECT * FROM orders FOR SHARE SKIP LOCKED
SELECT * FROM (SELECT * FROM orders FOR UPDATE) q
WITH x AS (SELECT * FROM orders FOR SHARE) SELECT * FROM x
SELECT 1 WHERE EXISTS (SELECT FROM orders FOR KEY SHARE)
SELECT * FROM orders FOR READ ONLY FOR UPDATE
(SELECT * FROM orders FOR UPDATE)
LOCK TABLE orders
LOCK orders IN ACCESS EXCLUSIVE MODE NOWAIT

== code and calls: run what the guard cannot read
DO $$ BEGIN DELETE FROM orders; END $$
DO LANGUAGE plpgsql 'BEGIN RAISE NOTICE ''%'', (SELECT count(*) FROM orders); END'
DO 'BEGIN END'
CALL p()
CALL pg_catalog.some_procedure(1)
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'
CREATE AGGREGATE a (int) (sfunc = int4pl, stype = int)
CREATE EXTENSION dblink
LOAD 'auto_explain'

== copy: reads and writes files, or leaves the prefix of an export
COPY orders TO STDOUT
COPY orders TO '/tmp/x'
COPY (SELECT * FROM orders) TO STDOUT
COPY (DELETE FROM orders RETURNING *) TO STDOUT
COPY orders FROM STDIN
COPY orders FROM '/etc/passwd'
COPY (SELECT 1) TO PROGRAM 'id'
COPY stores FROM PROGRAM 'id'
SELECT 1) TO PROGRAM 'id' --
SELECT 1) TO STDOUT; DELETE FROM orders; --
SELECT 1) TO '/tmp/x' WITH (FORMAT csv

== notifications: talk to other sessions
LISTEN c
NOTIFY c
NOTIFY c, 'payload'
UNLISTEN *
SELECT pg_notify('c', 'x')
SELECT pg_catalog.pg_notify('c', email) FROM customers
SELECT * FROM pg_listening_channels()
SELECT pg_notification_queue_usage()

== transaction control: leaves the bounded transaction
BEGIN
START TRANSACTION READ WRITE
COMMIT
END
COMMIT AND CHAIN
ROLLBACK
ABORT
SAVEPOINT s
RELEASE s
ROLLBACK TO SAVEPOINT s
PREPARE TRANSACTION 'x'
COMMIT PREPARED 'x'
ROLLBACK PREPARED 'x'
SET TRANSACTION READ WRITE
SET TRANSACTION SNAPSHOT '00000003-0000001B-1'
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
SET CONSTRAINTS ALL DEFERRED

== settings: forge the context, or read it
SET ROLE zava_owner
SET LOCAL ROLE zava_head_office
SET SESSION AUTHORIZATION postgres
RESET SESSION AUTHORIZATION
SET zava.context = 'x'
SET LOCAL statement_timeout = 0
SET TIME ZONE 'UTC'
SET search_path TO public
RESET ALL
RESET ROLE
DISCARD ALL
DISCARD TEMP
DISCARD PLANS
ALTER SYSTEM SET work_mem = '1GB'
ALTER ROLE CURRENT_USER SET work_mem = '1GB'
ALTER ROLE zava_gateway PASSWORD 'x'
ALTER DATABASE postgres SET work_mem = '1GB'
SHOW zava.context
SHOW "zava.context"
SHOW ZAVA.CONTEXT
SHOW ALL
SHOW hba_file
SHOW data_directory
SHOW config_file
SHOW ssl_key_file
SHOW primary_conninfo
SHOW archive_command
SHOW session_authorization
SHOW role
SELECT set_config('zava.context', 'x', true)
SELECT set_config('role', 'zava_head_office', false)
SELECT set_config('statement_timeout', '0', true)
SELECT set_config('transaction_read_only', 'off', true)
SELECT pg_catalog.set_config('role', 'none', true)
SELECT "set_config"('role', 'none', true)
SELECT "pg_catalog"."set_config"('role', 'none', true)
SELECT U&"set\005Fconfig"('role', 'none', true)
SELECT U&"s!0065t_config" UESCAPE '!' ('role', 'none', true)
SELECT SET_CONFIG('role', 'none', true)
SELECT set_config /* x */ ('role', 'none', true)
SELECT set_config(setting_name => 'role', new_value => 'none', is_local => true)
SELECT set_config(VARIADIC ARRAY['role', 'none'])
SELECT set_config('role', 'none', true) OVER ()
SELECT (SELECT set_config('role', 'none', true))
SELECT * FROM set_config('role', 'none', true)
SELECT * FROM ROWS FROM (set_config('role', 'none', true), generate_series(1, 2))
SELECT * FROM stores, LATERAL set_config('role', 'none', true)
SELECT * FROM stores TABLESAMPLE set_config (1)
WITH x AS MATERIALIZED (SELECT set_config('zava.context', 'x', true)) SELECT * FROM x, orders
SELECT count(*) FILTER (WHERE set_config('role', 'none', true) = 'none') FROM stores
SELECT count(*) FROM orders WHERE set_config('role', 'none', true) IS NOT NULL
SELECT count(*) FROM orders GROUP BY set_config('role', 'none', true)
SELECT 1 FROM orders HAVING set_config('role', 'none', true) = ''
SELECT 1 ORDER BY set_config('role', 'none', true)
SELECT 1 LIMIT length(set_config('role', 'none', true))
SELECT 1 OFFSET length(set_config('role', 'none', true))
SELECT sum(1) OVER (PARTITION BY set_config('role', 'none', true)) FROM stores
SELECT sum(1) OVER w FROM stores WINDOW w AS (ORDER BY set_config('role', 'none', true))
SELECT sum(1) OVER (ROWS length(set_config('role', 'none', true)) PRECEDING) FROM stores
SELECT DISTINCT ON (set_config('role', 'none', true)) 1
SELECT ARRAY[set_config('role', 'none', true)]
SELECT (ARRAY['a'])[length(set_config('role', 'none', true))]
SELECT ROW(set_config('role', 'none', true))
SELECT CASE set_config('role', 'none', true) WHEN '' THEN 1 END
SELECT coalesce(set_config('role', 'none', true), '')
SELECT greatest(set_config('role', 'none', true), '')
SELECT nullif(set_config('role', 'none', true), '')
SELECT set_config('role', 'none', true)::text COLLATE "C"
SELECT jsonb_build_object('a', set_config('role', 'none', true))
SELECT JSON_OBJECT('a': set_config('role', 'none', true))
SELECT JSON_ARRAY(set_config('role', 'none', true))
SELECT JSON_VALUE('{}', '$.a' DEFAULT set_config('role', 'none', true) ON EMPTY)
SELECT * FROM JSON_TABLE('{}'::jsonb, '$' PASSING set_config('role', 'none', true) AS x COLUMNS (a int PATH '$'))
SELECT xmlelement(name a, set_config('role', 'none', true))
SELECT xmlforest(set_config('role', 'none', true) AS a)
SELECT * FROM xmltable('/a' PASSING set_config('role', 'none', true)::xml COLUMNS a int)
SELECT * FROM generate_series(1, length(set_config('role', 'none', true)))
VALUES (set_config('role', 'none', true))
EXPLAIN SELECT set_config('role', 'none', true)
SELECT 1 UNION SELECT length(set_config('role', 'none', true))
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT length(set_config('role', 'none', true)) FROM r) SELECT * FROM r
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY set_config('role', 'none', true))
SELECT string_agg(name, ',' ORDER BY set_config('role', 'none', true)) FROM stores
SELECT 1 FROM stores a JOIN stores b ON set_config('role', 'none', true) = ''
SELECT 1 WHERE 'x' IN (set_config('role', 'none', true))
SELECT 1 WHERE 'x' BETWEEN '' AND set_config('role', 'none', true)
SELECT 1 WHERE 'x' LIKE set_config('role', 'none', true)
SELECT 1 WHERE set_config('role', 'none', true) IS DISTINCT FROM ''
SELECT 'x' || set_config('role', 'none', true)
SELECT extract(day FROM set_config('role', 'none', true)::date)
SELECT set_config('role', 'none', true) AT TIME ZONE 'UTC'
SELECT substring(set_config('role', 'none', true) FROM 1)
SELECT current_setting('zava.context')
SELECT current_setting('zava.context', true)
SELECT pg_catalog.current_setting('ZAVA.' || 'context')
SELECT current_setting(name) FROM pg_settings
SELECT current_setting((SELECT 'zava.context'))
SELECT current_setting($$zava.context$$)
SELECT current_setting(E'zava\x2econtext')
SELECT current_setting(chr(122) || 'ava.context')
SELECT current_setting($1)
SELECT current_setting(setting_name => 'zava.context')
SELECT setting FROM pg_settings WHERE name LIKE 'zava%'
SELECT * FROM pg_show_all_settings()
SELECT * FROM pg_file_settings
SELECT * FROM pg_show_all_file_settings()
UPDATE pg_settings SET setting = 'off' WHERE name = 'row_security'
SELECT * FROM pg_db_role_setting
SELECT rolconfig FROM pg_roles

== sleep and load: hold a backend
SELECT pg_sleep(1000)
SELECT pg_catalog.pg_sleep(1)
SELECT pg_sleep_for('1 hour')
SELECT pg_sleep_until('tomorrow')
SELECT "pg_sleep"(1) FROM stores
SELECT * FROM pg_sleep(1)
SELECT count(*) FROM orders WHERE pg_sleep(0.1) IS NULL
SELECT U&"pg\005fsleep"(9)

== advisory locks: outlive the transaction
SELECT pg_advisory_lock(1)
SELECT pg_advisory_lock(1, 2)
SELECT pg_advisory_lock_shared(1)
SELECT pg_try_advisory_lock(1)
SELECT pg_try_advisory_lock_shared(1)
SELECT pg_advisory_xact_lock(1)
SELECT pg_advisory_xact_lock_shared(1)
SELECT pg_try_advisory_xact_lock(1)
SELECT pg_try_advisory_xact_lock_shared(1, 2)
SELECT pg_advisory_unlock(1)
SELECT pg_advisory_unlock_shared(1)
SELECT pg_advisory_unlock_all()

== sequences: are written outside of transactions
SELECT nextval('s')
SELECT setval('s', 1)
SELECT setval('s', 1, false)
SELECT currval('s')
SELECT lastval()
SELECT pg_catalog.nextval('s'::regclass)
SELECT pg_sequence_last_value('s'::regclass)
SELECT pg_sequence_parameters(1)
SELECT pg_get_sequence_data('s'::regclass)
SELECT * FROM pg_sequences
SELECT last_value FROM pg_sequences

== large objects: have no row security
SELECT lo_create(0)
SELECT lo_creat(-1)
SELECT lo_from_bytea(0, 'x')
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/x')
SELECT lo_unlink(1)
SELECT lo_open(1, 131072)
SELECT lo_get(1)
SELECT lo_put(1, 0, 'x')
SELECT loread(0, 100)
SELECT lowrite(0, 'x')
SELECT lo_lseek(0, 0, 0)
SELECT lo_lseek64(0, 0, 0)
SELECT lo_tell(0)
SELECT lo_tell64(0)
SELECT lo_truncate(0, 0)
SELECT lo_truncate64(0, 0)
SELECT lo_close(0)
SELECT * FROM pg_largeobject
SELECT * FROM pg_largeobject_metadata

== files of the server: passwords and set-up
SELECT pg_read_file('/etc/passwd')
SELECT pg_read_file('postgresql.conf', 0, 100)
SELECT pg_read_binary_file('PG_VERSION')
SELECT pg_ls_dir('.')
SELECT * FROM pg_ls_logdir()
SELECT * FROM pg_ls_waldir()
SELECT * FROM pg_ls_tmpdir()
SELECT * FROM pg_ls_archive_statusdir()
SELECT * FROM pg_ls_logicalsnapdir()
SELECT * FROM pg_ls_logicalmapdir()
SELECT * FROM pg_ls_replslotdir('x')
SELECT * FROM pg_ls_summariesdir()
SELECT pg_stat_file('postgresql.conf')
SELECT pg_current_logfile()
SELECT pg_relation_filepath('orders')
SELECT pg_relation_filenode('orders')
SELECT pg_filenode_relation(0, 1)
SELECT pg_tablespace_location(1663)
SELECT pg_tablespace_databases(1663)
SELECT * FROM pg_hba_file_rules
SELECT * FROM pg_hba_file_rules()
SELECT * FROM pg_ident_file_mappings
SELECT * FROM pg_config
SELECT * FROM pg_config()
SELECT * FROM pg_control_system()
SELECT * FROM pg_control_checkpoint()

== SQL in a string: the guard does not see it
SELECT query_to_xml('DELETE FROM orders', true, false, '')
SELECT query_to_xml_and_xmlschema('SELECT 1', true, false, '')
SELECT query_to_xmlschema('SELECT 1', true, false, '')
SELECT table_to_xml('orders', true, false, '')
SELECT table_to_xmlschema('orders', true, false, '')
SELECT table_to_xml_and_xmlschema('orders', true, false, '')
SELECT schema_to_xml('retail', true, false, '')
SELECT schema_to_xmlschema('retail', true, false, '')
SELECT schema_to_xml_and_xmlschema('retail', true, false, '')
SELECT database_to_xml(true, false, '')
SELECT database_to_xmlschema(true, false, '')
SELECT database_to_xml_and_xmlschema(true, false, '')
SELECT cursor_to_xml('c', 1, true, false, '')
SELECT cursor_to_xmlschema('c', true, false, '')
SELECT * FROM ts_stat('SELECT search_text FROM products')
SELECT * FROM ts_stat('SELECT search_text FROM products', 'ab')
SELECT pg_catalog.ts_stat($q$SELECT set_config('role', 'none', true)::tsvector$q$)
SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery')
SELECT ts_rewrite(query => 'a'::tsquery, "text" => 'SELECT 1')
SELECT ts_rewrite('a & b'::tsquery, 'DELETE FROM orders')
SELECT * FROM crosstab('SELECT 1, 2, 3')
SELECT * FROM dblink('', 'DELETE FROM orders') AS t(a int)
SELECT dblink_exec('', 'DELETE FROM orders')
SELECT * FROM connectby('t', 'a', 'b', '1', 0)
SELECT xpath('/a', query_to_xml('SELECT 1', true, false, ''))

== other backends: signals
SELECT pg_cancel_backend(1)
SELECT pg_terminate_backend(1)
SELECT pg_terminate_backend(1, 100)
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
SELECT pg_log_backend_memory_contexts(1)
SELECT pg_promote()
SELECT pg_blocking_pids(1)
SELECT pg_safe_snapshot_blocking_pids(1)
SELECT pg_isolation_test_session_is_blocked(1, '{2}')
SELECT pg_stat_reset()
SELECT pg_stat_reset_shared('bgwriter')
SELECT pg_stat_reset_single_table_counters(1)
SELECT pg_stat_clear_snapshot()
SELECT pg_stat_force_next_flush()

== replication, write-ahead log, snapshots, backup: the operator's
SELECT pg_create_physical_replication_slot('x')
SELECT pg_create_logical_replication_slot('x', 'test_decoding')
SELECT pg_drop_replication_slot('x')
SELECT pg_logical_slot_get_changes('x', NULL, NULL)
SELECT pg_logical_slot_peek_changes('x', NULL, NULL)
SELECT pg_replication_slot_advance('x', '0/0')
SELECT pg_replication_origin_create('x')
SELECT pg_replication_origin_session_setup('x')
SELECT pg_logical_emit_message(false, 'x', 'y')
SELECT pg_logical_emit_message(true, 'x', 'y'::bytea)
SELECT pg_switch_wal()
SELECT pg_create_restore_point('x')
SELECT pg_backup_start('x')
SELECT pg_backup_stop()
SELECT pg_wal_replay_pause()
SELECT pg_current_wal_lsn()
SELECT pg_current_wal_insert_lsn()
SELECT pg_walfile_name('0/0')
SELECT pg_export_snapshot()
SELECT pg_current_snapshot()
SELECT txid_current_snapshot()
SELECT pg_current_xact_id()
SELECT txid_current()
SELECT pg_xact_status('1'::xid8)
SELECT txid_status(1)
SELECT pg_last_committed_xact()
SELECT pg_xact_commit_timestamp('1')
CHECKPOINT
CREATE PUBLICATION p
CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p
IDENTIFY_SYSTEM

== other people's activity, secrets and totals: what others ask, have and may do
SELECT * FROM pg_stat_activity
SELECT query FROM pg_catalog.pg_stat_activity
SELECT * FROM "pg_stat_activity"
TABLE pg_stat_activity
SELECT * FROM pg_stat_get_activity(NULL)
SELECT pg_stat_get_backend_activity(1)
SELECT pg_stat_get_backend_idset()
SELECT pg_stat_get_backend_userid(1)
SELECT * FROM pg_stat_replication
SELECT * FROM pg_stat_ssl
SELECT * FROM pg_stat_gssapi
SELECT * FROM pg_stat_progress_copy
SELECT * FROM pg_stat_progress_vacuum
SELECT * FROM pg_stat_database
SELECT * FROM pg_stat_database_conflicts
SELECT * FROM pg_stat_user_tables
SELECT n_live_tup FROM pg_stat_all_tables
SELECT * FROM pg_stat_xact_user_tables
SELECT * FROM pg_statio_user_tables
SELECT * FROM pg_stat_user_indexes
SELECT * FROM pg_statio_all_indexes
SELECT * FROM pg_stat_user_functions
SELECT * FROM pg_stat_io
SELECT * FROM pg_stat_wal
SELECT * FROM pg_stat_bgwriter
SELECT * FROM pg_stat_slru
SELECT * FROM pg_stat_statements
SELECT pg_stat_get_live_tuples('orders'::regclass)
SELECT pg_stat_get_tuples_inserted('orders'::regclass)
SELECT pg_stat_get_numscans('orders'::regclass)
SELECT pg_stat_get_mod_since_analyze('orders'::regclass)
SELECT pg_stat_get_ins_since_vacuum('orders'::regclass)
SELECT pg_stat_get_xact_tuples_returned('orders'::regclass)
SELECT pg_stat_get_db_tuples_inserted(1)
SELECT * FROM pg_locks
SELECT * FROM pg_lock_status()
SELECT * FROM pg_prepared_statements
SELECT * FROM pg_prepared_statement()
SELECT * FROM pg_cursors
SELECT * FROM pg_cursor()
SELECT * FROM pg_prepared_xacts
SELECT * FROM pg_stats
SELECT most_common_vals FROM pg_catalog.pg_stats
SELECT * FROM pg_stats_ext
SELECT * FROM pg_stats_ext_exprs
SELECT * FROM pg_statistic
SELECT stavalues1 FROM pg_catalog.pg_statistic
SELECT * FROM pg_statistic_ext_data
SELECT * FROM pg_authid
SELECT * FROM pg_shadow
SELECT usename, passwd FROM pg_user
SELECT * FROM pg_user_mapping
SELECT * FROM pg_user_mappings
SELECT umoptions FROM information_schema.user_mapping_options
SELECT * FROM information_schema.user_mappings
SELECT * FROM pg_foreign_server
SELECT * FROM pg_subscription
SELECT reltuples FROM pg_class WHERE relname = 'orders'
SELECT relpages, relallvisible FROM pg_catalog.pg_class
SELECT c.reltuples FROM pg_class c
SELECT * FROM pg_class
SELECT c FROM pg_class c
SELECT to_jsonb(c) FROM pg_class c
SELECT (c).reltuples FROM pg_class c
SELECT reltuples(c) FROM pg_class c
SELECT (SELECT reltuples FROM pg_class LIMIT 1)
SELECT row_to_json(q) FROM (SELECT * FROM pg_class) q
SELECT x FROM pg_class AS c(a, b, c, d, e, f, g, h, i, x)
SELECT q.x FROM (TABLE pg_class) AS q(a, b, c, d, e, f, g, h, i, x)
TABLE pg_class
SELECT c.* FROM pg_class c
SELECT c::text FROM pg_class c
SELECT * FROM pg_class NATURAL JOIN pg_namespace
SELECT c IS NULL, max(c) FROM pg_class c GROUP BY c
SELECT pg_relation_size('orders')
SELECT pg_total_relation_size('retail.orders')
SELECT pg_table_size('orders')
SELECT pg_indexes_size('orders')
SELECT pg_database_size(current_database())
SELECT pg_tablespace_size('pg_default')
SELECT pg_size_pretty(pg_catalog.pg_relation_size('orders'::regclass, 'main'))
SELECT * FROM pg_shmem_allocations
SELECT * FROM pg_backend_memory_contexts
SELECT * FROM pg_replication_slots
SELECT * FROM pg_wait_events
SELECT * FROM pg_aios
SELECT inet_client_addr(), inet_server_addr()
SELECT pg_postmaster_start_time()
SELECT pg_conf_load_time()
SELECT * FROM security.manager_keys
SELECT * FROM security.settings
SELECT * FROM ops.load_runs
SELECT * FROM ops.settings
SELECT * FROM ops.schema_migrations
SELECT security.resolve_identity('hedda')
SELECT security.context_manager()
SELECT * FROM security.resolve_token('x')
SELECT audit.append('x')
SELECT brin_summarize_new_values('x')
SELECT gin_clean_pending_list('products_search_text')
SELECT brin_desummarize_range('x', 0)
SELECT currtid2('orders', '(0,1)')
SELECT currtid('orders'::regclass, '(0,1)')
SELECT pg_get_publication_tables('x')
SELECT pg_get_wal_resource_managers()
SELECT pg_mcv_list_items('x')
SELECT pg_clear_relation_stats('retail', 'orders')
SELECT pg_restore_relation_stats('schemaname', 'retail')
SELECT pg_import_system_collations('pg_catalog')
SELECT pg_extension_config_dump('orders', '')
SELECT binary_upgrade_set_next_pg_type_oid(1)
SELECT pg_nextoid('pg_class', 'oid', 'pg_class_oid_index')
SELECT pg_stop_making_pinned_objects()
SELECT pg_event_trigger_ddl_commands()
SELECT amvalidate(1)
SELECT pg_trigger_depth()
SELECT pg_jit_available()
SELECT pg_dependencies_in('x')

== names that reach a function without a call: past the list of calls
SELECT 'set_config'::regproc
SELECT 'pg_sleep(double precision)'::regprocedure
SELECT CAST('set_config' AS regproc)
SELECT regproc 'pg_sleep'
SELECT to_regproc('set_config')
SELECT to_regprocedure('pg_sleep(float8)')
SELECT 'set_config'::text::regproc
SELECT 'pg_sleep'::pg_catalog.regproc
SELECT (ARRAY['pg_sleep'])::regproc[]
SELECT '{pg_sleep}'::_regproc
SELECT 1 OPERATOR(evil.=) 1
SELECT 1 = ANY (SELECT 1 WHERE 1 OPERATOR(evil.=) 1)
SELECT (1)::pg_temp.t
SELECT pg_temp.f()
SELECT evil.count(*) FROM stores
SELECT evil.sum(1) OVER () FROM stores
SELECT (name).lo_import FROM stores
SELECT ('/etc/passwd'::text).pg_read_file
SELECT t.t.pg_ls_dir FROM (SELECT 'x'::text t) t
SELECT (t).pg_sleep FROM (SELECT 1::float8 t) q
SELECT n.pg_sleep FROM generate_series(1, 2) AS n
SELECT x.nextval FROM (SELECT 's'::regclass) AS x
SELECT * FROM orders ORDER BY name USING OPERATOR(evil.<)
SELECT 'a' < ALL (SELECT name FROM stores ORDER BY name USING OPERATOR(evil.>))
SELECT * FROM stores TABLESAMPLE evil.method (1)
SELECT * FROM stores TABLESAMPLE system_time (1000)
SELECT a <-> b FROM (SELECT 1 OPERATOR(evil.<->) 2) q(a, b)

== objects, privileges, maintenance: change the schema
CREATE TABLE t (a int)
CREATE TEMP TABLE t (a int)
CREATE TEMP VIEW v AS SELECT * FROM orders
CREATE VIEW v AS SELECT 1
CREATE RECURSIVE VIEW v (n) AS SELECT 1
CREATE INDEX ON orders (status)
CREATE SEQUENCE s
CREATE TEMP SEQUENCE s
CREATE TYPE t AS (a int)
CREATE DOMAIN d AS int
CREATE SCHEMA s
CREATE ROLE r
CREATE USER u PASSWORD 'x'
CREATE DATABASE d
CREATE TRIGGER t BEFORE INSERT ON orders EXECUTE FUNCTION f()
CREATE RULE r AS ON SELECT TO orders DO INSTEAD NOTHING
CREATE POLICY p ON orders USING (true)
CREATE CAST (int AS text) WITH INOUT
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq)
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw
CREATE FOREIGN TABLE f (a int) SERVER s
CREATE STATISTICS s ON status, total_amount FROM orders
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()
CREATE COLLATION c FROM "C"
CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)
CREATE LANGUAGE plpython3u
CREATE TABLESPACE t LOCATION '/tmp'
ALTER TABLE orders DISABLE ROW LEVEL SECURITY
ALTER TABLE orders ADD COLUMN x int
ALTER POLICY p ON orders USING (true)
ALTER FUNCTION f() SECURITY DEFINER
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC
DROP TABLE orders
DROP SCHEMA retail CASCADE
DROP OWNED BY CURRENT_USER
REASSIGN OWNED BY CURRENT_USER TO postgres
GRANT SELECT ON orders TO PUBLIC
GRANT zava_owner TO zava_gateway
REVOKE ALL ON orders FROM PUBLIC
COMMENT ON TABLE orders IS 'x'
SECURITY LABEL ON TABLE orders IS 'x'
VACUUM
VACUUM FULL orders
VACUUM (ANALYZE) orders
ANALYZE
ANALYZE orders
CLUSTER
CLUSTER orders USING orders_pkey
REINDEX TABLE orders
REINDEX SYSTEM
REFRESH MATERIALIZED VIEW v
IMPORT FOREIGN SCHEMA s FROM SERVER x INTO retail

== nothing, or no SQL: is no query

;
;;
-- only a comment
/* only a comment */
/* unclosed
SELECT 'unclosed
SELECT "unclosed
SELECT $$unclosed
SELEC 1
\d orders
\copy orders to '/tmp/x'
GET / HTTP/1.1
