-- name: tune
-- Room for sorting and hashing a whole file, and how its dates are read.
-- $1 date style text
SELECT set_config('work_mem', '64MB', true), set_config('DateStyle', $1, true)

-- name: lock_loads
-- Lets one process load at a time.
SELECT pg_advisory_xact_lock(hashtext('zava load'))

-- name: time_zone
-- The business time zone, whether it may still change, and whether the wanted one exists.
-- $1 wanted text
SELECT time_zone,
       NOT EXISTS (SELECT FROM retail.stores) AS is_empty,
       EXISTS (SELECT FROM pg_timezone_names WHERE name = $1) AS exists
FROM ops.settings

-- name: use_time_zone
-- Reads the file's times in that zone.
-- $1 zone text
SELECT set_config('TimeZone', $1, true)

-- name: create_key
-- Keys follow from what a thing is called where it came from, so that a second import finds the first one's.
CREATE OR REPLACE FUNCTION pg_temp.import_key(VARIADIC parts text[]) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN overlay(overlay(
    encode(substring(sha256(convert_to(to_jsonb(parts)::text, 'UTF8')) FOR 16), 'hex')
    PLACING '8' FROM 13) PLACING 'a' FROM 17)::uuid

-- name: create_number
-- The number that a text is; NULL for anything else, also for NaN, which PostgreSQL itself would take.
CREATE OR REPLACE FUNCTION pg_temp.import_number(value text) RETURNS numeric LANGUAGE sql IMMUTABLE
RETURN CASE WHEN value ~ '^[+-]?(\d{1,20}([.]\d{0,20})?|[.]\d{1,20})([eE][+-]?\d{1,2})?$' THEN value::numeric END

-- name: create_time
-- The moment that a text is, in the session's time zone unless it has an offset; NULL for anything else.
CREATE OR REPLACE FUNCTION pg_temp.import_time(value text) RETURNS timestamptz LANGUAGE sql STABLE
RETURN CASE WHEN value ~ '^\d' AND value !~ '[^0-9TZAPMapm:/. +-]' AND pg_input_is_valid(value, 'timestamptz')
            THEN value::timestamptz END

-- name: create_raw
-- The file's records as they are.
CREATE TEMPORARY TABLE import_raw (line_no integer NOT NULL, fields text[] NOT NULL) ON COMMIT DROP

-- name: create_line
-- The records as what they mean; `problem` is why one is rejected, `item_no` its place within its order.
CREATE TEMPORARY TABLE import_line (
    line_no integer NOT NULL, store text, reference text, item_no integer, product text, description text,
    quantity numeric, order_date timestamptz, unit_price numeric, customer text, category text, type text,
    cost numeric, discount numeric, amount numeric, problem text, is_known boolean NOT NULL DEFAULT false
) ON COMMIT DROP

-- name: create_order
-- The file's orders.
CREATE TEMPORARY TABLE import_order (
    store text NOT NULL, reference text NOT NULL, store_id uuid NOT NULL, order_id uuid NOT NULL,
    order_date timestamptz NOT NULL, customer_id uuid, amount numeric NOT NULL, is_return boolean NOT NULL,
    is_new boolean NOT NULL
) ON COMMIT DROP

-- name: create_store
-- Stores that the database does not have yet.
CREATE TEMPORARY TABLE import_store (store_id uuid NOT NULL, name text NOT NULL) ON COMMIT DROP

-- name: create_customer
-- Customers that the database does not have yet.
CREATE TEMPORARY TABLE import_customer (
    store_id uuid NOT NULL, customer_id uuid NOT NULL, reference text NOT NULL, first_order timestamptz NOT NULL
) ON COMMIT DROP

-- name: create_product
-- Products that the database does not have yet.
CREATE TEMPORARY TABLE import_product (
    sku text NOT NULL, name text NOT NULL, category text NOT NULL, type text NOT NULL, cost numeric, price numeric NOT NULL
) ON COMMIT DROP

