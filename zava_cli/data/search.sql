-- name: active_model
-- The model whose vectors search uses, and how many products wait for a vector of it, up to a thousand.
SELECT m.model, m.dimensions, m.provider, m.provider_model, m.asked_dimensions, m.query_prefix, m.document_prefix,
       b.waiting + b.failed AS behind
FROM embedding_models m, security.embedding_backlog(m.model, 1000) AS b WHERE m.is_active

-- name: categories
-- Every category.
SELECT category_id, name FROM categories ORDER BY name

-- name: stores
-- The stores that one sees by that name or city.
-- $1 store text
SELECT store_id FROM stores
WHERE lower($1) IN (lower(name), lower(location), lower(split_part(location, ',', 1)))

-- name: by_sku
-- The product with exactly this SKU, in any case, if it passes the filters.
-- $1 sku text, $2 category uuid, $3 lowest price numeric, $4 highest price numeric, $5 in stock boolean, $6 store uuid
SELECT p.product_id FROM products p
WHERE lower(p.sku) = lower($1)
  AND ($2::uuid IS NULL OR p.category_id = $2)
  AND ($3::numeric IS NULL OR p.price >= $3)
  AND ($4::numeric IS NULL OR p.price <= $4)
  AND (NOT $5::boolean OR EXISTS (
      SELECT FROM inventory i
      WHERE i.product_id = p.product_id AND i.stock_level > 0 AND ($6::uuid IS NULL OR i.store_id = $6)))
ORDER BY p.sku

-- name: by_keyword
-- Products that share words with a question, those with most of its words first. A question in plain words
-- finds products with any of them, but drops those with less than half as many as the best one; quotes, OR
-- and a minus sign are obeyed.
-- $1 question text, $2 category uuid, $3 lowest price numeric, $4 highest price numeric, $5 in stock boolean, $6 store uuid, $7 rows integer
WITH plain AS (
    SELECT plainto_tsquery('english', $1)::text AS terms
), asked AS (
    SELECT string_to_array(terms, ' & ')::tsquery[] AS words,
           terms = websearch_to_tsquery('english', $1)::text AS is_plain,
           CASE WHEN terms = websearch_to_tsquery('english', $1)::text
                THEN replace(terms, ' & ', ' | ')::tsquery
                ELSE websearch_to_tsquery('english', $1) END AS query
    FROM plain
), found AS (
    SELECT p.product_id, p.sku, asked.is_plain, ts_rank_cd(p.search_text, asked.query) AS rank,
           (SELECT count(*) FROM unnest(asked.words) AS word WHERE p.search_text @@ word) AS words
    FROM products p, asked
    WHERE p.search_text @@ asked.query
      AND ($2::uuid IS NULL OR p.category_id = $2)
      AND ($3::numeric IS NULL OR p.price >= $3)
      AND ($4::numeric IS NULL OR p.price <= $4)
      AND (NOT $5::boolean OR EXISTS (
          SELECT FROM inventory i
          WHERE i.product_id = p.product_id AND i.stock_level > 0 AND ($6::uuid IS NULL OR i.store_id = $6)))
), compared AS (
    SELECT *, max(words) OVER () AS most FROM found
)
SELECT product_id, rank::double precision AS rank FROM compared
WHERE NOT is_plain OR words * 2 > most
ORDER BY words DESC, rank DESC, sku
LIMIT $7

-- name: by_meaning
-- Products nearest to a question's vector. The type in front of each comparison is that of the model's index,
-- and the order is by the distance operator itself, or no index would serve it.
-- $1 question vector, $2 category uuid, $3 lowest price numeric, $4 highest price numeric, $5 in stock boolean, $6 store uuid, $7 rows integer, $8 model text
SELECT e.product_id, 1 - (e.description_embedding::vector(256) <=> $1::vector(256)) AS similarity
FROM product_description_embeddings e
JOIN products p ON p.product_id = e.product_id
WHERE e.model = $8
  AND ($2::uuid IS NULL OR p.category_id = $2)
  AND ($3::numeric IS NULL OR p.price >= $3)
  AND ($4::numeric IS NULL OR p.price <= $4)
  AND (NOT $5::boolean OR EXISTS (
      SELECT FROM inventory i
      WHERE i.product_id = p.product_id AND i.stock_level > 0 AND ($6::uuid IS NULL OR i.store_id = $6)))
ORDER BY e.description_embedding::vector(256) <=> $1::vector(256)
LIMIT $7

-- name: scan_further
-- Lets an index scan go on until enough rows have passed the filters, nearest first.
SET LOCAL hnsw.iterative_scan = strict_order

-- name: scan_wider
-- Looks at more neighbours than the default of 40. Of the nearest 50 among 50,000 products 200 found 94 %,
-- 800 found 99 % in 10 ms; comparing all of them takes 60 ms.
SET LOCAL hnsw.ef_search = 800

-- name: hits
-- What is shown of each product, the words of the question that it holds, and its units on hand.
-- $1 products text[] (the driver would have to look uuid[] up, which a manager's role may not), $2 words text[], $3 with units boolean, $4 store uuid
SELECT p.product_id, p.sku, p.name, c.name AS category, t.name AS product_type, round(p.price, greatest(2, min_scale(p.price))) AS price, p.description,
       ARRAY(SELECT word FROM unnest($2::text[]) WITH ORDINALITY AS asked(word, place)
             WHERE p.search_text @@ plainto_tsquery('english', word) ORDER BY place) AS words,
       CASE WHEN $3::boolean THEN (
           SELECT coalesce(sum(i.stock_level), 0) FROM inventory i
           WHERE i.product_id = p.product_id AND ($4::uuid IS NULL OR i.store_id = $4)) END AS units
FROM products p
JOIN product_types t ON t.type_id = p.type_id
JOIN categories c ON c.category_id = p.category_id
WHERE p.product_id = ANY ($1::text[]::uuid[])
