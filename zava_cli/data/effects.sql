-- name: sales_per_year
-- Sales of each year, relative to the first.
SELECT '' AS subject, extract(year FROM order_date)::text AS key,
       count(*)::float8 / first_value(count(*)) OVER (ORDER BY extract(year FROM order_date)) AS found
FROM orders WHERE status <> 'returned'
GROUP BY extract(year FROM order_date)

-- name: sales_per_month
-- Sales of each month of the year in complete years, relative to the mean month.
SELECT '' AS subject, to_char(order_date, 'mon') AS key,
       count(*)::float8 / avg(count(*)) OVER ()::float8 AS found
FROM orders
WHERE status <> 'returned' AND order_date < (SELECT date_trunc('year', max(order_date)) FROM orders)
GROUP BY to_char(order_date, 'mon')

-- name: sales_per_weekday
-- Sales of each day of the week, relative to the mean day.
SELECT '' AS subject, to_char(order_date, 'dy') AS key,
       count(*)::float8 / avg(count(*)) OVER ()::float8 AS found
FROM orders WHERE status <> 'returned'
GROUP BY to_char(order_date, 'dy')

-- name: opening_hours
-- First and last hour in which each kind of store sells.
SELECT CASE WHEN s.is_online THEN 'online' ELSE 'shops' END AS subject, hours.key, hours.found
FROM (SELECT store_id, min(extract(hour FROM order_date))::float8 AS first_hour,
             max(extract(hour FROM order_date))::float8 AS last_hour
      FROM orders GROUP BY store_id) o
JOIN stores s USING (store_id)
CROSS JOIN LATERAL (VALUES ('first hour', o.first_hour), ('last hour', o.last_hour)) AS hours (key, found)

-- name: category_season
-- Sold lines of each category and month of the year in complete years, relative to the category's mean month.
SELECT c.name AS subject, to_char(o.order_date, 'mon') AS key,
       count(*)::float8 / avg(count(*)) OVER (PARTITION BY c.name)::float8 AS found
FROM order_items i
JOIN orders o USING (store_id, order_id)
JOIN products p USING (product_id)
JOIN categories c USING (category_id)
WHERE o.status <> 'returned' AND o.order_date < (SELECT date_trunc('year', max(order_date)) FROM orders)
GROUP BY c.name, to_char(o.order_date, 'mon')

-- name: store_customers
-- Each store's share of all customers.
SELECT '' AS subject, s.name AS key, count(*)::float8 / sum(count(*)) OVER ()::float8 AS found
FROM customers JOIN stores s USING (store_id)
GROUP BY s.name

-- name: store_frequency
-- Sales per customer of each store.
SELECT '' AS subject, s.name AS key,
       (SELECT count(*) FROM orders o WHERE o.store_id = s.store_id AND o.status <> 'returned')::float8
       / (SELECT count(*) FROM customers c WHERE c.store_id = s.store_id) AS found
FROM stores s

-- name: store_value
-- Mean value of a sale in each store, relative to all stores.
SELECT '' AS subject, s.name AS key,
       (avg(o.total_amount) / (SELECT avg(total_amount) FROM orders WHERE status <> 'returned'))::float8 AS found
FROM orders o JOIN stores s USING (store_id)
WHERE o.status <> 'returned'
GROUP BY s.name

-- name: opening_customers
-- Share of customers who had joined before the first year of sales.
SELECT '' AS subject, 'share' AS key,
       avg((created_at < (SELECT date_trunc('year', min(order_date)) FROM orders))::integer)::float8 AS found
FROM customers

-- name: new_customers_per_year
-- New customers of each year, relative to the first year of sales.
SELECT '' AS subject, extract(year FROM created_at)::text AS key,
       count(*)::float8 / first_value(count(*)) OVER (ORDER BY extract(year FROM created_at)) AS found
FROM customers
WHERE created_at >= (SELECT date_trunc('year', min(order_date)) FROM orders)
GROUP BY extract(year FROM created_at)

-- name: one_time_customers
-- Share of new customers with a single sale, half a year after they joined.
SELECT '' AS subject, 'share' AS key, avg((sales = 1)::integer)::float8 AS found
FROM (SELECT count(o.order_id) AS sales
      FROM customers c LEFT JOIN orders o USING (store_id, customer_id)
      WHERE o.status <> 'returned'
        AND c.created_at >= (SELECT date_trunc('year', min(order_date)) FROM orders)
        AND c.created_at < (SELECT max(order_date) - interval '182 days' FROM orders)
      GROUP BY store_id, customer_id) AS newcomers

-- name: second_order
-- Fewest and most days between the first and the second sale of a new customer.
SELECT '' AS subject, days.key, days.found
FROM (SELECT min(gap) AS least, max(gap) AS most
      FROM (SELECT o.order_date::date - c.created_at::date AS gap,
                   row_number() OVER (PARTITION BY store_id, customer_id ORDER BY o.order_date) AS nth
            FROM customers c JOIN orders o USING (store_id, customer_id)
            WHERE o.status <> 'returned'
              AND c.created_at >= (SELECT date_trunc('year', min(order_date)) FROM orders)) AS sales
      WHERE nth = 2) AS gaps
CROSS JOIN LATERAL (VALUES ('fewest days', least::float8), ('most days', most::float8)) AS days (key, found)

