-- Roles: an owner for the data, an owner for the security functions, one role per kind of
-- manager, and the only login. @{…} are role names with the configured prefix.

DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['@{owner}', '@{security}', '@{store_managers}', '@{regional_managers}', '@{head_office}']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '@{gateway}') THEN
        CREATE ROLE @{gateway} LOGIN NOINHERIT;
    END IF;
END
$roles$;

GRANT @{owner}, @{security} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
GRANT @{store_managers}, @{regional_managers}, @{head_office} TO @{gateway} WITH INHERIT FALSE, SET TRUE;

DO $database$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO @{gateway}', current_database());
    EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO @{owner}', current_database());
    EXECUTE format('GRANT CREATE ON DATABASE %I TO @{security}', current_database());
END
$database$;

CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

SET LOCAL ROLE @{owner};
CREATE SCHEMA ops;
COMMENT ON SCHEMA ops IS 'Settings, loads and migrations; for the administrator.';
CREATE TABLE ops.schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.schema_migrations IS 'Migrations that were applied.';
COMMENT ON COLUMN ops.schema_migrations.version IS 'Number of the migration.';
COMMENT ON COLUMN ops.schema_migrations.name IS 'Its file name.';
COMMENT ON COLUMN ops.schema_migrations.checksum IS 'SHA-256 of its text; a changed applied file is refused.';
COMMENT ON COLUMN ops.schema_migrations.created_at IS 'When it was applied.';
COMMENT ON COLUMN ops.schema_migrations.updated_at IS 'When the row was last written.';
