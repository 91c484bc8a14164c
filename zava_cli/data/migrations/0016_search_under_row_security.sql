-- Indexes that search may use. Under row security only conditions that cannot leak reach an index: equality of text
-- and of uuid and comparisons of bigint are such; @@, lower() and comparisons of numeric are not, and for each of
-- those every product would be read.

SET LOCAL ROLE @{owner};

ALTER TABLE retail.products
    ADD COLUMN price_key bigint NOT NULL GENERATED ALWAYS AS ((price * 10000)::bigint) STORED;
COMMENT ON COLUMN retail.products.price_key IS 'price x 10,000; conditions on it use an index, which those on price cannot. Show price.';

DROP INDEX retail.products_filters;
CREATE INDEX products_by_category ON retail.products (category_id, price_key, product_id);
CREATE INDEX products_by_price ON retail.products (price_key, product_id);
CREATE INDEX products_by_sku ON retail.products (lower(sku));

GRANT SELECT ON retail.products TO @{security};
CREATE POLICY security_products ON retail.products FOR SELECT TO @{security} USING (true);

SET LOCAL ROLE @{security};

-- Nothing leaks by these: the catalogue is shared, and whoever may see one product may see all.
CREATE FUNCTION security.products_holding(asked tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT product_id FROM retail.products
    -- The operator is written with each of its signs twice, since one of them begins a role's name here.
    WHERE search_text @@@@ asked AND (SELECT security.context_manager()) IS NOT NULL
$$;
COMMENT ON FUNCTION security.products_holding(tsquery) IS 'Keys of the products that fit a full-text query; none without a signed context.';

CREATE FUNCTION security.products_of_sku(wanted text) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp
AS $$
    SELECT product_id FROM retail.products
    WHERE lower(sku) = lower(wanted) AND (SELECT security.context_manager()) IS NOT NULL
$$;
COMMENT ON FUNCTION security.products_of_sku(text) IS 'Keys of the products of a SKU in any case; none without a signed context.';

REVOKE ALL ON FUNCTION security.products_holding(tsquery), security.products_of_sku(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.products_holding(tsquery), security.products_of_sku(text)
    TO @{store_managers}, @{regional_managers}, @{head_office};

RESET ROLE;