-- name: yearly_churn
-- How many fewer sales per customer a cohort makes than the one that joined a year later, in the same year.
-- First and second sales are left out, and cohorts younger than two years, where they still happen.
WITH newcomers AS (
    SELECT store_id, customer_id, extract(year FROM created_at) AS joined
    FROM customers
    WHERE created_at >= (SELECT date_trunc('year', min(order_date)) FROM orders)
), sales AS (
    SELECT joined, extract(year FROM o.order_date) AS year,
           row_number() OVER (PARTITION BY store_id, customer_id ORDER BY o.order_date) AS nth
    FROM newcomers JOIN orders o USING (store_id, customer_id)
    WHERE o.status <> 'returned'
), rates AS (
    SELECT joined, year, count(*)::float8 / (SELECT count(*) FROM newcomers n WHERE n.joined = s.joined) AS rate
    FROM sales s WHERE nth > 2
    GROUP BY joined, year
)
SELECT '' AS subject, 'share' AS key, 1 - sum(older.rate) / sum(younger.rate) AS found
FROM rates older
JOIN rates younger ON younger.year = older.year AND younger.joined = older.joined + 1
WHERE younger.year - younger.joined >= 2

-- name: one_department
-- Share of further lines whose category is that of the sale's first line.
SELECT '' AS subject, 'share' AS key, avg((p.category_id = first_p.category_id)::integer)::float8 AS found
FROM order_items i
JOIN products p USING (product_id)
JOIN order_items first_i ON first_i.store_id = i.store_id AND first_i.order_id = i.order_id AND first_i.line_no = 1
JOIN products first_p ON first_p.product_id = first_i.product_id
WHERE i.line_no > 1 AND i.quantity > 0

-- name: best_sellers
-- Share of sold lines that the best-selling fifth of each category's products makes.
SELECT '' AS subject, 'share' AS key,
       (sum(lines) FILTER (WHERE place <= round(products / 5.0)) / sum(lines))::float8 AS found
FROM (SELECT count(*) AS lines,
             row_number() OVER (PARTITION BY p.category_id ORDER BY count(*) DESC) AS place,
             count(*) OVER (PARTITION BY p.category_id) AS products
      FROM order_items i JOIN products p USING (product_id)
      WHERE i.quantity > 0
      GROUP BY p.category_id, p.product_id) AS ranked

-- name: product_pairs
-- Share of the sales of one product that hold another one too, where that happens at least twelve times and
-- twenty times as often as by chance; products of one category meet about nine times as often anyway.
WITH sold AS (SELECT store_id, order_id, product_id FROM order_items WHERE quantity > 0),
baskets AS (SELECT product_id, count(*)::float8 AS sales FROM sold GROUP BY product_id),
pairs AS (
    SELECT a.product_id, b.product_id AS companion_id, count(*)::float8 AS sales
    FROM sold a JOIN sold b USING (store_id, order_id)
    WHERE a.product_id <> b.product_id
    GROUP BY a.product_id, b.product_id
    HAVING count(*) >= 12
)
SELECT p.sku AS subject, companion.sku AS key, pairs.sales / b.sales AS found
FROM pairs
JOIN baskets b USING (product_id)
JOIN baskets other ON other.product_id = pairs.companion_id
JOIN products p ON p.product_id = pairs.product_id
JOIN products companion ON companion.product_id = pairs.companion_id
WHERE pairs.sales >= 20 * b.sales * other.sales / (SELECT count(*) FROM orders WHERE status <> 'returned')

-- name: price_level
-- What was paid per unit before discounts, relative to the list price, in each year.
SELECT '' AS subject, extract(year FROM o.order_date)::text AS key, avg(i.unit_price / p.price)::float8 AS found
FROM order_items i
JOIN orders o USING (store_id, order_id)
JOIN products p USING (product_id)
WHERE i.quantity > 0
GROUP BY extract(year FROM o.order_date)

-- name: discounted_lines
-- Share of sold lines with a discount, in November and otherwise.
SELECT '' AS subject, CASE extract(month FROM o.order_date) WHEN 11 THEN 'november' ELSE 'usual' END AS key,
       avg((i.discount_percent > 0)::integer)::float8 AS found
FROM order_items i JOIN orders o USING (store_id, order_id)
WHERE i.quantity > 0
GROUP BY 2

-- name: discount_percent
-- Mean discount of discounted lines in percent, in November and otherwise.
SELECT '' AS subject, CASE extract(month FROM o.order_date) WHEN 11 THEN 'november' ELSE 'usual' END AS key,
       avg(i.discount_percent)::float8 AS found
FROM order_items i JOIN orders o USING (store_id, order_id)
WHERE i.quantity > 0 AND i.discount_percent > 0
GROUP BY 2

-- name: returned_lines
-- Returned lines per sold line of each category; the last month's sales may still come back.
SELECT '' AS subject, c.name AS key,
       count(*) FILTER (WHERE i.quantity < 0)::float8
       / count(*) FILTER (WHERE i.quantity > 0 AND o.order_date < last.moment - interval '30 days') AS found
FROM order_items i
JOIN orders o USING (store_id, order_id)
JOIN products p USING (product_id)
JOIN categories c USING (category_id)
CROSS JOIN (SELECT max(order_date) AS moment FROM orders) AS last
GROUP BY c.name

-- name: pending_sales
-- Share of sales that are still pending, of the last three days and of all days before.
SELECT '' AS subject, CASE WHEN order_date::date > last.day - 3 THEN 'last days' ELSE 'before' END AS key,
       avg((status = 'pending')::integer)::float8 AS found
FROM orders CROSS JOIN (SELECT max(order_date)::date AS day FROM orders) AS last
WHERE status <> 'returned'
GROUP BY 2

-- name: stock_outs
-- Share of each store's products that are out of stock.
SELECT '' AS subject, s.name AS key, avg((n.stock_level = 0)::integer)::float8 AS found
FROM inventory n JOIN stores s USING (store_id)
GROUP BY s.name
