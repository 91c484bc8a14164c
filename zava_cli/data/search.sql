-- part: filters
-- The products of a category and of a price.
($2::uuid IS NULL OR p.category_id = $2)
AND ($3::bigint IS NULL OR p.price_key >= $3)
AND ($4::bigint IS NULL OR p.price_key <= $4)

-- part: in_stock
-- Those on hand in a store that one sees.
(NOT $5::boolean OR EXISTS (
    SELECT FROM inventory i
    WHERE i.product_id = p.product_id AND i.stock_level > 0 AND ($6::uuid IS NULL OR i.store_id = $6)))

-- part: unwanted
-- What an unwanted word in the name costs a product, in similarity; security.products_compared and
-- security.search_at_once have the same number.
0.1::double precision

-- name: reading
-- How a question is understood, in one row: the words that no product holds; of its neighbours as one word, and of the
-- words that a thesaurus has for its things, those that the catalogue has; the products with exactly this SKU that pass
-- the filters; and the model whose vectors search uses, the neighbours of each in the index that embed's `index_plan`
-- builds, and how many products wait for a vector of it, up to a thousand. As others that a transaction may begin with, it
-- begins with a text: see `OwnConnection.begin_with`.
-- $1 question text, $2 category uuid, $3 lowest price_key bigint, $4 highest price_key bigint, $5 in stock boolean, $6 store uuid, $7 words text[], $8 neighbours text[]
SELECT r.model, r.dimensions, r.neighbours, r.provider, r.provider_model, r.asked_dimensions, r.query_prefix,
       r.document_prefix, r.behind, r.unknown, r.compounds,
       ARRAY(SELECT p.product_id::text FROM products p
             WHERE p.product_id = ANY (r.exact) AND @{filters} AND @{in_stock}
             ORDER BY p.sku) AS exact
FROM security.question_read($1, $7, $8) AS r

-- name: categories
-- Every category.
SELECT name, category_id FROM categories ORDER BY name

-- name: stores
-- The stores that one sees by that name or city.
-- $1 store text
SELECT name, store_id FROM stores
WHERE lower($1) IN (lower(name), lower(location), lower(split_part(location, ',', 1)))

-- name: product
-- The product of a SKU in any case, with its vector of the model that search uses, and how many products wait for one
-- of it, up to a thousand.
-- $1 sku text
SELECT p.sku, p.product_id, p.name, p.type_id, m.model, m.dimensions, e.description_embedding AS vector,
       coalesce(b.waiting + b.failed, 0) AS behind,
       (SELECT option_value::integer FROM pg_class, pg_options_to_table(reloptions)
        WHERE oid = to_regclass('retail.embeddings_hnsw_' || left(md5(m.model), 16)) AND option_name = 'm') AS neighbours
FROM products p
LEFT JOIN embedding_models m ON m.is_active
LEFT JOIN product_description_embeddings e ON e.product_id = p.product_id AND e.model = m.model
LEFT JOIN LATERAL security.embedding_backlog(m.model, 1000) AS b ON true
WHERE p.product_id IN (SELECT security.products_of_sku($1))
ORDER BY p.sku <> $1, p.sku
LIMIT 1

-- name: vocabulary
-- The words of product names and types that are not longer than one that was misspelled may be.
-- $1 longest integer
SELECT array_agg(word) AS words FROM search_words WHERE length(word) <= $1

-- name: by_keyword
-- Products that hold what was asked for, and nothing unwanted in their names: by the share of it, where a term weighs
-- more the fewer products hold it, and more in a name than in a description or in the name of the type. Products with
-- less than half of the best one's share are left out.
-- $1 terms text[], each with its spellings between bars, $2 category uuid, $3 lowest price_key bigint, $4 highest price_key bigint, $5 in stock boolean, $6 store uuid, $7 rows integer, $8 unwanted words text[], $9 product to leave out uuid
SELECT product_id, share / max(share) OVER () AS score, type_id, 0.0::double precision AS penalty
FROM security.products_by_words(
    ARRAY(SELECT string_agg(form::text, ' | ')::tsquery
          FROM unnest($1::text[]) WITH ORDINALITY AS terms (spellings, place),
               unnest(string_to_array(spellings, '|')) AS spelling, phraseto_tsquery('english', spelling) AS form
          WHERE numnode(form) > 0
          GROUP BY place ORDER BY place),
    $8::text[], $2::uuid, $3::bigint, $4::bigint,
    CASE WHEN $5::boolean THEN ARRAY(SELECT i.product_id FROM inventory i
                                     WHERE i.stock_level > 0 AND ($6::uuid IS NULL OR i.store_id = $6)) END,
    $9::uuid, $7)
