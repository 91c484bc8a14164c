-- name: lock_seed
-- Lets one seed run at a time, until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('zava seed'))

-- name: state
-- Business time zone and today there; whether there is data, and whether any of it was imported.
SELECT o.time_zone, (now() AT TIME ZONE o.time_zone)::date AS today,
       EXISTS (SELECT FROM retail.stores) OR EXISTS (SELECT FROM retail.products)
       OR EXISTS (SELECT FROM retail.managers) OR EXISTS (SELECT FROM retail.orders) AS holds_data,
       EXISTS (SELECT FROM ops.load_runs WHERE kind = 'import') AS was_imported
FROM ops.settings o

-- name: last_seed
-- The newest seed, unless a reset came after it.
SELECT content_hash, parameters, row_counts FROM ops.load_runs
WHERE kind IN ('seed', 'reset') ORDER BY created_at DESC, kind DESC LIMIT 1

-- name: reset
-- Removes all retail data; models of embeddings, keys and the audit trail stay.
TRUNCATE retail.order_items, retail.orders, retail.inventory, retail.customers,
    retail.product_description_embeddings, retail.products, retail.product_types, retail.categories,
    retail.manager_stores, retail.stores, retail.managers

-- name: forget_keys
-- Removes the keys of managers who are gone; runs as the security role.
DELETE FROM security.manager_keys k WHERE NOT EXISTS (SELECT FROM retail.managers m WHERE m.manager_id = k.manager_id)

-- name: add_manager
-- A manager.
-- $1 manager uuid, $2 name text, $3 email text, $4 role text
INSERT INTO retail.managers (manager_id, name, email, role) VALUES ($1, $2, $3, $4)

-- name: add_store
-- A store; its manager exists.
-- $1 store uuid, $2 name text, $3 location text, $4 manager uuid, $5 online boolean
INSERT INTO retail.stores (store_id, name, location, manager_id, is_online) VALUES ($1, $2, $3, $4, $5)

-- name: add_manager_store
-- Lets a manager see a store.
-- $1 manager uuid, $2 store uuid
INSERT INTO retail.manager_stores (manager_id, store_id) VALUES ($1, $2)

-- name: add_category
-- A category.
-- $1 category uuid, $2 name text
INSERT INTO retail.categories (category_id, name) VALUES ($1, $2)

-- name: add_product_type
-- A product type of a category.
-- $1 type uuid, $2 category uuid, $3 name text
INSERT INTO retail.product_types (type_id, category_id, name) VALUES ($1, $2, $3)

-- name: add_product
-- A product of a type.
-- $1 product uuid, $2 sku text, $3 name text, $4 description text, $5 category uuid, $6 type uuid,
-- $7 cost numeric, $8 price numeric
INSERT INTO retail.products (product_id, sku, name, description, category_id, type_id, cost, price)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: stage_customers
-- Where generated customers wait: names are places in a list.
CREATE TEMPORARY TABLE seed_customers (
    store_id uuid, customer_id uuid, first_name smallint, last_name smallint, number integer, created_at timestamptz
) ON COMMIT DROP

-- name: stage_orders
-- Where generated orders wait; status 0 completed, 1 pending, 2 returned.
CREATE TEMPORARY TABLE seed_orders (
    store_id uuid, order_id uuid, customer_id uuid, order_date timestamptz, total_amount numeric, status smallint
) ON COMMIT DROP

-- name: stage_order_items
-- Where generated order lines wait.
CREATE TEMPORARY TABLE seed_order_items (
    store_id uuid, order_id uuid, line_no integer, product_id uuid, quantity integer, unit_price numeric,
    discount_percent smallint, discount_amount numeric, total_amount numeric
) ON COMMIT DROP

-- name: stage_inventory
-- Where generated inventory waits.
CREATE TEMPORARY TABLE seed_inventory (
    store_id uuid, product_id uuid, stock_level integer, reorder_point integer, updated_at timestamptz
) ON COMMIT DROP

-- name: load_customers
-- Takes customers over, after stage_customers; the number keeps addresses unique within the store.
-- $1 first_names text[], $2 last_names text[], $3 first_addresses text[], $4 last_addresses text[]
INSERT INTO retail.customers (store_id, customer_id, first_name, last_name, email, created_at)
SELECT store_id, customer_id, ($1::text[])[first_name], ($2::text[])[last_name],
       ($3::text[])[first_name] || '.' || ($4::text[])[last_name] || number || '@example.com', created_at
FROM seed_customers

-- name: load_orders
-- Takes orders over, after stage_orders.
INSERT INTO retail.orders (store_id, order_id, customer_id, order_date, total_amount, status)
SELECT store_id, order_id, customer_id, order_date, total_amount,
       CASE status WHEN 0 THEN 'completed' WHEN 1 THEN 'pending' ELSE 'returned' END
FROM seed_orders

-- name: load_order_items
-- Takes order lines over, after stage_order_items.
INSERT INTO retail.order_items (store_id, order_id, line_no, product_id, quantity, unit_price,
                                discount_percent, discount_amount, total_amount)
SELECT store_id, order_id, line_no, product_id, quantity, unit_price,
       discount_percent, discount_amount, total_amount
FROM seed_order_items

-- name: load_inventory
-- Takes inventory over, after stage_inventory.
INSERT INTO retail.inventory (store_id, product_id, stock_level, reorder_point, updated_at)
SELECT store_id, product_id, stock_level, reorder_point, updated_at
FROM seed_inventory

-- name: clear_staging
-- Makes room for the next block, after all four stages.
TRUNCATE seed_customers, seed_orders, seed_order_items, seed_inventory

-- name: refresh_statistics
-- Row counts for the planner and a visibility map, so that the first queries are fast already.
VACUUM (ANALYZE) retail.managers, retail.stores, retail.manager_stores, retail.categories, retail.product_types,
    retail.products, retail.customers, retail.orders, retail.order_items, retail.inventory
