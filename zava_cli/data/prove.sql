-- name: stores
-- Every store that the asking manager sees, with the id of its own manager.
SELECT store_id::text, name, location, manager_id::text FROM retail.stores ORDER BY name

-- name: store_totals
-- Rows per table and store.
SELECT 'customers' AS relation, store_id::text, count(*) AS n FROM retail.customers GROUP BY store_id
UNION ALL SELECT 'orders', store_id::text, count(*) FROM retail.orders GROUP BY store_id
UNION ALL SELECT 'order_items', store_id::text, count(*) FROM retail.order_items GROUP BY store_id
UNION ALL SELECT 'inventory', store_id::text, count(*) FROM retail.inventory GROUP BY store_id

-- name: foreign_tokens
-- Which of some ids and e-mail addresses stand in rows of stores other than one's own, and in none of those.
-- $1 ids text[], $2 addresses text[], $3 stores text[]
SELECT kind, token FROM (
    SELECT 'customer id' AS kind, customer_id::text AS token, store_id = ANY ($3::text[]::uuid[]) AS is_own
    FROM retail.customers WHERE customer_id = ANY ($1::text[]::uuid[])
    UNION ALL SELECT 'order id', order_id::text, store_id = ANY ($3::text[]::uuid[])
    FROM retail.orders WHERE order_id = ANY ($1::text[]::uuid[])
    UNION ALL SELECT 'e-mail address', lower(email), store_id = ANY ($3::text[]::uuid[])
    FROM retail.customers WHERE lower(email) = ANY ($2::text[])
) AS found
GROUP BY kind, token HAVING NOT bool_or(is_own)

-- name: visible_stores
-- Stores of the orders that a context shows.
SELECT string_agg(DISTINCT store_id::text, ',') AS stores FROM retail.orders

-- name: data_fingerprint
-- Changes when any row of a store does.
SELECT 'customers' AS relation, count(*) AS n, sum(hashtextextended(t::text, 0)::numeric)::text AS hash
FROM retail.customers t
UNION ALL SELECT 'orders', count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM retail.orders t
UNION ALL SELECT 'order_items', count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM retail.order_items t
UNION ALL SELECT 'inventory', count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM retail.inventory t
UNION ALL SELECT 'stores', count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM retail.stores t
UNION ALL SELECT 'products', count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM retail.products t

-- name: catalog_fingerprint
-- Changes when a relation, function, policy, right, role's setting or large object comes, goes or changes.
SELECT (SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_') AS schemas,
       (SELECT md5(string_agg(oid || relname || coalesce(relacl::text, '') || relrowsecurity || relforcerowsecurity,
                              ',' ORDER BY oid))
        FROM pg_class WHERE relnamespace IN ('retail'::regnamespace, 'public'::regnamespace)
            OR relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('security', 'ops'))) AS relations,
       (SELECT md5(string_agg(oid || proname || prosecdef || coalesce(proacl::text, ''), ',' ORDER BY oid))
        FROM pg_proc) AS functions,
       (SELECT md5(string_agg(oid || polname || coalesce(polqual::text, ''), ',' ORDER BY oid))
        FROM pg_policy) AS policies,
       (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects,
       (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) AS triggers,
       (SELECT md5(string_agg(setrole || setconfig::text, ',' ORDER BY setrole)) FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) AS role_settings,
       (SELECT md5(string_agg(extname || extversion, ',' ORDER BY extname)) FROM pg_extension) AS extensions

-- name: rights
-- Rights beyond reading that the login's roles have on tables and server functions; there should be none.
-- $1 roles text[]
SELECT DISTINCT format('%s may %s %I.%I', r.rolname, lower(p.privilege), n.nspname, c.relname) AS name
FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
     unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'SELECT']) AS p (privilege)
