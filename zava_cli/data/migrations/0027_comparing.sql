-- Comparing products with a question past row security. Under it each table that the statement names costs a verification
-- and part of a plan, which took longer than to compare a hundred products.

SET LOCAL ROLE @{owner};

GRANT SELECT ON retail.product_description_embeddings TO @{security};
CREATE POLICY security_product_description_embeddings ON retail.product_description_embeddings
FOR SELECT TO @{security} USING (true);

SET LOCAL ROLE @{security};

-- As those of 0016: the catalogue is shared. What is in stock is not, and comes as keys that row security let through.
-- Each filter has a statement of its own, so that its plan is a good one for all values and is made once.
CREATE FUNCTION security.products_compared(
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
BEGIN
    IF security.context_manager() IS NULL THEN
        RETURN;
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
              FROM (SELECT product_id, description_embedding OPERATOR(public.<=>) question AS distance,
                           CASE WHEN cardinality(unwanted) > 0
                                    AND product_id IN (SELECT security.products_named(unwanted))
                                THEN 0.1::double precision ELSE 0 END AS penalty
                    FROM retail.product_description_embeddings
                    WHERE product_id = ANY (passing) AND model = model_asked) AS compared
              ORDER BY distance + penalty LIMIT most) AS near
        JOIN retail.products USING (product_id)
        ORDER BY distance + penalty;
END
$$;
COMMENT ON FUNCTION security.products_compared(public.vector, text, uuid, bigint, bigint, uuid[], uuid, text[], integer, integer) IS 'The nearest to a vector of the products among these keys, or of those of a category and a price; one row without a product where too many pass, none without a signed context.';

REVOKE ALL ON FUNCTION security.products_compared(public.vector, text, uuid, bigint, bigint, uuid[], uuid, text[], integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.products_compared(public.vector, text, uuid, bigint, bigint, uuid[], uuid, text[], integer, integer)
    TO @{store_managers}, @{regional_managers}, @{head_office};

RESET ROLE;