ORDER BY share DESC, sku

-- name: at_once
-- An unfiltered search by a model whose vectors have no index: in the first row the reading, as from `reading`, and then
-- every product of both lists and with exactly this SKU, with its places in them and what `hits` shows of it.
-- $1 question text, $2 words text[], $3 neighbours text[], $4 terms text[], each with its spellings between bars, $5 unwanted words text[], $6 question vector, $7 model text, $8 rows of each list integer
SELECT * FROM security.search_at_once($1, $2, $3, $4, $5, $6, $7, $8)

-- name: by_operators
-- Products that fit a question with quotes, OR or a minus sign, those that fit best first.
-- $1 question text, $2 category uuid, $3 lowest price_key bigint, $4 highest price_key bigint, $5 in stock boolean, $6 store uuid, $7 rows integer
WITH found AS (
    SELECT p.product_id, p.sku, p.type_id, ts_rank_cd(p.search_text, query) AS rank
    FROM websearch_to_tsquery('english', $1) AS query, security.products_holding(query) AS held (product_id)
    JOIN products p ON p.product_id = held.product_id
    WHERE @{filters} AND @{in_stock}
)
SELECT product_id, (rank / nullif(max(rank) OVER (), 0))::double precision AS score, type_id, 0.0::double precision AS penalty
FROM found ORDER BY rank DESC, sku
LIMIT $7

-- name: by_comparing
-- The products that pass the filters, each compared with a question's vector: the nearest, or one row without a product
-- where too many pass. An unwanted word in the name counts as so much distance.
-- $1 question vector, $2 category uuid, $3 lowest price_key bigint, $4 highest price_key bigint, $5 rows integer, $6 model text, $7 unwanted words text[], $8 product to leave out uuid, $9 too many integer
SELECT product_id, score, type_id, penalty
FROM security.products_compared($1::vector, $6, $2, $3, $4, NULL, $8, $7, $5, $9)

-- name: by_comparing_stock
-- Likewise of those in stock, which row security knows.
-- $1 question vector, $2 store uuid, $3 rows integer, $4 model text, $5 unwanted words text[], $6 product to leave out uuid, $7 too many integer
SELECT product_id, score, type_id, penalty
FROM security.products_compared(
    $1::vector, $4, NULL, NULL, NULL, security.products_in_stock($2, $6, $7), NULL, $5, $3, $7)

-- name: by_comparing_filtered_stock
-- Likewise of those in stock that pass other filters as well. By itself, since it is planned anew each time.
-- $1 question vector, $2 category uuid, $3 lowest price_key bigint, $4 highest price_key bigint, $5 store uuid, $6 rows integer, $7 model text, $8 unwanted words text[], $9 product to leave out uuid, $10 too many integer
SELECT product_id, score, type_id, penalty
FROM security.products_compared(
    $1::vector, $7, NULL, NULL, NULL,
    ARRAY(
        SELECT p.product_id FROM products p
        WHERE p.product_id IN (SELECT i.product_id FROM inventory i
                               WHERE i.stock_level > 0 AND ($5::uuid IS NULL OR i.store_id = $5))
          AND @{filters} AND ($9::uuid IS NULL OR p.product_id <> $9)
        LIMIT $10::integer),
    NULL, $8, $6, $10::integer)