WHERE r.rolname::text = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname IN ('retail', 'security', 'ops', 'audit')
  AND (has_table_privilege(r.oid, c.oid, p.privilege)
       -- A right on one column is one as well.
       OR p.privilege IN ('INSERT', 'UPDATE', 'REFERENCES', 'SELECT')
           AND has_any_column_privilege(r.oid, c.oid, p.privilege))
  AND NOT (p.privilege = 'SELECT' AND n.nspname = 'retail')
UNION ALL
SELECT DISTINCT format('%s may create in schema %I', r.rolname, n.nspname)
FROM pg_roles r, pg_namespace n
WHERE r.rolname::text = ANY ($1) AND n.nspname !~ '^pg_' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
UNION ALL
SELECT format('%s may make %s in the database', r.rolname, p.what)
FROM pg_roles r, (VALUES ('TEMPORARY', 'temporary tables'), ('CREATE', 'schemas')) AS p (privilege, what)
WHERE r.rolname::text = ANY ($1) AND has_database_privilege(r.oid, current_database(), p.privilege)
UNION ALL
SELECT DISTINCT format('%s may call %s', r.rolname, f.oid::regprocedure)
FROM pg_roles r, pg_proc f
WHERE r.rolname::text = ANY ($1) AND f.pronamespace = 'pg_catalog'::regnamespace
  AND f.proname ~ '^(pg_(read_(binary_)?file|ls_(dir|logdir|waldir)|stat_file|reload_conf|rotate_logfile|switch_wal|promote|create_restore_point|backup_start|backup_stop)|lo_(import|export))$'
  AND has_function_privilege(r.oid, f.oid, 'EXECUTE')
ORDER BY 1

-- name: readable_views
-- Views outside of the catalog that the role may read, each with a statement that does.
SELECT format('%I.%I', n.nspname, c.relname) AS name,
       format('SELECT * FROM %I.%I LIMIT 500', n.nspname, c.relname) AS sql
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY 1

-- name: offered
-- Protections that only some servers offer.
SELECT has_language_privilege('public', 'plpgsql', 'USAGE') AS anyone_runs_code,
       has_function_privilege('public', 'pg_catalog.ts_stat(text)', 'EXECUTE')
           OR has_function_privilege('public', 'pg_catalog.query_to_xml(text, boolean, boolean, text)', 'EXECUTE')
           AS anyone_runs_text,
       has_function_privilege('public', 'pg_catalog.lo_creat(integer)', 'EXECUTE') AS anyone_makes_objects,
       current_setting('server_version_num')::integer < 170000 AS lacks_transaction_timeout

-- name: busy
-- Sessions that work on a statement which holds a mark.
-- $1 mark text
SELECT count(*) AS n FROM pg_stat_activity
WHERE state = 'active' AND pid <> pg_backend_pid() AND position($1 IN query) > 0

-- name: lock_is_free
-- Whether no other session holds the lock that the proof leaves behind; what this takes ends with its transaction.
SELECT pg_try_advisory_xact_lock(4711) AS free

-- name: session_state
-- What one's session is made of, to be compared before and after somebody else had the connection; without the
-- timeout, which is what is left of the request's time.
SELECT 'setting ' || name AS what, setting AS value FROM pg_settings
WHERE source = 'session' AND name <> 'application_name' AND (name <> 'statement_timeout' OR setting = '0')
UNION ALL SELECT 'prepared', statement FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prepared_statements%'
UNION ALL SELECT 'cursor', statement FROM pg_cursors WHERE statement NOT LIKE '%pg_prepared_statements%'
UNION ALL SELECT 'listening', c FROM pg_listening_channels() c
UNION ALL SELECT 'temporary', relname::text FROM pg_class
WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()
UNION ALL SELECT 'role', current_user::text
UNION ALL SELECT 'left', coalesce(current_setting('left.behind', true), '')
UNION ALL SELECT 'stores', (SELECT string_agg(DISTINCT store_id::text, ',') FROM retail.stores)
ORDER BY 1, 2
