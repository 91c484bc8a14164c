-- name: lock_beside
-- Lets workers of a model's queue run beside one another, but not while somebody goes through all products.
-- $1 model text
SELECT pg_advisory_lock_shared(hashtext('zava embed'), hashtext($1))

-- name: unlock_beside
-- Ends that.
-- $1 model text
SELECT pg_advisory_unlock_shared(hashtext('zava embed'), hashtext($1))

-- name: take_back
-- Frees what a worker that died had claimed: nobody else is at work when the lock is to be had.
-- $1 model text
UPDATE ops.embedding_queue SET is_claimed = false, due_at = now(), updated_at = now()
WHERE model = $1 AND is_claimed AND pg_try_advisory_xact_lock(hashtext('zava embed'), hashtext($1))

-- name: claim
-- Takes what has waited longest, past what other workers have their hands on; it is due again when the time is over.
-- $1 model text, $2 rows integer, $3 time interval
UPDATE ops.embedding_queue q SET is_claimed = true, due_at = clock_timestamp() + $3, updated_at = now()
FROM (SELECT product_id FROM ops.embedding_queue WHERE model = $1 AND due_at <= now()
      ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
WHERE q.model = $1 AND q.product_id = due.product_id
RETURNING q.product_id

-- name: claimed
-- Claimed products as they are now, each with the hash that a model's vector of it has and its place in the queue.
-- $1 model text, $2 products text[]
SELECT p.product_id, p.sku, p.name, t.name AS product_type, c.name AS category, p.description, e.content_hash,
       q.change_no
FROM ops.embedding_queue q
JOIN retail.products p ON p.product_id = q.product_id
JOIN retail.product_types t ON t.type_id = p.type_id
JOIN retail.categories c ON c.category_id = p.category_id
LEFT JOIN retail.product_description_embeddings e ON e.product_id = p.product_id AND e.model = q.model
WHERE q.model = $1 AND q.product_id = ANY ($2::text[]::uuid[]) AND q.is_claimed

-- name: settle
-- Takes products out of the queue, but for those that changed since they were read; returns which were taken out.
-- $1 model text, $2 products text[], $3 change numbers text[]
DELETE FROM ops.embedding_queue q
USING (SELECT d.product_id FROM ops.embedding_queue d
       JOIN unnest($2::text[]::uuid[], $3::text[]::bigint[]) AS read (product_id, change_no) USING (product_id, change_no)
       WHERE d.model = $1 ORDER BY d.product_id FOR UPDATE OF d SKIP LOCKED) AS done
WHERE q.model = $1 AND q.product_id = done.product_id
RETURNING q.product_id

-- name: put_back
-- Gives claimed products back, due at once.
-- $1 model text, $2 products text[], $3 change numbers text[]
UPDATE ops.embedding_queue q SET is_claimed = false, due_at = now(), updated_at = now()
FROM unnest($2::text[]::uuid[], $3::text[]::bigint[]) AS read (product_id, change_no)
WHERE q.model = $1 AND q.product_id = read.product_id AND q.change_no = read.change_no AND q.is_claimed

-- name: renew
-- Keeps claimed products for a worker that still has them in hand.
-- $1 model text, $2 products text[], $3 change numbers text[], $4 time interval
UPDATE ops.embedding_queue q SET due_at = clock_timestamp() + $4, updated_at = now()
FROM unnest($2::text[]::uuid[], $3::text[]::bigint[]) AS read (product_id, change_no)
WHERE q.model = $1 AND q.product_id = read.product_id AND q.change_no = read.change_no AND q.is_claimed

-- name: note
-- Notes why products wait.
-- $1 model text, $2 products text[], $3 change numbers text[], $4 failure text
UPDATE ops.embedding_queue q SET failure = $4, updated_at = now()
FROM unnest($2::text[]::uuid[], $3::text[]::bigint[]) AS read (product_id, change_no)
WHERE q.model = $1 AND q.product_id = read.product_id AND q.change_no = read.change_no

-- name: put_off
-- Notes a failed try: due again after a while that doubles with each one, up to an hour, and never after the last.
-- What did not wait is queued, unless it changed meanwhile and waits by now.
-- $1 model text, $2 products text[], $3 change numbers text[], NULL for what did not wait, $4 failures text[],
-- $5 most attempts integer
WITH tried AS (
    SELECT r.product_id, r.change_no::bigint, r.failure
    FROM unnest($2::text[]::uuid[], $3::text[], $4::text[]) AS r (product_id, change_no, failure)
), queued AS (
    INSERT INTO ops.embedding_queue AS q (model, product_id, attempts, failure, due_at)
    SELECT $1, t.product_id, 1, t.failure, CASE WHEN 1 < $5 THEN now() + interval '2 seconds' ELSE 'infinity' END
    FROM tried t JOIN retail.products p USING (product_id)
    WHERE t.change_no IS NULL ORDER BY t.product_id
    ON CONFLICT DO NOTHING
    RETURNING q.due_at
), put_off AS (
    UPDATE ops.embedding_queue q
    SET attempts = q.attempts + 1, failure = t.failure, is_claimed = false, updated_at = now(),
        due_at = CASE WHEN q.attempts + 1 < $5
                      THEN now() + least(interval '1 hour', interval '2 seconds' * 2 ^ least(q.attempts, 20))
                      ELSE 'infinity' END
    FROM tried t
    WHERE q.model = $1 AND q.product_id = t.product_id AND q.change_no = t.change_no
    RETURNING q.due_at
)
SELECT due_at = 'infinity' AS is_last FROM queued UNION ALL SELECT due_at = 'infinity' FROM put_off

-- name: retry_failed
-- Gives the products that failed too often all their tries again.
-- $1 model text
UPDATE ops.embedding_queue SET attempts = 0, due_at = now(), updated_at = now()
WHERE model = $1 AND due_at = 'infinity'

-- name: forget_unknown
-- Takes out of the queue what is no product any more.
-- $1 model text, $2 products text[]
DELETE FROM ops.embedding_queue q
WHERE q.model = $1 AND q.product_id = ANY ($2::text[]::uuid[])
  AND NOT EXISTS (SELECT FROM retail.products p WHERE p.product_id = q.product_id)

-- name: backlog
-- What waits for each model, what failed too often with its latest reason, and since when the oldest has waited.
SELECT m.model, m.provider, m.is_active AS active, m.dimensions, e.embedded, e.last_updated, q.*
FROM retail.embedding_models m
CROSS JOIN LATERAL (
    SELECT count(*) AS embedded, max(last_updated) AS last_updated
    FROM retail.product_description_embeddings WHERE model = m.model) AS e
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE w.due_at < 'infinity') AS waiting,
           count(*) FILTER (WHERE w.due_at = 'infinity') AS failed,
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM retail.product_description_embeddings v
               WHERE v.product_id = w.product_id AND v.model = w.model)) AS stale,
           min(w.created_at) AS oldest,
           (array_agg(w.failure ORDER BY w.updated_at DESC) FILTER (WHERE w.failure IS NOT NULL))[1] AS failure
    FROM ops.embedding_queue w WHERE w.model = m.model) AS q
ORDER BY m.is_active DESC, m.model
