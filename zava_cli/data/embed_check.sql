-- name: choose_golden
-- Fills the golden queries up, unless the shop brought its own: names of product types first, then names of products,
-- always the same of a catalogue.
-- $1 types integer, $2 all integer
WITH gone AS (
    DELETE FROM ops.golden_queries g
    WHERE NOT EXISTS (SELECT FROM retail.products p WHERE p.type_id = g.type_id OR p.product_id = g.product_id)
    RETURNING g.query
), kept AS (
    SELECT query FROM ops.golden_queries EXCEPT SELECT query FROM gone
), wanted AS (
    (SELECT DISTINCT ON (md5(lower(t.name))) 1 AS kind, lower(t.name) AS query, t.type_id, NULL::uuid AS product_id
     FROM retail.product_types t
     WHERE t.name ~ '\w' AND EXISTS (SELECT FROM retail.products p WHERE p.type_id = t.type_id)
     ORDER BY md5(lower(t.name)), t.type_id LIMIT $1)
    UNION ALL
    -- Of products that share a name none is the one that must be found.
    (SELECT 2, p.name, NULL, (array_agg(p.product_id))[1] FROM retail.products p
     WHERE p.name ~ '\w' GROUP BY p.name HAVING count(*) = 1 ORDER BY 4 LIMIT $2)
)
INSERT INTO ops.golden_queries (query, type_id, product_id)
SELECT query, type_id, product_id FROM wanted WHERE query NOT IN (SELECT query FROM kept) AND NOT EXISTS (SELECT FROM ops.golden_queries WHERE is_own)
ORDER BY kind LIMIT greatest(0, $2 - (SELECT count(*) FROM kept))
ON CONFLICT DO NOTHING

-- name: neighbours
-- The neighbours of each vector in a model's index, NULL without one.
-- $1 model text
SELECT (SELECT option_value::integer FROM pg_class, pg_options_to_table(reloptions)
        WHERE oid = to_regclass('retail.embeddings_hnsw_' || left(md5($1), 16)) AND option_name = 'm')

-- name: unknown_skus
-- Those of some SKUs that no product has.
-- $1 SKUs text[]
SELECT wanted.sku FROM unnest($1::text[]) AS wanted (sku)
WHERE NOT EXISTS (SELECT FROM retail.products p WHERE p.sku = wanted.sku)

-- name: forget_golden
-- Forgets all golden queries.
DELETE FROM ops.golden_queries

-- name: keep_golden
-- Keeps the shop's own golden queries.
-- $1 queries text[], $2 SKUs text[]
INSERT INTO ops.golden_queries (query, product_id, is_own)
SELECT own.query, p.product_id, true FROM unnest($1::text[], $2::text[]) AS own (query, sku)
JOIN retail.products p USING (sku)

-- name: golden
-- The golden queries and what must be found for each.
SELECT query, type_id, product_id FROM ops.golden_queries ORDER BY query

-- name: nearest_of_all
-- All products compared with a vector: the nearest.
-- $1 question vector, $2 rows integer, $3 model text
SELECT product_id, 1 - distance AS score, type_id, 0.0::double precision AS penalty
FROM (SELECT product_id, description_embedding <=> $1::vector AS distance FROM retail.product_description_embeddings
      WHERE model = $3 ORDER BY distance LIMIT $2) AS near
JOIN retail.products USING (product_id)
ORDER BY distance

-- name: sample
-- Products with a vector of a model, some of them.
-- $1 model text, $2 rows integer
SELECT p.product_id, p.sku, p.name, t.name AS product_type, c.name AS category, p.description, e.content_hash,
       q.change_no
FROM (SELECT * FROM retail.product_description_embeddings WHERE model = $1 LIMIT $2) AS e
JOIN retail.products p ON p.product_id = e.product_id
JOIN retail.product_types t ON t.type_id = p.type_id
JOIN retail.categories c ON c.category_id = p.category_id
LEFT JOIN ops.embedding_queue q ON q.product_id = p.product_id AND q.model = $1

-- name: last_check
-- What a model answered when it was last found well.
-- $1 model text
SELECT recall, hits, answers, updated_at FROM ops.embedding_checks WHERE model = $1

-- name: keep_check
-- Makes these answers the ones that the next are compared with.
-- $1 model text, $2 recall double, $3 hits double, $4 answers jsonb
INSERT INTO ops.embedding_checks (model, recall, hits, answers) VALUES ($1, $2, $3, $4)
ON CONFLICT (model) DO UPDATE
SET recall = excluded.recall, hits = excluded.hits, answers = excluded.answers, updated_at = now()
