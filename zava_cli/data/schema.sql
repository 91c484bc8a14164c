-- name: tables
-- Tables and views of the retail schema that one may read.
SELECT c.relname::text AS name, obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class c
WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY 1

-- name: columns
-- Columns of some tables, in their order.
-- $1 tables text[]
SELECT c.relname::text AS table_name, a.attname::text AS name,
       CASE a.atttypid WHEN 'timestamptz'::regtype THEN 'timestamptz' ELSE format_type(a.atttypid, a.atttypmod) END AS type,
       coalesce(a.attnum = ANY (k.conkey), false) AS is_key, NOT a.attnotnull AS is_nullable,
       col_description(c.oid, a.attnum) AS comment
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relnamespace = 'retail'::regnamespace AND c.relname = ANY ($1::text[])
  AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY 1, a.attnum

-- name: joins
-- Foreign keys of some tables.
-- $1 tables text[]
SELECT c.relname::text AS table_name,
       format('(%s) = %s(%s)',
              (SELECT string_agg(a.attname, ', ' ORDER BY o.n) FROM unnest(k.conkey) WITH ORDINALITY o(num, n)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.num),
              f.relname,
              (SELECT string_agg(a.attname, ', ' ORDER BY o.n) FROM unnest(k.confkey) WITH ORDINALITY o(num, n)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.num)) AS condition
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = 'retail'::regnamespace AND c.relname = ANY ($1::text[])
ORDER BY 1, k.conname

-- name: listed_values
-- Values that a CHECK constraint lists, such as those of orders.status.
SELECT c.relname || '.' || a.attname AS column,
       ARRAY(SELECT m[1] FROM regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''::text', 'g') m ORDER BY 1) AS values
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
WHERE k.contype = 'c' AND cardinality(k.conkey) = 1 AND c.relnamespace = 'retail'::regnamespace
  AND pg_get_constraintdef(k.oid) ~ '^CHECK \(\(\w+ = ANY \(ARRAY\['
ORDER BY 1

-- name: store_names
-- Stores that one sees.
-- $1 most bigint
SELECT name AS value FROM retail.stores ORDER BY 1 LIMIT $1

-- name: category_names
-- Categories of the catalogue.
-- $1 most bigint
SELECT name AS value FROM retail.categories ORDER BY 1 LIMIT $1

-- name: type_names
-- Product types of the catalogue.
-- $1 most bigint
SELECT DISTINCT name AS value FROM retail.product_types ORDER BY 1 LIMIT $1

-- name: order_years
-- Years in which the stores that one sees have orders; looks at the ends of an index instead of every order.
-- $1 most bigint
SELECT DISTINCT year::text AS value
FROM retail.stores s
CROSS JOIN LATERAL (SELECT min(o.order_date) AS oldest, max(o.order_date) AS newest
                    FROM retail.orders o WHERE o.store_id = s.store_id) ends
CROSS JOIN LATERAL generate_series(extract(year FROM ends.oldest)::integer,
                                   extract(year FROM ends.newest)::integer) AS year
WHERE EXISTS (SELECT FROM retail.orders o
              WHERE o.store_id = s.store_id AND o.order_date >= make_timestamptz(year, 1, 1, 0, 0, 0)
                AND o.order_date < make_timestamptz(year + 1, 1, 1, 0, 0, 0))
ORDER BY 1 LIMIT $1
