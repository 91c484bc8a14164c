-- The audit log: one record per operation, in a partition per month. Records are appended through one
-- function and never change; retention drops whole months.

SET LOCAL ROLE @{owner};
ALTER TABLE ops.settings ADD COLUMN audit_keep_months integer NOT NULL DEFAULT 13 CHECK (audit_keep_months > 0);
COMMENT ON COLUMN ops.settings.audit_keep_months IS 'Whole months of the audit log that are kept beside the current one.';

SET LOCAL ROLE @{security};

CREATE SCHEMA audit;
COMMENT ON SCHEMA audit IS 'What was done, by whom and on which way in; append-only.';
REVOKE ALL ON SCHEMA audit FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO @{gateway};

CREATE TABLE audit.operations (
    occurred_at timestamptz NOT NULL,
    record_id uuid NOT NULL,
    request_id text NOT NULL,
    way text NOT NULL,
    operation text NOT NULL,
    who text,
    manager_id uuid,
    role text,
    client text,
    outcome text NOT NULL,
    error_code text,
    refused text,
    row_count bigint,
    seconds double precision NOT NULL,
    sql_sha256 text CHECK (sql_sha256 ~ '^[0-9a-f]{64}$'),
    sql text,
    parameters text[],
    written_by text NOT NULL DEFAULT session_user,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (occurred_at, record_id)
) PARTITION BY RANGE (occurred_at);
COMMENT ON TABLE audit.operations IS 'One row per operation of every front; rows never change.';
COMMENT ON COLUMN audit.operations.occurred_at IS 'When the operation began, by the clock of the process that served it.';
COMMENT ON COLUMN audit.operations.record_id IS 'Chosen by that process, so that a record that is sent twice is kept once.';
COMMENT ON COLUMN audit.operations.request_id IS 'Reference that the log and error messages carry too.';
COMMENT ON COLUMN audit.operations.way IS 'Way in: terminal, administrator, mcp-stdio or mcp-http.';
COMMENT ON COLUMN audit.operations.operation IS 'What was done, by the name of the command: query, search, db migrate …';
COMMENT ON COLUMN audit.operations.who IS 'Who the caller said to be.';
COMMENT ON COLUMN audit.operations.manager_id IS 'Whom that was found to be; NULL when nobody was.';
COMMENT ON COLUMN audit.operations.role IS 'That manager''s role, or administrator.';
COMMENT ON COLUMN audit.operations.client IS 'Program or system user that asked, as it named itself.';
COMMENT ON COLUMN audit.operations.outcome IS 'ok, refused (by the guard), unauthorized, forged (context), invalid, limited (rate), timeout, cancelled, unavailable or failed.';
COMMENT ON COLUMN audit.operations.error_code IS 'Code of the error that the caller got.';
COMMENT ON COLUMN audit.operations.refused IS 'Construct that the guard refused.';
COMMENT ON COLUMN audit.operations.row_count IS 'Rows that the caller got.';
COMMENT ON COLUMN audit.operations.seconds IS 'How long it took.';
COMMENT ON COLUMN audit.operations.sql_sha256 IS 'SHA-256 of the whole SQL text as sent; NULL beyond 4 MB, which no setting lets through.';
COMMENT ON COLUMN audit.operations.sql IS 'SQL text as sent; NULL when it is configured to be kept as a hash only.';
COMMENT ON COLUMN audit.operations.parameters IS 'Names of the parameters; their values are kept nowhere.';
COMMENT ON COLUMN audit.operations.written_by IS 'Login that appended the record.';
COMMENT ON COLUMN audit.operations.written_at IS 'When it arrived, by this server''s clock.';

CREATE FUNCTION audit.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'audit records never change' USING ERRCODE = '42501';
END
$$;
COMMENT ON FUNCTION audit.refuse_change() IS 'Refuses UPDATE, DELETE and TRUNCATE, to the owner too.';

CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON audit.operations
    FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit.operations
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

