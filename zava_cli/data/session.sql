-- name: begin
-- Sets a transaction up: who asks, as which role, read-only, within which bounds.
-- $1 context text, $2 role text, $3 milliseconds text, $4 time zone text, $5 jit text, $6 work_mem text, $7 application text, $8 prefix of the caller's token text, $9 empty unless the answer is kept text
SELECT security.set_up($1, $2, $3, $4, $5, $6, $7, $8, $9) AS reading_state

-- name: type_names
-- Names of types by oid, for columns of types that are not built in.
-- $1 oids oid[]
SELECT oid, pg_catalog.format_type(oid, NULL) FROM pg_catalog.unnest($1::oid[]) AS oid

-- name: is_at_work
-- Whether a backend works on something; one that only waits may be another, which was given the same number.
-- $1 pid integer
SELECT EXISTS (SELECT FROM pg_stat_get_activity($1) WHERE state <> 'idle')
