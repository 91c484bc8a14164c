-- name: nearest
-- All products compared with a question's vector, nearest first. Without filters to pass, unlike in by_comparing, no
-- product is looked up.
-- $1 question vector, $2 rows integer, $3 model text, $4 unwanted words text[]
SELECT product_id, 1 - distance AS score, is_unwanted
FROM (
    SELECT product_id, description_embedding <=> $1::vector AS distance,
           cardinality($4::text[]) > 0 AND product_id IN (SELECT security.products_named($4::text[])) AS is_unwanted
    FROM product_description_embeddings
    WHERE model = $3
) AS compared
ORDER BY distance + CASE WHEN is_unwanted THEN 0.1 ELSE 0 END
LIMIT $2