-- Made beside the log and then attached, which locks appends out for less long than making it in place.
CREATE FUNCTION audit.add_partition(name text, bounds text, comment text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE TABLE audit.%I (LIKE audit.operations INCLUDING COMMENTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('COMMENT ON TABLE audit.%I IS %L', name, comment);
    EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit.%I
        FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()', name);
    EXECUTE format('ALTER TABLE audit.operations ATTACH PARTITION audit.%I %s', name, bounds);
END
$$;
COMMENT ON FUNCTION audit.add_partition(text, text, text) IS 'Adds a partition with triggers and comments of its own.';

CREATE FUNCTION audit.partition_name(month timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'operations_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM') $$;
COMMENT ON FUNCTION audit.partition_name(timestamptz) IS 'Name of the partition of that moment''s month, in UTC.';

CREATE FUNCTION audit.month(as_of timestamptz, shift integer) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT (date_trunc('month', as_of AT TIME ZONE 'UTC') + make_interval(months => shift)) AT TIME ZONE 'UTC' $$;
COMMENT ON FUNCTION audit.month(timestamptz, integer) IS 'First moment of a month in UTC, so many months away.';

CREATE FUNCTION audit.add_month(as_of timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := audit.partition_name(as_of);
BEGIN
    IF to_regclass('audit.' || name) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    PERFORM audit.add_partition(
        name, format('FOR VALUES FROM (%L) TO (%L)', audit.month(as_of, 0), audit.month(as_of, 1)),
        format('Operations of %s in UTC.', to_char(as_of AT TIME ZONE 'UTC', 'YYYY-MM')));
    RETURN 'added ' || name;
END
$$;
COMMENT ON FUNCTION audit.add_month(timestamptz) IS 'Adds the partition of that moment''s month unless it is there; says what it added.';

CREATE FUNCTION audit.add_default() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$ SELECT audit.add_partition('operations_default', 'DEFAULT', 'Operations of months without a partition; a safety net.') $$;
COMMENT ON FUNCTION audit.add_default() IS 'Adds the partition for what fits into no month.';

-- A month cannot be attached while the safety net holds rows of it, and rows can leave the net only by leaving
-- the log: so the net is put aside, emptied into the months, and dropped.
CREATE FUNCTION audit.empty_default(oldest timestamptz, newest timestamptz) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    done text[];
BEGIN
    ALTER TABLE audit.operations DETACH PARTITION audit.operations_default;
    ALTER TABLE audit.operations_default RENAME TO operations_stray;
    PERFORM audit.add_default();
    SELECT array_agg(audit.add_month(m.month)) INTO done
    FROM (SELECT DISTINCT audit.month(occurred_at, 0) AS month FROM audit.operations_stray
          WHERE occurred_at >= oldest AND occurred_at < newest) AS m;
    INSERT INTO audit.operations SELECT * FROM audit.operations_stray WHERE occurred_at >= oldest;
    DROP TABLE audit.operations_stray;
    RETURN coalesce(array_remove(done, NULL), '{}');
END
$$;
COMMENT ON FUNCTION audit.empty_default(timestamptz, timestamptz) IS 'Moves what lies in the safety net into partitions of its months.';

-- Gives up where a reader holds the log: what was not done now is done next time.
CREATE FUNCTION audit.maintain(keep_months integer, as_of timestamptz DEFAULT now()) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    oldest timestamptz := audit.month(as_of, -keep_months);
    done text[] := '{}';
    name text;
BEGIN
    IF keep_months < 1 THEN
        RAISE EXCEPTION 'at least one month of the audit log is kept' USING ERRCODE = '22023';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('zava audit partitions')) THEN
        -- Another connection is at it.
        RETURN done;
    END IF;
    IF EXISTS (SELECT FROM audit.operations_default) THEN
        done := audit.empty_default(oldest, audit.month(as_of, 3));
    END IF;
    FOR shift IN 0..2 LOOP
        done := done || audit.add_month(audit.month(as_of, shift));
    END LOOP;
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit.operations'::regclass AND c.relname ~ '^operations_[0-9]{4}_[0-9]{2}$'
          AND c.relname < audit.partition_name(oldest)
        ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE audit.%I', name);
        done := done || ('dropped ' || name);
    END LOOP;
    RETURN array_remove(done, NULL);
END
$$;
COMMENT ON FUNCTION audit.maintain(integer, timestamptz) IS 'Adds the partitions of this and the next two months and drops those that are older than so many months; says what it did.';

CREATE FUNCTION audit.cut(value text, most integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN length(value) > most
                THEN left(value, most) || format(' … (cut, %s characters)', length(value)) ELSE value END
$$;
COMMENT ON FUNCTION audit.cut(text, integer) IS 'A text, cut to so many characters, which it then says.';

CREATE FUNCTION audit.insert_record(entry jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := (entry ->> 'occurred_at')::timestamptz;
BEGIN
    IF moment NOT BETWEEN '2000-01-01 00:00:00Z' AND clock_timestamp() + interval '1 day' THEN
        RAISE EXCEPTION 'an audit record of another age' USING ERRCODE = '22023';
    END IF;
    INSERT INTO audit.operations (
        occurred_at, record_id, request_id, way, operation, who, manager_id, role, client, outcome, error_code,
        refused, row_count, seconds, sql_sha256, sql, parameters)
    VALUES (
        moment, (entry ->> 'record_id')::uuid, audit.cut(entry ->> 'request_id', 100),
        audit.cut(entry ->> 'way', 50), audit.cut(entry ->> 'operation', 100), audit.cut(entry ->> 'who', 200),
        (entry ->> 'manager_id')::uuid, audit.cut(entry ->> 'role', 50), audit.cut(entry ->> 'client', 200),
        audit.cut(entry ->> 'outcome', 50), audit.cut(entry ->> 'error_code', 100),
        audit.cut(entry ->> 'refused', 500), (entry ->> 'row_count')::bigint,
        (entry ->> 'seconds')::double precision, entry ->> 'sql_sha256', audit.cut(entry ->> 'sql', 65536),
        CASE jsonb_typeof(entry -> 'parameters') WHEN 'array' THEN
            ARRAY(SELECT left(name, 100) FROM jsonb_array_elements_text(entry -> 'parameters') AS name LIMIT 100)
        END)
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION audit.insert_record(jsonb) IS 'Inserts one record, with its texts cut, unless it is there already.';

CREATE FUNCTION audit.append(records jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entry jsonb;
BEGIN
    IF jsonb_typeof(records) IS DISTINCT FROM 'array' OR jsonb_array_length(records) > 10000 THEN
        RAISE EXCEPTION 'audit records come as an array of at most 10000' USING ERRCODE = '22023';
    END IF;
    IF to_regclass('audit.' || audit.partition_name(audit.month(now(), 1))) IS NULL THEN
        BEGIN
            PERFORM audit.maintain((SELECT audit_keep_months FROM ops.settings));
        EXCEPTION WHEN OTHERS THEN
            -- The safety net takes the records meanwhile.
            RAISE LOG 'audit partitions: %', SQLERRM;
        END;
    END IF;
    FOR entry IN SELECT value FROM jsonb_array_elements(records) LOOP
        BEGIN
            PERFORM audit.insert_record(entry);
        EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
            INSERT INTO audit.operations (occurred_at, record_id, request_id, way, operation, outcome, seconds, sql)
            VALUES (clock_timestamp(), gen_random_uuid(), '', '', 'unreadable record', 'failed', 0,
                    audit.cut(entry::text, 10000));
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION audit.append(jsonb) IS 'Appends a batch of records; one that is broken is kept as it came and does not lose the others.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.append(jsonb) TO @{gateway};

SELECT audit.add_default();
SELECT audit.maintain(13);
