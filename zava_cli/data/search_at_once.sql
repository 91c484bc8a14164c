-- name: nearest
-- All products compared with a question's vector, nearest first. Without filters to pass, unlike in by_comparing, only
-- the nearest are looked up among the products.
-- $1 question vector, $2 rows integer, $3 model text, $4 unwanted words text[]
SELECT near.product_id, 1 - near.distance AS score, p.type_id, near.is_unwanted
FROM (
    SELECT product_id, description_embedding <=> $1::vector AS distance,
           cardinality($4::text[]) > 0 AND product_id IN (SELECT security.products_named($4::text[])) AS is_unwanted
    FROM product_description_embeddings
    WHERE model = $3
    ORDER BY is_unwanted, description_embedding <=> $1::vector
    LIMIT $2
) AS near
JOIN products p ON p.product_id = near.product_id
ORDER BY near.is_unwanted, near.distance
