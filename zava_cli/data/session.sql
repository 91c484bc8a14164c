-- name: begin
-- Sets a transaction up: who asks, as which role, read-only, within which bounds. Evaluated left to right; one
-- column, for that is less to read, and the place of the reading state among them.
-- The context is verified here as well, so that one which is refused costs no query, and an answer that is kept
-- knows what it depends on.
-- $1 context text, $2 role text, $3 milliseconds text, $4 time zone text, $5 jit text, $6 work_mem text, $7 application text, $8 prefix of the caller's token text
SELECT (ARRAY[
    set_config('zava.context', $1, true),
    set_config('application_name', $7, true),
    set_config('statement_timeout', $3, true),
    set_config('TimeZone', $4, true),
    set_config('jit', $5, true),
    set_config('work_mem', $6, true),
    -- A caller whose process or network died without a word is noticed while the statement runs.
    set_config('client_connection_check_interval',
               CASE current_setting('dynamic_shared_memory_type') WHEN 'windows' THEN '0' ELSE '500' END, true),
    set_config('search_path', 'retail, public', true),
    -- The guard reads literals by this rule.
    set_config('standard_conforming_strings', 'on', true),
    set_config('transaction_read_only', 'on', true),
    security.require_token($8)::text,
    security.reading_state(),
    set_config('role', $2, true)])[12] AS reading_state

-- name: type_names
-- Names of types by oid, for columns of types that are not built in.
-- $1 oids oid[]
SELECT oid, pg_catalog.format_type(oid, NULL) FROM pg_catalog.unnest($1::oid[]) AS oid

-- name: is_at_work
-- Whether a backend works on something; one that only waits may be another, which was given the same number.
-- $1 pid integer
SELECT EXISTS (SELECT FROM pg_stat_get_activity($1) WHERE state <> 'idle')
