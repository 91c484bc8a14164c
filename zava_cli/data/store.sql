-- name: stores
-- The stores that one sees and that fit best what was asked for: by id, exact name, name in any case, city or
-- location, part of the name. All of them are equally good.
-- $1 store text
SELECT store_id, name, location
FROM (
    SELECT store_id, name, location, rank() OVER (ORDER BY fit) AS place
    FROM (
        SELECT store_id, name, location,
               CASE WHEN store_id::text = lower($1) THEN 1
                    WHEN name = $1 THEN 2
                    WHEN lower(name) = lower($1) THEN 3
                    WHEN lower($1) IN (lower(location), lower(split_part(location, ',', 1))) THEN 4
                    WHEN strpos(lower(name), lower($1)) > 0 THEN 5 END AS fit
        FROM stores
    ) AS compared
    WHERE fit IS NOT NULL
) AS ranked
WHERE place = 1
ORDER BY name

-- name: local_time
-- The time of day and date in the business time zone.
SELECT localtimestamp AS now

-- name: last_order
-- When the store's newest order was placed, in local time; NULL without any.
-- $1 store uuid
SELECT max(order_date) AT TIME ZONE current_setting('TimeZone') AS placed FROM orders WHERE store_id = $1

-- name: plan_for_values
-- Plans each statement for the values that it is given.
SET LOCAL plan_cache_mode = force_custom_plan

-- name: moments
-- The moments at which local times of the business time zone lie, in the same order; NULL stays NULL.
-- $1 first timestamp, $2 after timestamp, $3 first timestamp, $4 after timestamp, $5 first timestamp, $6 after timestamp
SELECT $1::timestamp AT TIME ZONE zone AS first_1, $2::timestamp AT TIME ZONE zone AS after_1,
       $3::timestamp AT TIME ZONE zone AS first_2, $4::timestamp AT TIME ZONE zone AS after_2,
       $5::timestamp AT TIME ZONE zone AS first_3, $6::timestamp AT TIME ZONE zone AS after_3
FROM current_setting('TimeZone') AS zone

-- name: lines
-- Three kinds of sums over the lines of up to three periods, which may overlap: one row per period (place 1 to 3),
-- one per category, and one for each of the products with the highest revenue in period 1. The lines are read once,
-- and costs are looked up once per product.
-- $1 store uuid, $2 first timestamptz, $3 after timestamptz, $4 first timestamptz, $5 after timestamptz, $6 first timestamptz, $7 after timestamptz, $8 products integer
WITH line AS (
    SELECT o.status, i.product_id, i.quantity, i.discount_amount, i.total_amount,
           o.order_date >= $2 AND o.order_date < $3 AS in_1,
           o.order_date >= $4 AND o.order_date < $5 AS in_2,
           o.order_date >= $6 AND o.order_date < $7 AS in_3
    FROM orders o JOIN order_items i ON i.store_id = o.store_id AND i.order_id = o.order_id
    WHERE o.store_id = $1
      AND (o.order_date >= $2 AND o.order_date < $3
           OR o.order_date >= $4 AND o.order_date < $5
           OR o.order_date >= $6 AND o.order_date < $7)
), sold AS (
    SELECT product_id, in_1, in_2, in_3, sum(quantity) AS units,
           sum(total_amount) AS revenue,
           sum(total_amount) FILTER (WHERE quantity >= 0) AS gross_sales,
           sum(total_amount) FILTER (WHERE quantity >= 0 AND status <> 'returned') AS order_value,
           sum(discount_amount) FILTER (WHERE quantity >= 0) AS discounts
    FROM line GROUP BY product_id, in_1, in_2, in_3
), ranked AS (
    SELECT period.place, c.name AS category, p.sku, p.name,
           sum(sold.units)::bigint AS units,
           sum(sold.revenue) AS revenue,
           coalesce(sum(sold.gross_sales), 0) AS gross_sales,
           coalesce(sum(sold.order_value), 0) AS order_value,
           coalesce(sum(sold.discounts), 0) AS discounts,
           sum(sold.revenue) FILTER (WHERE p.cost IS NOT NULL) AS known_revenue,
           sum(sold.units * p.cost) AS known_cost,
           coalesce(sum(sold.units) FILTER (WHERE period.place = 1), 0)::bigint AS current_units,
           coalesce(sum(sold.revenue) FILTER (WHERE period.place = 1), 0) AS current_revenue,
           coalesce(sum(sold.revenue) FILTER (WHERE period.place = 2), 0) AS previous_revenue
    FROM sold
    CROSS JOIN LATERAL (VALUES (1, in_1), (2, in_2), (3, in_3)) AS period (place, is_in)
    JOIN products p USING (product_id)
    JOIN categories c USING (category_id)
    WHERE period.is_in
    GROUP BY GROUPING SETS ((period.place), (c.name), (c.name, p.sku, p.name))
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY sku IS NULL ORDER BY current_revenue DESC, sku, category) AS number
    FROM ranked
)
SELECT place, category, sku, name, units, revenue, gross_sales, order_value, discounts, known_revenue, known_cost,
       current_units, current_revenue, previous_revenue
FROM numbered
WHERE sku IS NULL OR number <= $8
ORDER BY current_revenue DESC, sku, category

-- name: customers
-- Orders that are no returns, and customers, for up to three periods: a row for each that has any. All orders up to
-- the last period are read, since a customer is new in the period of the first one.
-- $1 store uuid, $2 first timestamptz, $3 after timestamptz, $4 first timestamptz, $5 after timestamptz, $6 first timestamptz, $7 after timestamptz
WITH bought AS (
    SELECT customer_id, min(order_date) AS first_order,
           count(*) FILTER (WHERE order_date >= $2 AND order_date < $3) AS orders_1,
           count(*) FILTER (WHERE order_date >= $4 AND order_date < $5) AS orders_2,
           count(*) FILTER (WHERE order_date >= $6 AND order_date < $7) AS orders_3
    FROM orders
    WHERE store_id = $1 AND status <> 'returned' AND order_date < greatest($3, $5, $7)
    GROUP BY customer_id
)
SELECT period.place, sum(period.orders)::bigint AS orders,
       coalesce(sum(period.orders) FILTER (WHERE customer_id IS NULL), 0)::bigint AS without_customer,
       count(customer_id) AS customers,
       count(customer_id) FILTER (WHERE first_order >= period.first) AS new_customers
FROM bought
CROSS JOIN LATERAL (VALUES (1, orders_1, $2), (2, orders_2, $4), (3, orders_3, $6)) AS period (place, orders, first)
WHERE period.orders > 0
GROUP BY period.place
