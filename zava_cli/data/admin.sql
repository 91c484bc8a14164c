-- name: begin_load
-- Lets a load take its time and counts days in the business time zone.
SELECT set_config('TimeZone', (SELECT time_zone FROM ops.settings), true),
       set_config('statement_timeout', '0', true),
       -- A caller whose process or network died without a word is noticed while the statement runs.
       set_config('client_connection_check_interval',
                  CASE current_setting('dynamic_shared_memory_type') WHEN 'windows' THEN '0' ELSE '500' END, true),
       set_config('search_path', 'retail, public', true)

-- name: database_exists
-- Whether a database of that name exists.
-- $1 name text
SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)

-- name: applied_migrations
-- What was applied, oldest first.
SELECT version, name, checksum FROM ops.schema_migrations ORDER BY version

-- name: record_migration
-- Notes an applied migration.
-- $1 version integer, $2 name text, $3 checksum text
INSERT INTO ops.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)

-- name: has_migrations
-- Whether the database was ever migrated.
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'ops' AND c.relname = 'schema_migrations')

-- name: lock_migrations
-- Lets one process migrate at a time.
SELECT pg_advisory_lock(hashtext('zava migrations'))

-- name: unlock_migrations
-- Lets the next one go on.
SELECT pg_advisory_unlock(hashtext('zava migrations'))

-- name: set_time_zone
-- Gives a new database its business time zone.
-- $1 zone text
UPDATE ops.settings SET time_zone = $1, updated_at = now()

-- name: record_load
-- One row of the audit trail, and a new data version.
-- $1 kind text, $2 source text, $3 hash text, $4 parameters jsonb, $5 counts jsonb
WITH bumped AS (UPDATE ops.settings SET data_version = data_version + 1, updated_at = now())
INSERT INTO ops.load_runs (kind, source, content_hash, parameters, row_counts)
VALUES ($1, $2, $3, $4, $5)
