-- What the operator keeps about the database itself: settings, loads, applied migrations.

SET LOCAL ROLE @{owner};

CREATE TABLE ops.settings (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    time_zone text NOT NULL DEFAULT 'America/Los_Angeles',
    data_version bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO ops.settings DEFAULT VALUES;
COMMENT ON TABLE ops.settings IS 'One row of settings that belong to the data, not to a process.';
COMMENT ON COLUMN ops.settings.only_row IS 'Keeps the table at one row.';
COMMENT ON COLUMN ops.settings.time_zone IS 'Business time zone: months and days are counted in it.';
COMMENT ON COLUMN ops.settings.data_version IS 'Grows with every load, so that caches know.';
COMMENT ON COLUMN ops.settings.created_at IS 'When the row was first written.';
COMMENT ON COLUMN ops.settings.updated_at IS 'When the row was last written.';

CREATE TABLE ops.load_runs (
    load_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('seed', 'import', 'embed', 'reset')),
    source text NOT NULL,
    content_hash text NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}',
    row_counts jsonb NOT NULL DEFAULT '{}',
    loaded_by text NOT NULL DEFAULT session_user,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.load_runs IS 'One row per load of data: the audit trail of changes.';
COMMENT ON COLUMN ops.load_runs.load_id IS 'Key.';
COMMENT ON COLUMN ops.load_runs.kind IS 'seed, import, embed or reset.';
COMMENT ON COLUMN ops.load_runs.source IS 'File name, generator or embedding model.';
COMMENT ON COLUMN ops.load_runs.content_hash IS 'SHA-256 of what was loaded.';
COMMENT ON COLUMN ops.load_runs.parameters IS 'For example the seed and the last day of a generated data set.';
COMMENT ON COLUMN ops.load_runs.row_counts IS 'Rows written per table.';
COMMENT ON COLUMN ops.load_runs.loaded_by IS 'Login that loaded.';
COMMENT ON COLUMN ops.load_runs.created_at IS 'When the load was committed.';
COMMENT ON COLUMN ops.load_runs.updated_at IS 'When the row was last written.';

GRANT USAGE ON SCHEMA ops TO @{gateway}, @{security};
GRANT SELECT ON ops.settings, ops.schema_migrations TO @{security};
