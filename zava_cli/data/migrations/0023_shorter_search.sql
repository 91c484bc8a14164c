-- A search that asks the database less often. Row security on each table, and each function that runs as its owner,
-- verifies the context anew: reading a question did so nine times.

SET LOCAL ROLE @{owner};

GRANT SELECT ON retail.search_words, retail.embedding_models TO @{security};
CREATE POLICY security_search_words ON retail.search_words FOR SELECT TO @{security} USING (true);
CREATE POLICY security_embedding_models ON retail.embedding_models FOR SELECT TO @{security} USING (true);

SET LOCAL ROLE @{security};

-- Without settings of its own it becomes part of the statement that it is called in.
CREATE FUNCTION security.those_of_sku(wanted text) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1
BEGIN ATOMIC
    SELECT product_id
    FROM (SELECT product_id, lower(sku) = lower(wanted) AS is_as_written,
                 bool_or(lower(sku) = lower(wanted)) OVER () AS some_is
          FROM retail.products
          WHERE lower(regexp_replace(sku, '[^[:alnum:]]', '', 'g'))
                = lower(regexp_replace(wanted, '[^[:alnum:]]', '', 'g'))) AS alike
    -- What consists of separators alone is nobody's SKU, but where it is written so.
    WHERE is_as_written OR (NOT some_is AND wanted ~ '[[:alnum:]]');
END;
COMMENT ON FUNCTION security.those_of_sku(text) IS 'Keys of the products of a SKU in any case, where none has it with any separators or none.';

CREATE OR REPLACE FUNCTION security.products_of_sku(wanted text) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp
AS $$
    SELECT key FROM security.those_of_sku(wanted) AS those (key)
    WHERE (SELECT security.context_manager()) IS NOT NULL
$$;

-- Without its second setting a word that no product holds could be looked for in every product.
CREATE FUNCTION security.question_read(question text, words text[], others text[])
RETURNS TABLE (unknown text[], compounds text[], exact uuid[], model text, dimensions integer, is_indexed boolean,
               provider text, provider_model text, asked_dimensions integer, query_prefix text, document_prefix text,
               behind bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
    IF security.context_manager() IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
        WITH known AS MATERIALIZED (SELECT word FROM retail.search_words WHERE word = ANY (words || others))
        SELECT ARRAY(SELECT word FROM unnest(words) AS word, plainto_tsquery('english', word) AS query
                     WHERE numnode(query) > 0
                       AND word <> ALL (ARRAY(SELECT word FROM known))
                       AND NOT EXISTS (SELECT FROM retail.products WHERE search_text @@@@ query)),
               ARRAY(SELECT word FROM known WHERE word = ANY (others)),
               ARRAY(SELECT key FROM security.those_of_sku(question) AS those (key)),
               model, dimensions, to_regclass('retail.embeddings_hnsw_' || left(md5(model), 16)) IS NOT NULL,
               provider, provider_model, asked_dimensions, query_prefix, document_prefix,
               (SELECT count(*) FROM (SELECT FROM ops.embedding_queue AS queue
                                      WHERE queue.model = active.model LIMIT 1000) AS queued)
        FROM (SELECT) AS one LEFT JOIN retail.embedding_models AS active ON is_active;
END
$$;
COMMENT ON FUNCTION security.question_read(text, text[], text[]) IS 'Of a question''s words those that no product holds, of others those that the catalogue has, the products of that SKU, and the model that search uses; nothing without a signed context.';

REVOKE ALL ON FUNCTION security.those_of_sku(text), security.question_read(text, text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.question_read(text, text[], text[])
    TO @{store_managers}, @{regional_managers}, @{head_office};

RESET ROLE;