-- name: fill_lines
-- Reads every record. Rejected lines count in `item_no`, so that a line which is mended later finds its place;
-- OFFSET 0 keeps the planner from working each field out again wherever it is used.
-- $1 width integer, $2 order_id integer, $3 product integer, $4 description integer, $5 quantity integer,
-- $6 order_date integer, $7 unit_price integer, $8 customer_id integer, $9 store integer, $10 category integer,
-- $11 type integer, $12 cost integer, $13 discount integer: numbers of columns; $14 store text, $15 date order text
INSERT INTO import_line
SELECT v.line_no, v.store, v.reference,
       row_number() OVER (PARTITION BY v.store, v.reference ORDER BY v.line_no),
       v.product, v.description, v.quantity, v.order_date, v.unit_price, v.customer, v.category, v.type, v.cost,
       v.discount, v.amount,
       CASE
           WHEN v.width <> $1 THEN format('the line has %s fields instead of %s', v.width, $1::integer)
           WHEN v.reference IS NULL THEN 'order_id is missing'
           WHEN v.store IS NULL THEN 'store is missing'
           WHEN v.product IS NULL THEN 'product is missing'
           WHEN v.quantity_text IS NULL THEN 'quantity is missing'
           WHEN v.quantity IS NULL OR v.quantity <> trunc(v.quantity) OR abs(v.quantity) > 2147483647
               THEN format('quantity is not a whole number: %s', left(v.quantity_text, 40))
           WHEN v.order_date_text IS NULL THEN 'order_date is missing'
           WHEN v.order_date_text !~ '^\d{4}' AND $15::text IS NULL
               THEN format('order_date does not begin with the year, and no date order was given: %s', left(v.order_date_text, 40))
           WHEN v.order_date IS NULL THEN format('order_date is not a date: %s', left(v.order_date_text, 40))
           WHEN v.unit_price_text IS NULL THEN 'unit_price is missing'
           WHEN v.unit_price IS NULL THEN format('unit_price is not a number: %s', left(v.unit_price_text, 40))
           WHEN abs(v.unit_price) >= 1e10 OR v.unit_price <> round(v.unit_price, 4)
               THEN format('unit_price has more than ten digits or four decimals: %s', left(v.unit_price_text, 40))
           WHEN v.cost_text IS NOT NULL AND (v.cost IS NULL OR abs(v.cost) >= 1e10)
               THEN format('cost is not a number: %s', left(v.cost_text, 40))
           WHEN v.discount IS NULL OR abs(v.discount) >= 1e10 OR v.discount <> round(v.discount, 4)
               THEN format('discount is not an amount: %s', left(v.discount_text, 40))
           WHEN abs(v.amount) >= 1e13 THEN 'quantity x unit_price is too large'
       END
FROM (
    SELECT t.*, n.*, n.quantity * n.unit_price - coalesce(n.discount, 0) AS amount
    FROM (
        SELECT r.line_no, cardinality(r.fields) AS width,
               nullif(btrim(f.f[$2], E' \t\r\n\u00a0'), '') AS reference,
               nullif(btrim(f.f[$3], E' \t\r\n\u00a0'), '') AS product,
               nullif(btrim(f.f[$4], E' \t\r\n\u00a0'), '') AS description,
               nullif(btrim(f.f[$5], E' \t\r\n\u00a0'), '') AS quantity_text,
               nullif(btrim(f.f[$6], E' \t\r\n\u00a0'), '') AS order_date_text,
               nullif(btrim(f.f[$7], E' \t\r\n\u00a0'), '') AS unit_price_text,
               -- Tools that know no whole numbers with gaps write 17850 as 17850.0.
               regexp_replace(nullif(btrim(f.f[$8], E' \t\r\n\u00a0'), ''), '^(\d+)[.]0$', '\1') AS customer,
               coalesce($14, nullif(btrim(f.f[$9], E' \t\r\n\u00a0'), '')) AS store,
               upper(nullif(btrim(f.f[$10], E' \t\r\n\u00a0'), '')) AS category,
               upper(nullif(btrim(f.f[$11], E' \t\r\n\u00a0'), '')) AS type,
               nullif(btrim(f.f[$12], E' \t\r\n\u00a0'), '') AS cost_text,
               coalesce(nullif(btrim(f.f[$13], E' \t\r\n\u00a0'), ''), '0') AS discount_text
        FROM import_raw r
        CROSS JOIN LATERAL (SELECT CASE WHEN cardinality(r.fields) = $1 THEN r.fields ELSE '{}' END AS f) AS f
        OFFSET 0
    ) AS t
    CROSS JOIN LATERAL (
        SELECT pg_temp.import_number(t.quantity_text) AS quantity,
               pg_temp.import_time(t.order_date_text) AS order_date,
               pg_temp.import_number(t.unit_price_text) AS unit_price,
               pg_temp.import_number(t.cost_text) AS cost,
               pg_temp.import_number(t.discount_text) AS discount
    ) AS n
    OFFSET 0
) AS v

-- name: analyze_lines
-- Tells the planner how many lines there are.
ANALYZE import_line

-- name: fill_orders
-- The orders of all accepted lines: one per store and number, placed when the first of its lines says.
-- $1 return prefix text
INSERT INTO import_order
SELECT o.store, o.reference, o.store_id, o.order_id, o.order_date,
       CASE WHEN o.customer IS NOT NULL THEN pg_temp.import_key('customer', o.store, o.customer) END,
       o.amount, o.is_return,
       NOT EXISTS (SELECT FROM retail.orders k WHERE k.store_id = o.store_id AND k.order_id = o.order_id)
