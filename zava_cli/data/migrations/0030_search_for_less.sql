-- The same search for less: a distance is worked out once, who asks is verified once for a search, and words that say
-- nothing cost no notice. A reading tells how large an index is, since of a small one fewer candidates will do.

SET LOCAL ROLE @{security};

-- What question_read was, for functions that have verified who asks, and have set a search path.
CREATE FUNCTION security.question_understood(question text, words text[], others text[])
RETURNS TABLE (unknown text[], compounds text[], exact uuid[], model text, dimensions integer, neighbours integer,
               provider text, provider_model text, asked_dimensions integer, query_prefix text, document_prefix text,
               behind bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
-- Otherwise a word that no product holds could be looked for in every product.
SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH known AS MATERIALIZED (SELECT word FROM retail.search_words WHERE word = ANY (words || others))
        SELECT ARRAY(SELECT word FROM unnest(words) AS word, plainto_tsquery('english', word) AS query
                     WHERE numnode(query) > 0
                       AND word <> ALL (ARRAY(SELECT word FROM known))
                       AND NOT EXISTS (SELECT FROM retail.products WHERE search_text @@@@ query)),
               ARRAY(SELECT word FROM known WHERE word = ANY (others)),
               ARRAY(SELECT key FROM security.those_of_sku(question) AS those (key)),
               model, dimensions,
               (SELECT option_value::integer FROM pg_class, pg_options_to_table(reloptions)
                WHERE oid = to_regclass('retail.embeddings_hnsw_' || left(md5(model), 16)) AND option_name = 'm'),
               provider, provider_model, asked_dimensions, query_prefix, document_prefix,
               (SELECT count(*) FROM (SELECT FROM ops.embedding_queue AS queue
                                      WHERE queue.model = active.model LIMIT 1000) AS queued)
        FROM (SELECT) AS one LEFT JOIN retail.embedding_models AS active ON is_active;
END
$$;
COMMENT ON FUNCTION security.question_understood(text, text[], text[]) IS 'As question_read, which verifies who asks.';

DROP FUNCTION security.question_read(text, text[], text[]);
CREATE FUNCTION security.question_read(question text, words text[], others text[])
RETURNS TABLE (unknown text[], compounds text[], exact uuid[], model text, dimensions integer, neighbours integer,
               provider text, provider_model text, asked_dimensions integer, query_prefix text, document_prefix text,
               behind bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    IF security.context_manager() IS NOT NULL THEN
        RETURN QUERY SELECT * FROM security.question_understood(question, words, others);
    END IF;
END
$$;
COMMENT ON FUNCTION security.question_read(text, text[], text[]) IS 'Of a question''s words those that no product holds, of others those that the catalogue has, the products of that SKU, and the model that search uses, with the neighbours that each vector has in its index; nothing without a signed context.';

-- What products_by_words was, likewise.
CREATE FUNCTION security.ranked_by_words(
    terms tsquery[], unwanted text[], category uuid, lowest bigint, highest bigint, among uuid[],
    without uuid, most integer
) RETURNS SETOF security.ranked_product
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED ROWS 50 SET enable_seqscan = off
AS $$
DECLARE
    too_many CONSTANT integer := 1000;
    at_once CONSTANT integer := 2000;
    unwanted_words CONSTANT tsquery := CASE WHEN cardinality(unwanted) > 0 THEN security.any_word(unwanted) END;
    passing text;
    ranked security.ranked_product[];
BEGIN
    ranked := security.ranked_all(terms, unwanted_words, category, lowest, highest, among, without, too_many);
    IF ranked IS NULL THEN
        passing := concat_ws(' AND ', 'true',
            'NOT ts_filter(search_text, ''{a}'') @@@@ ' || quote_literal(unwanted_words) || '::tsquery',
            'category_id = ' || quote_literal(category), 'price_key >= ' || lowest, 'price_key <= ' || highest,
            'product_id <> ' || quote_literal(without));
        ranked := security.ranked_best(terms, passing, among, most, at_once);
    END IF;
    RETURN QUERY
        SELECT product_id, sku, type_id, share
        FROM (SELECT *, max(share) OVER () AS best FROM unnest(ranked)) AS compared
        WHERE share * 2 > best ORDER BY share DESC, sku LIMIT most;
END
$$;
COMMENT ON FUNCTION security.ranked_by_words(tsquery[], text[], uuid, bigint, bigint, uuid[], uuid, integer) IS 'As products_by_words, which verifies who asks.';

CREATE OR REPLACE FUNCTION security.products_by_words(
    terms tsquery[], unwanted text[], category uuid, lowest bigint, highest bigint, among uuid[],
    without uuid, most integer
) RETURNS SETOF security.ranked_product
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF security.context_manager() IS NOT NULL THEN
        RETURN QUERY SELECT * FROM security.ranked_by_words(
            terms, unwanted, category, lowest, highest, among, without, most);
    END IF;
END
$$;

-- The inner order is by the distance alone, which then is worked out once for each product. Unwanted words put products
-- behind others, so that as many more are taken as they name.
CREATE OR REPLACE FUNCTION security.products_compared(
    question public.vector, model_asked text, category uuid, lowest bigint, highest bigint, among uuid[],
    without uuid, unwanted text[], most integer, too_many integer
) RETURNS TABLE (product_id uuid, score double precision, type_id uuid, penalty double precision)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
-- The first caller's settings would make the plans of all.
SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    passing uuid[] := among;
    named uuid[] := '{}';
BEGIN
    IF security.context_manager() IS NULL THEN
        RETURN;
    END IF;
    IF cardinality(unwanted) > 0 THEN
        named := ARRAY(SELECT security.products_named(unwanted));
    END IF;
    lowest := coalesce(lowest, -9223372036854775808);
    highest := coalesce(highest, 9223372036854775807);
    IF among IS NULL AND category IS NULL THEN
        passing := ARRAY(SELECT product_id FROM retail.products
                         WHERE price_key BETWEEN lowest AND highest AND product_id IS DISTINCT FROM without
                         LIMIT too_many);
    ELSIF among IS NULL THEN
        passing := ARRAY(SELECT product_id FROM retail.products
                         WHERE category_id = category AND price_key BETWEEN lowest AND highest
                           AND product_id IS DISTINCT FROM without
                         LIMIT too_many);
    END IF;
    IF cardinality(passing) >= too_many THEN
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT product_id, 1 - distance, type_id, penalty
        FROM (SELECT product_id, distance, penalty
              FROM (SELECT product_id, distance,
                           CASE WHEN product_id IN (SELECT unnest(named)) THEN 0.1::double precision ELSE 0 END AS penalty
                    FROM (SELECT product_id, description_embedding OPERATOR(public.<=>) question AS distance
                          FROM retail.product_description_embeddings
                          WHERE product_id = ANY (passing) AND model = model_asked
                          ORDER BY distance LIMIT most + cardinality(named)) AS compared) AS weighed
              ORDER BY distance + penalty LIMIT most) AS near
        JOIN retail.products USING (product_id)
        ORDER BY distance + penalty;
END
$$;

CREATE OR REPLACE FUNCTION security.search_at_once(
    question text, own_words text[], others text[], terms text[], unwanted text[], vector public.vector, model_asked text,
    most integer
) RETURNS TABLE (
    reading text, product_id uuid, sku text, name text, category text, product_type text, price numeric,
    description text, words text[], type_id uuid, keyword_place bigint, keyword_score double precision,
    meaning_place bigint, meaning_score double precision, penalty double precision)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET client_min_messages = warning
AS $$
#variable_conflict use_column
DECLARE
    understood record;
    named uuid[] := '{}';
BEGIN
    IF security.context_manager() IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO understood FROM security.question_understood(question, own_words, others);
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
    IF cardinality(unwanted) > 0 THEN
        named := ARRAY(SELECT security.products_named(unwanted));
    END IF;
    RETURN QUERY
        WITH asked AS MATERIALIZED (
            SELECT place, number, concat_ws('|', split_part(spellings, '|', 1), spelling, form) AS shown, form
            FROM unnest(terms) WITH ORDINALITY AS each_term (spellings, place),
                 unnest(string_to_array(spellings, '|')) WITH ORDINALITY AS each (spelling, number),
                 phraseto_tsquery('english', spelling) AS form
        ), keyword AS MATERIALIZED (
            SELECT product_id, place, share / max(share) OVER () AS score
            FROM security.ranked_by_words(
                ARRAY(SELECT string_agg(form::text, ' | ')::tsquery FROM asked
                      WHERE numnode(form) > 0 GROUP BY place ORDER BY place),
                unwanted, NULL, NULL, NULL, NULL, NULL, most)
                WITH ORDINALITY AS ranked (product_id, sku, type_id, share, place)
        ), meaning AS MATERIALIZED (
            SELECT product_id, row_number() OVER () AS place, 1 - distance AS score, penalty
            FROM (SELECT product_id, distance, penalty
                  FROM (SELECT product_id, distance,
                               CASE WHEN product_id IN (SELECT unnest(named))
                                    THEN 0.1::double precision ELSE 0 END AS penalty
                        FROM (SELECT product_id, description_embedding OPERATOR(public.<=>) vector AS distance
                              FROM retail.product_description_embeddings WHERE model = model_asked
                              ORDER BY distance LIMIT most + cardinality(named)) AS compared) AS weighed
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

-- Two of these verify nobody, so that only functions which have verified may call them.
REVOKE ALL ON FUNCTION security.question_understood(text, text[], text[]), security.question_read(text, text[], text[]),
    security.ranked_by_words(tsquery[], text[], uuid, bigint, bigint, uuid[], uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.question_read(text, text[], text[])
    TO @{store_managers}, @{regional_managers}, @{head_office};

RESET ROLE;
