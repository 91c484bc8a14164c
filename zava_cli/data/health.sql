-- name: server
-- Version, encryption of this connection and the limits that only an operator can set.
SELECT current_setting('server_version_num')::integer AS version_number,
       current_setting('server_version') AS version,
       current_setting('temp_file_limit') AS temp_file_limit,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_version,
       has_function_privilege('public', 'pg_catalog.set_config(text, text, boolean)', 'EXECUTE') AS anyone_sets_config,
       has_column_privilege('public', 'pg_catalog.pg_class', 'reltuples', 'SELECT') AS anyone_counts_rows

-- name: login
-- What this login could do beyond asking.
-- $1 owner text, $2 security text
SELECT r.rolname AS login, r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses_rls,
       r.rolcreaterole AS creates_roles, r.rolcreatedb AS creates_databases,
       ARRAY(SELECT o.rolname::text FROM pg_roles o
             WHERE (o.rolname IN ($1, $2) OR o.rolsuper OR o.rolbypassrls)
               AND o.rolname <> r.rolname AND pg_has_role(r.oid, o.oid, 'MEMBER')) AS reachable_owners,
       ARRAY(SELECT c.relname::text FROM pg_class c
             WHERE c.relnamespace = 'retail'::regnamespace AND c.relowner = r.oid) AS owned_tables
FROM pg_roles r WHERE r.rolname = session_user

-- name: row_security
-- Tables of retail with their row security and number of policies.
SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS is_forced,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
FROM pg_class c WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1

-- name: holes
-- Views that run with their owner's rights, and definer functions that nobody reviewed.
-- $1 reviewed text[]
SELECT format('view %I.%I', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT coalesce(c.reloptions::text[] && ARRAY['security_invoker=true', 'security_invoker=on'], false)
UNION ALL
SELECT format('function %s', p.oid::regprocedure)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT n.nspname || '.' || p.proname = ANY ($1)
ORDER BY 1

-- name: embeddings
-- How much of the catalogue the active model covers, and what waits for it since when.
SELECT m.model, (SELECT count(*) FROM retail.products) AS products, e.embedded, e.last_updated,
       b.waiting, b.failed, b.oldest,
       EXISTS (SELECT FROM pg_index WHERE indisvalid
               AND indexrelid = to_regclass('retail.embeddings_hnsw_' || left(md5(m.model), 16))) AS is_indexed
FROM retail.embedding_models m
CROSS JOIN LATERAL (SELECT count(*) AS embedded, max(last_updated) AS last_updated
                    FROM retail.product_description_embeddings WHERE model = m.model) AS e
CROSS JOIN LATERAL security.embedding_backlog(m.model, NULL) AS b
WHERE m.is_active

-- name: visible_stores
-- Stores that the signed context shows.
SELECT count(*) AS stores FROM retail.stores