FROM (
    SELECT l.store, l.reference,
           coalesce((SELECT s.store_id FROM retail.stores s WHERE s.name = l.store),
                    pg_temp.import_key('store', l.store)) AS store_id,
           pg_temp.import_key('order', l.store, l.reference) AS order_id,
           min(l.order_date) AS order_date,
           (array_agg(l.customer ORDER BY l.line_no) FILTER (WHERE l.customer IS NOT NULL))[1] AS customer,
           sum(l.amount) AS amount,
           bool_and(l.quantity < 0)
               OR ($1 <> '' AND starts_with(l.reference, $1) AND substr(l.reference, length($1) + 1) ~ '^\d+$') AS is_return
    FROM import_line l
    WHERE l.problem IS NULL
    GROUP BY l.store, l.reference
) AS o

-- name: analyze_orders
-- Tells the planner how many orders there are.
ANALYZE import_order

-- name: mark_known
-- Lines that an earlier import loaded are known; where it loaded something else, they are rejected.
UPDATE import_line l
SET is_known = k.is_same,
    problem = CASE WHEN NOT k.is_same
                   THEN format('order %s was loaded before with another line %s', l.reference, l.item_no) END
FROM (
    SELECT n.line_no,
           (p.sku, i.quantity, i.unit_price, i.discount_amount) = (n.product, n.quantity, n.unit_price, n.discount) AS is_same
    FROM import_order o
    JOIN import_line n ON n.store = o.store AND n.reference = o.reference AND n.problem IS NULL
    JOIN retail.order_items i ON i.store_id = o.store_id AND i.order_id = o.order_id AND i.line_no = n.item_no
    JOIN retail.products p ON p.product_id = i.product_id
    WHERE NOT o.is_new
) AS k
WHERE k.line_no = l.line_no

-- name: fill_stores
-- New stores.
INSERT INTO import_store
SELECT DISTINCT o.store_id, o.store FROM import_order o
WHERE NOT EXISTS (SELECT FROM retail.stores s WHERE s.store_id = o.store_id)

-- name: fill_customers
-- New customers, each of one store.
INSERT INTO import_customer
SELECT o.store_id, pg_temp.import_key('customer', l.store, l.customer), l.customer, min(l.order_date)
FROM import_line l
JOIN import_order o USING (store, reference)
WHERE l.problem IS NULL AND NOT l.is_known AND l.customer IS NOT NULL
  AND NOT EXISTS (SELECT FROM retail.customers c
                  WHERE c.store_id = o.store_id AND c.customer_id = pg_temp.import_key('customer', l.store, l.customer))
GROUP BY o.store_id, l.store, l.customer

-- name: fill_products
-- New products: named as most of their lines do, at the price that most of them have, the latest among equals.
INSERT INTO import_product
WITH line AS (
    SELECT l.* FROM import_line l
    WHERE l.problem IS NULL AND NOT l.is_known AND NOT EXISTS (SELECT FROM retail.products p WHERE p.sku = l.product)
), name AS (
    SELECT DISTINCT ON (product) product, description FROM line WHERE description IS NOT NULL
    GROUP BY product, description ORDER BY product, count(*) DESC, length(description) DESC, description
), price AS (
    SELECT DISTINCT ON (product) product, unit_price FROM line WHERE unit_price > 0
    GROUP BY product, unit_price ORDER BY product, count(*) DESC, max(order_date) DESC, unit_price
), cost AS (
    SELECT DISTINCT ON (product) product, cost FROM line WHERE cost IS NOT NULL ORDER BY product, order_date DESC, line_no DESC
), kind AS (
    SELECT DISTINCT ON (product) product, coalesce(category, 'UNCATEGORISED') AS category,
           coalesce(type, 'UNCATEGORISED') AS type
    FROM line GROUP BY product, category, type ORDER BY product, count(*) DESC, category NULLS LAST, type NULLS LAST
)
SELECT kind.product, coalesce(name.description, kind.product), kind.category, kind.type, cost.cost,
       coalesce(price.unit_price, 0)
FROM kind LEFT JOIN name USING (product) LEFT JOIN price USING (product) LEFT JOIN cost USING (product)

-- name: counts
-- What the file holds and what is new; sums without trailing zeros, as text.
SELECT count(*) AS lines,
       count(*) FILTER (WHERE problem IS NULL AND NOT is_known) AS loaded,
       count(*) FILTER (WHERE is_known) AS already_there,
       count(problem) AS rejected,
       trim_scale(coalesce(sum(amount) FILTER (WHERE problem IS NULL AND NOT is_known), 0))::text AS sum_loaded,
       trim_scale(coalesce(sum(amount) FILTER (WHERE is_known), 0))::text AS sum_already_there,
       trim_scale(coalesce(sum(amount) FILTER (WHERE problem IS NOT NULL), 0))::text AS sum_rejected,
       (SELECT count(*) FROM import_store) AS stores,
       (SELECT count(*) FROM import_order WHERE is_new) AS orders,
       (SELECT count(*) FROM import_customer) AS customers,
       (SELECT count(*) FROM import_product) AS products
