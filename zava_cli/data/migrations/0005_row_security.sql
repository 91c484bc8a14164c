-- Default deny: row security on and forced everywhere; the owner loads, the security functions look up,
-- and each kind of manager has its own policy. The sub-selects run once per query instead of once per row.

SET LOCAL ROLE @{owner};

DO $policies$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['customers', 'orders', 'order_items', 'inventory', 'stores']
    LOOP
        EXECUTE format('CREATE POLICY store_manager_%1$s ON retail.%1$I FOR SELECT TO @{store_managers}
            USING (store_id = (SELECT security.allowed_store_id()))', target);
        EXECUTE format('CREATE POLICY regional_manager_%1$s ON retail.%1$I FOR SELECT TO @{regional_managers}
            USING (store_id = ANY ((SELECT security.allowed_store_ids())::uuid[]))', target);
        EXECUTE format('CREATE POLICY head_office_%1$s ON retail.%1$I FOR SELECT TO @{head_office}
            USING ((SELECT security.sees_all_stores()))', target);
    END LOOP;
    FOREACH target IN ARRAY ARRAY['managers', 'manager_stores']
    LOOP
        EXECUTE format('CREATE POLICY oneself_%1$s ON retail.%1$I FOR SELECT
            TO @{store_managers}, @{regional_managers}, @{head_office}
            USING (manager_id = (SELECT security.context_manager()))', target);
        EXECUTE format('CREATE POLICY security_%1$s ON retail.%1$I FOR SELECT TO @{security} USING (true)', target);
    END LOOP;
    CREATE POLICY security_stores ON retail.stores FOR SELECT TO @{security} USING (true);
    FOREACH target IN ARRAY ARRAY['categories', 'product_types', 'products', 'embedding_models',
                                  'product_description_embeddings']
    LOOP
        EXECUTE format('CREATE POLICY shared_%1$s ON retail.%1$I FOR SELECT
            TO @{store_managers}, @{regional_managers}, @{head_office}
            USING ((SELECT security.context_manager()) IS NOT NULL)', target);
    END LOOP;
    FOR target IN SELECT relname FROM pg_class
        WHERE relnamespace = 'retail'::regnamespace AND relkind = 'r'
    LOOP
        EXECUTE format('CREATE POLICY owner_%1$s ON retail.%1$I TO @{owner} USING (true) WITH CHECK (true)', target);
        EXECUTE format('ALTER TABLE retail.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    END LOOP;
END
$policies$;

GRANT USAGE ON SCHEMA retail TO @{store_managers}, @{regional_managers}, @{head_office};
GRANT SELECT ON ALL TABLES IN SCHEMA retail TO @{store_managers}, @{regional_managers}, @{head_office};
