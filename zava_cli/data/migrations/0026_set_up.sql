-- What sets a transaction up, as a function, whose plan outlives the caller: as a statement it was parsed and planned
-- anew for each call, so that no caller could leave another one in its place, which took a quarter of the call's time.

SET LOCAL ROLE @{security};

-- In the rights of the caller: no definer function may set a role. Names are written out, for its search path is the
-- session's.
CREATE FUNCTION security.set_up(
    context text, role text, milliseconds text, time_zone text, jit text, work_mem text, application text, token text)
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    -- Evaluated left to right in one snapshot. The context is verified here as well, so that one which is refused
    -- costs no query, and an answer that is kept knows what it depends on.
    RETURN (ARRAY[
        pg_catalog.set_config('zava.context', context, true),
        pg_catalog.set_config('application_name', application, true),
        pg_catalog.set_config('statement_timeout', milliseconds, true),
        pg_catalog.set_config('TimeZone', time_zone, true),
        pg_catalog.set_config('jit', jit, true),
        pg_catalog.set_config('work_mem', work_mem, true),
        -- A caller whose process or network died without a word is noticed while the statement runs.
        pg_catalog.set_config('client_connection_check_interval',
            CASE pg_catalog.current_setting('dynamic_shared_memory_type') WHEN 'windows' THEN '0' ELSE '500' END, true),
        pg_catalog.set_config('search_path', 'retail, public', true),
        -- The guard reads literals by this rule.
        pg_catalog.set_config('standard_conforming_strings', 'on', true),
        pg_catalog.set_config('transaction_read_only', 'on', true),
        security.require_token(token)::pg_catalog.text,
        security.reading_state(),
        pg_catalog.set_config('role', role, true)])[12];
END
$$;
COMMENT ON FUNCTION security.set_up(text, text, text, text, text, text, text, text) IS 'Makes a transaction a caller''s: who asks, as which role, read-only, within which bounds; returns the reading state, errors as for require_token and reading_state.';

REVOKE ALL ON FUNCTION security.set_up(text, text, text, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.set_up(text, text, text, text, text, text, text, text) TO @{gateway};

RESET ROLE;