-- name: by_meaning
-- Products nearest to a question's vector by the model's index, within a horizon: of the nearest of all those that pass
-- the filters, in order by the vectors themselves, since the index holds half precision. The inner order is by the
-- distance operator on the index's own expression, or no index would serve it. The filters stand outside: a scan that
-- goes on until enough rows have passed them is slow where they go against the question, and finds a part.
-- $1 question vector, $2 category uuid, $3 lowest price_key bigint, $4 highest price_key bigint, $5 in stock boolean, $6 store uuid, $7 rows integer, $8 model text, $9 unwanted words text[], $10 product to leave out uuid, $11 horizon integer
SELECT p.product_id, 1 - near.distance AS score, p.type_id, near.penalty
FROM (
    SELECT e.product_id, e.description_embedding <=> $1::vector AS distance,
           CASE WHEN cardinality($9::text[]) > 0 AND e.product_id IN (SELECT security.products_named($9::text[]))
                    THEN @{unwanted} ELSE 0 END AS penalty
    FROM product_description_embeddings e
    WHERE e.model = $8
    ORDER BY e.description_embedding::halfvec(256) <=> $1::vector::halfvec(256)
    LIMIT $11
) AS near
JOIN products p ON p.product_id = near.product_id
WHERE @{filters}
  AND (NOT $5::boolean OR (
      -- No EXISTS: the planner may answer that by reading all stock first.
      SELECT true FROM inventory i
      WHERE i.product_id = p.product_id AND i.stock_level > 0 AND ($6::uuid IS NULL OR i.store_id = $6) LIMIT 1))
  AND ($10::uuid IS NULL OR p.product_id <> $10)
ORDER BY near.distance + near.penalty
LIMIT $7

-- name: plan_anew
-- Plans for the filters that are given: a plan for any filters reads all products.
SET LOCAL plan_cache_mode = force_custom_plan

-- name: by_index
-- Which products are in stock is read from an index: the planner, which cannot know the store that row security chooses,
-- expects an average share of all stock. Holds to the end of the transaction.
SET LOCAL enable_seqscan = off

-- name: alone
-- Further processes take longer to start than a few thousand products to compare, which the planner cannot know of a
-- store that row security chooses.
SET LOCAL max_parallel_workers_per_gather = 0

-- name: scan_further
-- Lets an index scan go on behind its candidates, and where rows that it found were replaced meanwhile.
SET LOCAL hnsw.iterative_scan = relaxed_order

-- name: scan_wider
-- Keeps as many candidates as there can be, where the default is 40. Of the nearest ten among 100,000 products 200
-- found 97 %, 400 and more found 99.7 %.
SET LOCAL hnsw.ef_search = 1000

-- name: scan_longer
-- An index scan counts all vectors that it looks at; behind 20,000, the default, it hands out what it saw instead of
-- looking further. Among a million it may see as many for the first thousand candidates.
SET LOCAL hnsw.max_scan_tuples = 100000

-- name: scan_in_memory
-- Likewise behind this many times work_mem; once, the default, is too little for the same.
SET LOCAL hnsw.scan_mem_multiplier = 8

-- name: hits
-- What is shown of each product, its type, and its units on hand. For products in the list by words, `words` has one
-- entry for each term found: the question's spelling, the product's, and its lexemes, between bars.
-- $1 products text[] (the driver would have to look uuid[] up, which a manager's role may not), $2 terms text[], each with its spellings between bars, $3 with units boolean, $4 store uuid, $5 the list by words text[]
WITH asked AS MATERIALIZED (
    SELECT place, number, concat_ws('|', split_part(spellings, '|', 1), spelling, form) AS shown, form
    FROM unnest($2::text[]) WITH ORDINALITY AS terms (spellings, place),
         unnest(string_to_array(spellings, '|')) WITH ORDINALITY AS each (spelling, number),
         phraseto_tsquery('english', spelling) AS form
)
SELECT p.product_id, p.sku, p.name, c.name AS category, t.name AS product_type, round(p.price, greatest(2, min_scale(p.price))) AS price, p.description,
       CASE WHEN p.product_id IN (SELECT unnest($5::text[])::uuid) THEN
           ARRAY(SELECT DISTINCT ON (place) shown FROM asked WHERE p.search_text @@ form ORDER BY place, number)
       END AS words,
       CASE WHEN $3::boolean THEN (
           SELECT coalesce(sum(i.stock_level), 0) FROM inventory i
           WHERE i.product_id = p.product_id AND ($4::uuid IS NULL OR i.store_id = $4)) END AS units,
       p.type_id
FROM products p
JOIN product_types t ON t.type_id = p.type_id
JOIN categories c ON c.category_id = p.category_id
WHERE p.product_id = ANY ($1::text[]::uuid[])
