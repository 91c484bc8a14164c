-- What PostgreSQL does for each call, for less.

SET LOCAL ROLE @{security};

-- What sets a transaction up, as a function, whose plan outlives the caller: a prepared statement has
-- to be prepared anew behind each caller, who might leave another one under its name.
-- In the rights of the caller: no definer function may set a role. Names are written out, for its search path is the
-- session's.
CREATE FUNCTION security.set_up(
    context text, role text, milliseconds text, time_zone text, jit text, work_mem text, application text, token text,
    keeps_answer text)
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    -- Evaluated left to right in one snapshot. The context is verified here as well, so that one which is refused
    -- costs no query; an answer that is kept knows what it depends on, which verifies it too.
    RETURN (ARRAY[
        pg_catalog.set_config('zava.context', context, true),
        pg_catalog.set_config('application_name', application, true),
        pg_catalog.set_config('statement_timeout', milliseconds, true),
        pg_catalog.set_config('TimeZone', time_zone, true),
        pg_catalog.set_config('jit', jit, true),
        pg_catalog.set_config('work_mem', work_mem, true),
        -- A caller whose process or network died without a word is noticed while the statement runs.
        pg_catalog.set_config('client_connection_check_interval',
            CASE WHEN pg_catalog.current_setting('dynamic_shared_memory_type') OPERATOR(pg_catalog.=) 'windows' THEN '0'
            ELSE '500' END, true),
        pg_catalog.set_config('search_path', 'retail, public', true),
        -- The guard reads literals by this rule.
        pg_catalog.set_config('standard_conforming_strings', 'on', true),
        pg_catalog.set_config('transaction_read_only', 'on', true),
        security.require_token(token)::pg_catalog.text,
        CASE WHEN keeps_answer OPERATOR(pg_catalog.=) '' THEN security.context_manager()::pg_catalog.text END,
        CASE WHEN keeps_answer OPERATOR(pg_catalog.<>) '' THEN security.reading_state() END,
        pg_catalog.set_config('role', role, true)])[13];
END
$$;
COMMENT ON FUNCTION security.set_up(text, text, text, text, text, text, text, text, text) IS 'Makes a transaction a caller''s: who asks, as which role, read-only, within which bounds; returns the reading state where an answer is kept, errors as for require_token and reading_state.';

REVOKE ALL ON FUNCTION security.set_up(text, text, text, text, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.set_up(text, text, text, text, text, text, text, text, text) TO @{gateway};

-- A batch of audit records is one statement instead of one in a subtransaction for each.
DROP FUNCTION audit.insert_record(jsonb);
CREATE FUNCTION audit.insert_records(records jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM jsonb_array_elements(records) AS entry
               WHERE (entry ->> 'occurred_at')::timestamptz
                   NOT BETWEEN '2000-01-01 00:00:00Z' AND clock_timestamp() + interval '1 day') THEN
        RAISE EXCEPTION 'an audit record of another age' USING ERRCODE = '22023';
    END IF;
    INSERT INTO audit.operations (
        occurred_at, record_id, request_id, way, operation, who, manager_id, role, client, outcome, error_code,
        refused, row_count, seconds, sql_sha256, sql, parameters)
    SELECT
        (entry ->> 'occurred_at')::timestamptz, (entry ->> 'record_id')::uuid, audit.cut(entry ->> 'request_id', 100),
        audit.cut(entry ->> 'way', 50), audit.cut(entry ->> 'operation', 100), audit.cut(entry ->> 'who', 200),
        (entry ->> 'manager_id')::uuid, audit.cut(entry ->> 'role', 50), audit.cut(entry ->> 'client', 200),
        audit.cut(entry ->> 'outcome', 50), audit.cut(entry ->> 'error_code', 100),
        audit.cut(entry ->> 'refused', 500), (entry ->> 'row_count')::bigint,
        (entry ->> 'seconds')::double precision, entry ->> 'sql_sha256', audit.cut(entry ->> 'sql', 65536),
        CASE jsonb_typeof(entry -> 'parameters') WHEN 'array' THEN
            ARRAY(SELECT left(name, 100) FROM jsonb_array_elements_text(entry -> 'parameters') AS name LIMIT 100)
        END
    FROM jsonb_array_elements(records) AS entry
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION audit.insert_records(jsonb) IS 'Inserts records, with their texts cut, but for those that are there already; all or none.';
REVOKE ALL ON FUNCTION audit.insert_records(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit.append(records jsonb) RETURNS void
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
    BEGIN
        PERFORM audit.insert_records(records);
        RETURN;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
        -- One of them is broken, which only each by itself can tell.
    END;
    FOR entry IN SELECT value FROM jsonb_array_elements(records) LOOP
        BEGIN
            PERFORM audit.insert_records(jsonb_build_array(entry));
        EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
            INSERT INTO audit.operations (occurred_at, record_id, request_id, way, operation, outcome, seconds, sql)
            VALUES (clock_timestamp(), gen_random_uuid(), '', '', 'unreadable record', 'failed', 0,
                    audit.cut(entry::text, 10000));
        END;
    END LOOP;
END
$$;

-- Without a search path of its own and without functions that are only stable, so that it is inlined.
CREATE OR REPLACE FUNCTION audit.cut(value text, most integer) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN pg_catalog.length(value) > most
                THEN pg_catalog.left(value, most) || ' … (cut, ' || pg_catalog.length(value)::pg_catalog.text || ' characters)'
                ELSE value END
$$;

RESET ROLE;
