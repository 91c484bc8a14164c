-- name: relation_names
-- Tables and views of the retail schema.
SELECT relname::text AS name FROM pg_catalog.pg_class
WHERE relnamespace = 'retail'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') ORDER BY 1
