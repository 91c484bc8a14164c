-- name: page
-- Products in the order of their key, each with the hash that a model's vector of it has and its place in the queue.
-- $1 model text, $2 after uuid, $3 rows integer
SELECT p.product_id, p.sku, p.name, t.name AS product_type, c.name AS category, p.description, e.content_hash,
       q.change_no
FROM retail.products p
JOIN retail.product_types t ON t.type_id = p.type_id
JOIN retail.categories c ON c.category_id = p.category_id
LEFT JOIN retail.product_description_embeddings e ON e.product_id = p.product_id AND e.model = $1
LEFT JOIN ops.embedding_queue q ON q.product_id = p.product_id AND q.model = $1
WHERE p.product_id > $2
ORDER BY p.product_id
LIMIT $3

-- name: models
-- Every model on record, the active one first.
SELECT model, provider, dimensions, is_active, provider_model, asked_dimensions, query_prefix, document_prefix
FROM retail.embedding_models ORDER BY is_active DESC, model

-- name: products
-- Number of products.
SELECT count(*) FROM retail.products

-- name: missing
-- Number of products that have no vector of a model and do not wait for one.
-- $1 model text
SELECT count(*) FROM retail.products p
WHERE NOT EXISTS (SELECT FROM retail.product_description_embeddings e WHERE e.product_id = p.product_id AND e.model = $1)
  AND NOT EXISTS (SELECT FROM ops.embedding_queue q WHERE q.product_id = p.product_id AND q.model = $1)

-- name: lock_alone
-- Lets one process go through all products for a model, with no worker of the queue beside it.
-- $1 model text
SELECT pg_advisory_lock(hashtext('zava embed'), hashtext($1))

-- name: unlock_alone
-- Lets the next one go on.
-- $1 model text
SELECT pg_advisory_unlock(hashtext('zava embed'), hashtext($1))

-- name: wait_for_writers
-- Waits for those who change the catalogue now: they do not know of a model that is added after this.
LOCK TABLE retail.categories, retail.product_types, retail.products IN SHARE MODE

-- name: add_model
-- Notes a model before its first vector; search does not use it yet. Returns the dimensions on record.
-- $1 model text, $2 provider text, $3 dimensions integer, $4 name at the provider text, $5 asked dimensions integer,
-- $6 query prefix text, $7 document prefix text
INSERT INTO retail.embedding_models AS m
       (model, provider, dimensions, provider_model, asked_dimensions, query_prefix, document_prefix)
VALUES ($1, $2, $3, $4, $5, $6, $7)
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

-- name: remove
-- Takes vectors away of products that have none any more.
-- $1 model text, $2 products text[]
DELETE FROM retail.product_description_embeddings WHERE model = $1 AND product_id = ANY ($2::text[]::uuid[])

-- name: index_plan
-- The statement that removes what an interrupted build left, the one that builds a model's index, around its options,
-- those that put it in the place of the one that is there, the neighbours of that if it is usable, how many vectors it
-- covers, and the bytes that a setting, or else the server's maintenance_work_mem, gives it. In half precision it is
-- half the size and finds the same.
-- $1 model text, $2 dimensions integer, $3 memory text
SELECT format('DROP INDEX IF EXISTS retail.%I', name.of_new) AS clearing,
       format('CREATE INDEX %I ON retail.product_description_embeddings USING hnsw '
              '((description_embedding::public.halfvec(%s)) public.halfvec_cosine_ops)',
              name.of_new, $2::integer) AS statement,
       format('WHERE model = %L', $1::text) AS condition,
       format('DROP INDEX IF EXISTS retail.%I; ALTER INDEX retail.%I RENAME TO %I',
              name.of_index, name.of_new, name.of_index) AS replacing,
       (SELECT option_value::integer FROM pg_index JOIN pg_class c ON c.oid = indexrelid, pg_options_to_table(reloptions)
        WHERE indexrelid = to_regclass(format('retail.%I', name.of_index)) AND indisvalid AND option_name = 'm')
           AS neighbours,
       (SELECT count(*) FROM retail.product_description_embeddings WHERE model = $1) AS vectors,
       pg_size_bytes(coalesce($3, current_setting('maintenance_work_mem'))) AS memory
FROM (SELECT 'embeddings_hnsw_' || left(md5($1), 16) AS of_index,
             'embeddings_hnsw_' || left(md5($1), 16) || '_new' AS of_new) AS name

-- name: index_settings
-- Memory in kB and further processes for building an index; NULL leaves the server's own number of processes.
-- $1 kilobytes integer, $2 processes integer
SELECT set_config('maintenance_work_mem', $1::integer || 'kB', true),
       CASE WHEN $2::integer IS NOT NULL THEN set_config('max_parallel_maintenance_workers', $2::text, true) END

-- name: indexes
-- Each model with its index: whether it is usable, NULL without one, its bytes, and the vectors that no index covers.
SELECT m.model, i.indisvalid AS is_valid, coalesce(pg_relation_size(i.indexrelid), 0) AS bytes,
       CASE WHEN i.indisvalid THEN 0
            ELSE (SELECT count(*) FROM retail.product_description_embeddings e WHERE e.model = m.model) END AS unindexed,
       name.of_index AS name
FROM retail.embedding_models m
CROSS JOIN LATERAL (SELECT 'embeddings_hnsw_' || left(md5(m.model), 16) AS of_index) AS name
LEFT JOIN pg_index i ON i.indexrelid = to_regclass('retail.' || name.of_index)
ORDER BY m.is_active DESC, m.model

-- name: index_builds
-- Names of the indexes that are being built now, with the vectors that they hold; none of another login's.
SELECT substring(a.query FROM 'CREATE INDEX (embeddings_hnsw_[0-9a-f]+)') AS name, p.tuples_done AS done
FROM pg_stat_progress_create_index p JOIN pg_stat_activity a USING (pid)
WHERE p.datname = current_database() AND a.query ~ 'CREATE INDEX embeddings_hnsw_'

-- name: index_progress
-- How many vectors the index that a backend builds holds by now; no row while it builds none.
-- $1 backend integer
SELECT tuples_done FROM pg_stat_progress_create_index WHERE pid = $1

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

-- name: has_vectors
-- Whether a model has any vector.
-- $1 model text
SELECT EXISTS (SELECT FROM retail.product_description_embeddings WHERE model = $1)

-- name: is_active
-- Whether search uses a model, which nobody changes until the end of the transaction.
-- $1 model text
SELECT is_active FROM retail.embedding_models WHERE model = $1 FOR UPDATE

-- name: drop_index
-- The statement that removes a model's index, and what an interrupted build left.
-- $1 model text
SELECT format('DROP INDEX IF EXISTS retail.%I, retail.%I', name.of_index, name.of_index || '_new')
FROM (SELECT 'embeddings_hnsw_' || left(md5($1), 16) AS of_index) AS name

-- name: remove_vectors
-- Takes all vectors of a model away; returns how many there were.
-- $1 model text
WITH removed AS (DELETE FROM retail.product_description_embeddings WHERE model = $1 RETURNING 1)
SELECT count(*) FROM removed

-- name: remove_model
-- Forgets a model with its queue and its answers, after remove_vectors.
-- $1 model text
WITH queued AS (DELETE FROM ops.embedding_queue WHERE model = $1),
     checked AS (DELETE FROM ops.embedding_checks WHERE model = $1)
DELETE FROM retail.embedding_models WHERE model = $1
