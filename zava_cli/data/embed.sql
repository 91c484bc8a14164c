-- name: page
-- Products in the order of their key, each with the hash that a model's vector of it has.
-- $1 model text, $2 after uuid, $3 rows integer
SELECT p.product_id, p.name, t.name AS product_type, c.name AS category, p.description,
       e.content_hash, e.last_updated
FROM retail.products p
JOIN retail.product_types t ON t.type_id = p.type_id
JOIN retail.categories c ON c.category_id = p.category_id
LEFT JOIN retail.product_description_embeddings e ON e.product_id = p.product_id AND e.model = $1
WHERE p.product_id > $2
ORDER BY p.product_id
LIMIT $3

-- name: models
-- Every model with stored vectors, the active one first.
SELECT model, provider, dimensions, is_active FROM retail.embedding_models ORDER BY is_active DESC, model

-- name: products
-- Number of products.
SELECT count(*) FROM retail.products

-- name: lock
-- Lets one process embed at a time.
SELECT pg_advisory_lock(hashtext('zava embed'))

-- name: unlock
-- Lets the next one go on.
SELECT pg_advisory_unlock(hashtext('zava embed'))

-- name: add_model
-- Notes a model before its first vector; search does not use it yet. Returns the dimensions on record.
-- $1 model text, $2 provider text, $3 dimensions integer
INSERT INTO retail.embedding_models AS m (model, provider, dimensions) VALUES ($1, $2, $3)
ON CONFLICT (model) DO UPDATE SET provider = excluded.provider, updated_at = now()
RETURNING m.dimensions

-- name: create_batch
-- Where a batch arrives: COPY FROM is not possible into a table with forced row security.
CREATE TEMPORARY TABLE new_embeddings (product_id uuid, description_embedding public.vector, content_hash text)
ON COMMIT DROP

-- name: store_batch
-- Writes a batch over what the model had for these products.
-- $1 model text, $2 dimensions integer
INSERT INTO retail.product_description_embeddings AS e
       (product_id, model, description_embedding, content_hash, dimensions)
SELECT product_id, $1, description_embedding, content_hash, $2 FROM pg_temp.new_embeddings
ON CONFLICT (product_id, model) DO UPDATE
SET description_embedding = excluded.description_embedding, content_hash = excluded.content_hash,
    dimensions = excluded.dimensions, last_updated = now()

-- name: index_plan
-- The statement that builds a model's index, whether the index is there, and how many vectors it covers.
-- $1 model text, $2 dimensions integer
SELECT format('CREATE INDEX %I ON retail.product_description_embeddings USING hnsw '
              '((description_embedding::%s(%s)) %s_cosine_ops) WHERE model = %L',
              names.index_name, names.kind, $2::integer, names.kind, $1::text) AS statement,
       to_regclass(format('retail.%I', names.index_name)) IS NOT NULL AS is_there,
       (SELECT count(*) FROM retail.product_description_embeddings WHERE model = $1) AS vectors
FROM (SELECT 'embeddings_hnsw_' || left(md5($1), 16) AS index_name,
             CASE WHEN $2 > 2000 THEN 'public.halfvec' ELSE 'public.vector' END AS kind) AS names

-- name: analyze
-- Fresh statistics, so that the planner knows when the index pays.
ANALYZE retail.product_description_embeddings

-- name: deactivate
-- Takes search away from the other models.
-- $1 model text
UPDATE retail.embedding_models SET is_active = false, updated_at = now() WHERE is_active AND model <> $1

-- name: activate
-- Gives search to a model; no row when it had it already or has no vectors.
-- $1 model text
UPDATE retail.embedding_models SET is_active = true, updated_at = now() WHERE model = $1 AND NOT is_active
RETURNING dimensions
