-- name: nearest
-- All products compared with a question's vector, nearest first.
-- $1 question vector, $2 rows integer, $3 model text
SELECT product_id, 1 - distance AS score
FROM (
    SELECT product_id, description_embedding <=> $1::vector AS distance
    FROM product_description_embeddings
    WHERE model = $3
    ORDER BY description_embedding <=> $1::vector
    LIMIT $2
) AS near
ORDER BY distance

-- name: shown
-- The products of both lists, each looked up once: what `hits` shows of them, and what the order depends on.
-- $1 products text[], as for `hits`, $2 terms text[], each with its spellings between bars, $3 unwanted words text[]
WITH asked AS MATERIALIZED (
    SELECT place, split_part(spellings, '|', 1) AS term,
           ARRAY(SELECT phraseto_tsquery('english', spelling)
                 FROM unnest(string_to_array(spellings, '|')) AS spelling) AS forms
    FROM unnest($2::text[]) WITH ORDINALITY AS terms (spellings, place)
)
SELECT p.product_id, p.sku, p.name, c.name AS category, t.name AS product_type, round(p.price, greatest(2, min_scale(p.price))) AS price, p.description,
       ARRAY(SELECT term FROM asked WHERE p.search_text @@ ANY (forms) ORDER BY place) AS words,
       NULL::bigint AS units, p.type_id,
       EXISTS (SELECT FROM unnest($3::text[]) AS word
               WHERE ts_filter(p.search_text, '{a}') @@ plainto_tsquery('english', word)) AS is_unwanted
FROM products p
JOIN product_types t ON t.type_id = p.type_id
JOIN categories c ON c.category_id = p.category_id
WHERE p.product_id = ANY ($1::text[]::uuid[])
