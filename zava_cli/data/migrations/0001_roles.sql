-- Roles: an owner for the data, an owner for the security functions, one role per kind of
-- manager, and the only login. @{…} are role names with the configured prefix.

DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        '@{owner}', '@{security}', '@{store_managers}', '@{regional_managers}', '@{head_office}', '@{gateway}']
    LOOP
        -- Roles belong to the whole cluster: another database's migration may make them at the same moment.
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I %s NOINHERIT', wanted,
                               CASE wanted WHEN '@{gateway}' THEN 'LOGIN' ELSE 'NOLOGIN' END);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    FOREACH wanted IN ARRAY ARRAY[
        'GRANT @{owner} TO CURRENT_USER', 'GRANT @{security} TO CURRENT_USER', 'GRANT @{store_managers} TO @{gateway}',
        'GRANT @{regional_managers} TO @{gateway}', 'GRANT @{head_office} TO @{gateway}']
    LOOP
        BEGIN
            EXECUTE wanted || ' WITH INHERIT FALSE, SET TRUE';
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$roles$;

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
