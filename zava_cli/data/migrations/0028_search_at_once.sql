-- A plain question is answered past row security: all of it is catalogue, which is shared, and question_read verifies
-- who asks before any of it is read. As a statement of the caller it verified that for each table.

SET LOCAL ROLE @{owner};

GRANT SELECT ON retail.categories TO @{security};
CREATE POLICY security_categories ON retail.categories FOR SELECT TO @{security} USING (true);

SET LOCAL ROLE @{security};

-- The catalogue is shared. Terms, penalty and what is shown are as in the statements by_keyword, by_meaning and hits.
CREATE FUNCTION security.search_at_once(
    question text, own_words text[], others text[], terms text[], unwanted text[], vector public.vector, model_asked text,
    most integer
) RETURNS TABLE (
    reading text, product_id uuid, sku text, name text, category text, product_type text, price numeric,
    description text, words text[], type_id uuid, keyword_place bigint, keyword_score double precision,
    meaning_place bigint, meaning_score double precision, penalty double precision)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    understood record;
BEGIN
    SELECT * INTO understood FROM security.question_read(question, own_words, others);
    -- Nobody has signed.
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- SKUs that differ in case only.
    IF cardinality(understood.exact) > 1 THEN
        understood.exact := ARRAY(SELECT product_id FROM retail.products
                                  WHERE product_id = ANY (understood.exact) ORDER BY sku);
    END IF;
    reading := row_to_json(understood)::text;
    RETURN NEXT;
    -- Search uses another model by now, and the caller takes the steps.
    IF understood.model IS DISTINCT FROM model_asked OR understood.dimensions <> public.vector_dims(vector) THEN
        RETURN;
    END IF;
    RETURN QUERY
        WITH asked AS MATERIALIZED (
            SELECT place, number, concat_ws('|', split_part(spellings, '|', 1), spelling, form) AS shown, form
            FROM unnest(terms) WITH ORDINALITY AS each_term (spellings, place),
                 unnest(string_to_array(spellings, '|')) WITH ORDINALITY AS each (spelling, number),
                 phraseto_tsquery('english', spelling) AS form
        ), keyword AS MATERIALIZED (
            SELECT product_id, place, share / max(share) OVER () AS score
            FROM security.products_by_words(
                ARRAY(SELECT string_agg(form::text, ' | ')::tsquery FROM asked
                      WHERE numnode(form) > 0 GROUP BY place ORDER BY place),
                unwanted, NULL, NULL, NULL, NULL, NULL, most)
                WITH ORDINALITY AS ranked (product_id, sku, type_id, share, place)
        ), meaning AS MATERIALIZED (
            SELECT product_id, row_number() OVER () AS place, 1 - distance AS score, penalty
            FROM (SELECT product_id, distance, penalty
                  FROM (SELECT product_id, description_embedding OPERATOR(public.<=>) vector AS distance,
                               CASE WHEN cardinality(unwanted) > 0
                                        AND product_id IN (SELECT security.products_named(unwanted))
                                    THEN 0.1::double precision ELSE 0 END AS penalty
                        FROM retail.product_description_embeddings WHERE model = model_asked) AS compared
                  ORDER BY distance + penalty LIMIT most) AS near
        )
        SELECT NULL, product_id, p.sku, p.name, c.name, t.name,
               round(p.price, greatest(2, min_scale(p.price))), p.description,
               CASE WHEN k.place IS NOT NULL THEN
                   ARRAY(SELECT DISTINCT ON (place) shown FROM asked
                         WHERE p.search_text @@@@ form ORDER BY place, number)
               END,
               type_id, k.place, k.score, m.place, m.score, coalesce(m.penalty, 0)
        FROM keyword AS k FULL JOIN meaning AS m USING (product_id)
        FULL JOIN unnest(understood.exact) AS exact (product_id) USING (product_id)
        JOIN retail.products AS p USING (product_id)
        JOIN retail.product_types AS t USING (type_id)
        JOIN retail.categories AS c ON c.category_id = p.category_id;
END
$$;
COMMENT ON FUNCTION security.search_at_once(text, text[], text[], text[], text[], public.vector, text, integer) IS 'How a question is understood, in a first row, and the products nearest to it by words and by meaning; none without a signed context.';

REVOKE ALL ON FUNCTION security.search_at_once(text, text[], text[], text[], text[], public.vector, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.search_at_once(text, text[], text[], text[], text[], public.vector, text, integer)
    TO @{store_managers}, @{regional_managers}, @{head_office};

RESET ROLE;