FROM import_line

-- name: rejected
-- Rejected lines as they stand in the file.
-- $1 most bigint
SELECT l.line_no AS line, l.problem AS reason, r.fields
FROM import_line l JOIN import_raw r USING (line_no)
WHERE l.problem IS NOT NULL ORDER BY l.line_no LIMIT $1

-- name: add_managers
-- A manager for each new store.
INSERT INTO retail.managers (manager_id, name, role)
SELECT pg_temp.import_key('manager', name), name || ' manager', 'store_manager' FROM import_store

-- name: add_head_office
-- Somebody who sees every store, unless there is one.
INSERT INTO retail.managers (manager_id, name, role)
SELECT pg_temp.import_key('manager', '', 'head office'), 'Head Office', 'head_office'
WHERE NOT EXISTS (SELECT FROM retail.managers WHERE role = 'head_office')

-- name: add_stores
-- New stores, each with its own manager.
INSERT INTO retail.stores (store_id, name, location, manager_id)
SELECT store_id, name, name, pg_temp.import_key('manager', name) FROM import_store

-- name: add_manager_stores
-- Each new manager sees their own store.
INSERT INTO retail.manager_stores (manager_id, store_id)
SELECT pg_temp.import_key('manager', name), store_id FROM import_store

-- name: add_categories
-- Categories of new products.
INSERT INTO retail.categories (category_id, name)
SELECT DISTINCT pg_temp.import_key('category', category), category FROM import_product
ON CONFLICT (name) DO NOTHING

-- name: add_types
-- Product types of new products.
INSERT INTO retail.product_types (type_id, category_id, name)
SELECT DISTINCT pg_temp.import_key('type', n.category, n.type), c.category_id, n.type
FROM import_product n JOIN retail.categories c ON c.name = n.category
ON CONFLICT (category_id, name) DO NOTHING

-- name: add_products
-- New products.
INSERT INTO retail.products (product_id, sku, name, description, category_id, type_id, cost, price)
SELECT pg_temp.import_key('product', n.sku), n.sku, n.name, n.name, c.category_id, t.type_id, n.cost, n.price
FROM import_product n
JOIN retail.categories c ON c.name = n.category
JOIN retail.product_types t ON t.category_id = c.category_id AND t.name = n.type

-- name: add_customers
-- New customers.
INSERT INTO retail.customers (store_id, customer_id, reference, created_at)
SELECT store_id, customer_id, reference, first_order FROM import_customer

-- name: add_orders
-- New orders.
INSERT INTO retail.orders (store_id, order_id, customer_id, order_date, total_amount, status, reference)
SELECT store_id, order_id, customer_id, order_date, amount,
       CASE WHEN is_return THEN 'returned' ELSE 'completed' END, reference
FROM import_order WHERE is_new

-- name: add_items
-- New lines, of new orders and of orders that have grown.
INSERT INTO retail.order_items (store_id, order_id, line_no, product_id, quantity, unit_price, discount_amount, total_amount)
SELECT o.store_id, o.order_id, l.item_no, p.product_id, l.quantity, l.unit_price, l.discount, l.amount
FROM import_line l
JOIN import_order o USING (store, reference)
JOIN retail.products p ON p.sku = l.product
WHERE l.problem IS NULL AND NOT l.is_known

-- name: grow_orders
-- Orders that were there and got more lines: total and status follow from all of their lines.
UPDATE retail.orders k
SET total_amount = t.total_amount, order_date = least(k.order_date, o.order_date),
    status = CASE WHEN o.is_return AND t.is_return THEN 'returned' ELSE 'completed' END, updated_at = now()
FROM import_order o
CROSS JOIN LATERAL (
    SELECT sum(i.total_amount) AS total_amount, bool_and(i.quantity < 0) AS is_return FROM retail.order_items i
    WHERE i.store_id = o.store_id AND i.order_id = o.order_id
) AS t
WHERE NOT o.is_new AND k.store_id = o.store_id AND k.order_id = o.order_id
  AND EXISTS (SELECT FROM import_line l WHERE l.store = o.store AND l.reference = o.reference
                                          AND l.problem IS NULL AND NOT l.is_known)

-- name: analyze_tables
-- Fresh statistics for what was loaded.
ANALYZE retail.stores, retail.managers, retail.manager_stores, retail.categories, retail.product_types,
    retail.products, retail.customers, retail.orders, retail.order_items
