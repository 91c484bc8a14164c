-- name: append
-- Appends a batch of records; those that are there already stay as they are.
-- $1 records jsonb
SELECT audit.append($1)

-- name: keep_months
-- Remembers how long the log is kept, for when an append turns to a new month.
-- $1 months integer
UPDATE ops.settings SET audit_keep_months = $1, updated_at = now() WHERE audit_keep_months <> $1

-- name: maintain
-- Adds the partitions of the coming months and drops those past the retention; says what it did.
-- $1 months integer
SELECT audit.maintain($1)

-- name: is_there
-- Whether the database has an audit log.
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'audit' AND c.relname = 'operations')

-- name: local_time
-- The time of the session's time zone.
SELECT localtimestamp

-- name: operations
-- Records as text, newest first; a filter that is NULL lets everything through. Times are local ones.
-- $1 since timestamp, $2 until timestamp, $3 who text, $4 operation text, $5 outcome text, $6 way text,
-- $7 request text, $8 most bigint
SELECT o.occurred_at::text, o.request_id, o.way, o.operation, o.who, coalesce(m.name, o.manager_id::text), o.role, o.outcome, o.row_count::text,
       o.seconds::text, o.error_code, o.refused, o.client, o.parameters::text, o.sql_sha256, o.sql, o.written_by
FROM audit.operations o LEFT JOIN retail.managers m USING (manager_id)
WHERE o.occurred_at >= coalesce($1::timestamp AT TIME ZONE current_setting('TimeZone'), '-infinity')
  AND o.occurred_at < coalesce($2::timestamp AT TIME ZONE current_setting('TimeZone'), 'infinity')
  AND ($3::text IS NULL OR lower($3) IN (lower(o.who), lower(m.name), lower(m.email), o.manager_id::text))
  AND ($4::text IS NULL OR lower(o.operation) = lower($4))
  AND ($5::text IS NULL OR lower(o.outcome) = lower($5))
  AND ($6::text IS NULL OR lower(o.way) = lower($6))
  AND ($7::text IS NULL OR o.request_id = $7)
ORDER BY o.occurred_at DESC, o.record_id LIMIT $8
