-- Which products are in stock, found by a plan that is made once. It is no definer function: row security decides.

SET LOCAL ROLE @{owner};

-- What a store has on hand is read from this alone: its keys lie together, and no row is looked at.
CREATE INDEX inventory_of_store ON retail.inventory (store_id, product_id) WHERE stock_level > 0;

SET LOCAL ROLE @{security};

CREATE FUNCTION security.products_in_stock(store uuid, without uuid, too_many integer) RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
-- The planner, which cannot know the stores that row security chooses, expects an average share of all stock.
SET enable_seqscan = off SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    own uuid[];
BEGIN
    IF store IS NULL THEN
        own := security.allowed_store_ids();
        IF cardinality(own) <> 1 THEN
            RETURN ARRAY(SELECT DISTINCT i.product_id FROM retail.inventory i
                         WHERE i.stock_level > 0 AND i.product_id IS DISTINCT FROM without LIMIT too_many);
        END IF;
        store := own[1];
    END IF;
    -- Of one store no product comes twice, and its part of the index is read alone.
    RETURN ARRAY(SELECT i.product_id FROM retail.inventory i
                 WHERE i.store_id = store AND i.stock_level > 0 AND i.product_id IS DISTINCT FROM without
                 LIMIT too_many);
END
$$;
COMMENT ON FUNCTION security.products_in_stock(uuid, uuid, integer) IS 'Keys of the products on hand in a store, or in any, as far as row security shows it to whoever asks; at most too_many.';

REVOKE ALL ON FUNCTION security.products_in_stock(uuid, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.products_in_stock(uuid, uuid, integer)
    TO @{store_managers}, @{regional_managers}, @{head_office};

RESET ROLE;
