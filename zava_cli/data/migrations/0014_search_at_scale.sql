-- What search needs among many products: the products that pass its filters read from an index alone, and indexes
-- of vectors in half precision.

SET LOCAL ROLE @{owner};

CREATE INDEX products_filters ON retail.products (category_id, price, product_id);
-- The primary key begins with the store: it does not tell whether any store has a product.
CREATE INDEX inventory_in_stock ON retail.inventory (product_id, store_id) WHERE stock_level > 0;

-- Search does not use the former ones any more. Until `zava embed` builds the new ones it compares every vector.
DO $indexes$
DECLARE
    former text;
BEGIN
    FOR former IN SELECT indexname FROM pg_indexes WHERE schemaname = 'retail' AND starts_with(indexname, 'embeddings_hnsw_')
    LOOP
        EXECUTE format('DROP INDEX retail.%I', former);
    END LOOP;
END
$indexes$;

RESET ROLE;
