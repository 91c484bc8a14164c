-- What analysts, agents and BI tools write, one query a paragraph, by kind.
-- Written before the guard's lists were read and never tuned on: do not edit a query to make it pass.
-- The first run refused 10 of the first 318, and 1 of the 102 of the second set, which was written after the faults
-- found by the first had been mended; 7 queries were no valid SQL and have been corrected.

== reports

SELECT count(*) FROM orders

select count(*) as orders, sum(total_amount) as revenue, avg(total_amount) as aov from retail.orders where status = 'completed'

SELECT date_trunc('month', order_date) AS month, sum(total_amount) AS revenue FROM orders GROUP BY 1 ORDER BY 1

SELECT to_char(order_date, 'YYYY-MM') AS month, count(*) AS n, round(sum(total_amount), 2) AS revenue
FROM retail.orders
WHERE order_date >= '2025-01-01' AND order_date < '2026-01-01'
GROUP BY to_char(order_date, 'YYYY-MM')
ORDER BY month;

SELECT c.name AS category, sum(oi.total_amount) AS revenue, sum(oi.quantity) AS units
FROM order_items oi
JOIN products p USING (product_id)
JOIN categories c USING (category_id)
GROUP BY c.name
ORDER BY revenue DESC
LIMIT 10

SELECT p.sku, p.name, SUM(oi.quantity) AS units_sold, SUM(oi.total_amount) AS revenue
FROM retail.order_items AS oi
INNER JOIN retail.products AS p ON p.product_id = oi.product_id
INNER JOIN retail.orders AS o ON o.store_id = oi.store_id AND o.order_id = oi.order_id
WHERE o.order_date BETWEEN TIMESTAMP '2025-10-01' AND TIMESTAMP '2025-12-31 23:59:59'
GROUP BY p.sku, p.name
HAVING SUM(oi.quantity) > 0
ORDER BY revenue DESC NULLS LAST
FETCH FIRST 20 ROWS ONLY

SELECT s.name, extract(year from o.order_date)::int AS yr, extract(quarter from o.order_date)::int AS qtr, sum(o.total_amount)
FROM orders o JOIN stores s ON s.store_id = o.store_id
GROUP BY s.name, yr, qtr ORDER BY s.name, yr, qtr

SELECT CASE WHEN total_amount < 25 THEN 'small' WHEN total_amount < 100 THEN 'medium' ELSE 'large' END AS size,
       count(*), round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS pct
FROM orders GROUP BY 1

SELECT extract(isodow FROM order_date) AS dow, to_char(order_date, 'Dy') AS day, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1

SELECT date_part('hour', order_date) h, count(*) n FROM orders GROUP BY h ORDER BY h

SELECT p.name, i.stock_level, i.reorder_point, i.stock_level - i.reorder_point AS slack
FROM inventory i JOIN products p ON p.product_id = i.product_id
WHERE i.stock_level <= i.reorder_point
ORDER BY slack

SELECT sum(i.stock_level * p.cost) AS inventory_value, sum(i.stock_level * p.price) AS retail_value
FROM inventory i JOIN products p USING (product_id)

SELECT coalesce(c.email, '(none)') AS email, count(o.*) AS orders FROM customers c LEFT JOIN orders o USING (store_id, customer_id) GROUP BY c.email ORDER BY orders DESC LIMIT 25

SELECT first_name || ' ' || last_name AS customer, sum(o.total_amount) AS spent
FROM customers c JOIN orders o ON (c.store_id, c.customer_id) = (o.store_id, o.customer_id)
GROUP BY c.store_id, c.customer_id, first_name, last_name
ORDER BY spent DESC LIMIT 10

SELECT status, count(*), min(order_date), max(order_date) FROM orders GROUP BY status

SELECT count(DISTINCT customer_id) FILTER (WHERE order_date >= now() - interval '90 days') AS active_90,
       count(DISTINCT customer_id) AS ever
FROM orders

SELECT p.name, (p.price - p.cost) / nullif(p.price, 0) AS margin FROM products p WHERE p.cost IS NOT NULL ORDER BY margin DESC LIMIT 10

SELECT avg(discount_percent) AS avg_discount, sum(discount_amount) AS given FROM order_items WHERE discount_percent > 0

SELECT t.name AS type, count(*) AS products, min(price), max(price), round(avg(price), 2) FROM products JOIN product_types t USING (type_id) GROUP BY t.name ORDER BY 2 DESC

SELECT p.sku, p.name FROM products p WHERE NOT EXISTS (SELECT 1 FROM order_items oi WHERE oi.product_id = p.product_id AND oi.created_at IS NOT NULL) LIMIT 50

SELECT * FROM orders ORDER BY order_date DESC LIMIT 5

SELECT o.* FROM orders o WHERE o.order_date::date = DATE '2026-06-01'

TABLE stores

TABLE retail.categories ORDER BY name LIMIT 3

SELECT DISTINCT status FROM orders

SELECT DISTINCT ON (customer_id) customer_id, order_date, total_amount FROM orders WHERE customer_id IS NOT NULL ORDER BY customer_id, order_date DESC

SELECT name, location, is_online FROM stores WHERE is_online IS NOT TRUE

SELECT 1

SELECT 'hello' AS greeting, 42 AS answer, NULL AS nothing, true AS yes

VALUES (1, 'one'), (2, 'two'), (3, 'three')

SELECT count(*) AS "delete" FROM orders

SELECT "update", "drop" FROM (VALUES (1, 2)) AS v("update", "drop")

SELECT 'DROP TABLE orders; DELETE FROM customers' AS text

SELECT sum(total_amount) AS "Umsatz für März 💶" FROM orders WHERE order_date >= '2026-03-01' AND order_date < '2026-04-01'

SELECT count(*) FROM products WHERE name ILIKE '%insert%' OR description ILIKE '%update%set%'

== commented and oddly formatted

-- revenue by month
SELECT date_trunc('month', order_date), sum(total_amount) FROM orders GROUP BY 1

/* report 17 */ SELECT /* inline */ count(*) -- trailing
FROM orders -- ; DELETE FROM orders

/* nested /* comment */ still */ SELECT 1

SELECT
	store_id
	,	count(*)	AS	n
FROM
	orders
GROUP BY
	store_id
;

sElEcT CoUnT(*) fRoM oRdErS;

SELECT count(*)FROM orders WHERE(status='completed')AND(total_amount>10)

   SELECT 1   ;   

(SELECT 1)

((SELECT count(*) FROM orders))

SELECT $$it's a dollar quote$$ AS q, $tag$another $$ one$tag$ AS r

SELECT E'tab\there\nnewline' AS escaped, U&'\0041' AS unicode, B'1010' AS bits, X'1F' AS hex

SELECT 1_000_000 AS million, 0x1F AS hex, 1e3 AS sci, .5 AS half

SELECT "o"."status" AS "Status", COUNT(*) AS "Count" FROM "retail"."orders" "o" GROUP BY "o"."status"

SELECT U&"\006E\0061\006D\0065" FROM stores

select
  *
from
  (
    select p.sku, sum(oi.quantity) q
    from products p
    left join order_items oi on oi.product_id = p.product_id
    group by p.sku
  ) _
where q is not null
order by q desc
limit 5 offset 5

SELECT name AS produkt, price AS "prix (€)" FROM products WHERE name LIKE '%ä%' OR name LIKE '%é%'

SELECT '日本語' AS 言語, 'Ω' AS ω

SELECT count(*) FROM orders AS o NATURAL JOIN stores

== common table expressions

WITH monthly AS (
  SELECT date_trunc('month', order_date) AS m, sum(total_amount) AS revenue FROM orders GROUP BY 1
)
SELECT m, revenue, revenue - lag(revenue) OVER (ORDER BY m) AS change,
       round(100 * (revenue / nullif(lag(revenue) OVER (ORDER BY m), 0) - 1), 1) AS pct
FROM monthly ORDER BY m

WITH RECURSIVE days AS (
  SELECT date '2026-01-01' AS d UNION ALL SELECT (d + interval '1 day')::date FROM days WHERE d < '2026-01-31'
)
SELECT d, coalesce(sum(o.total_amount), 0) AS revenue
FROM days LEFT JOIN orders o ON o.order_date >= d AND o.order_date < d + 1
GROUP BY d ORDER BY d

WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t

WITH RECURSIVE fib(a, b) AS (SELECT 0::bigint, 1::bigint UNION ALL SELECT b, a + b FROM fib WHERE b < 1000000) SELECT a FROM fib

WITH a AS MATERIALIZED (SELECT * FROM orders WHERE status = 'returned'), b AS NOT MATERIALIZED (SELECT * FROM customers)
SELECT count(*) FROM a JOIN b USING (store_id, customer_id)

WITH first_order AS (
  SELECT customer_id, min(order_date) AS first_at FROM orders WHERE customer_id IS NOT NULL GROUP BY customer_id
), cohorts AS (
  SELECT date_trunc('month', f.first_at) AS cohort,
         (extract(year FROM age(date_trunc('month', o.order_date), date_trunc('month', f.first_at))) * 12
          + extract(month FROM age(date_trunc('month', o.order_date), date_trunc('month', f.first_at))))::int AS month_no,
         o.customer_id
  FROM orders o JOIN first_order f USING (customer_id)
)
SELECT cohort::date, month_no, count(DISTINCT customer_id) AS customers
FROM cohorts GROUP BY 1, 2 ORDER BY 1, 2

WITH r AS (
  SELECT customer_id, max(order_date) AS last_at, count(*) AS f, sum(total_amount) AS m
  FROM orders WHERE customer_id IS NOT NULL GROUP BY 1
), scored AS (
  SELECT customer_id,
    ntile(5) OVER (ORDER BY last_at) AS r_score, ntile(5) OVER (ORDER BY f) AS f_score, ntile(5) OVER (ORDER BY m) AS m_score
  FROM r
)
SELECT r_score::text || f_score || m_score AS rfm, count(*) FROM scored GROUP BY 1 ORDER BY 1 DESC

WITH last_order AS (SELECT customer_id, max(order_date) AS at FROM orders GROUP BY 1)
SELECT c.first_name, c.last_name, c.email, l.at::date AS last_order, (current_date - l.at::date) AS days_ago
FROM customers c JOIN last_order l USING (customer_id)
WHERE l.at < current_date - 90 ORDER BY l.at LIMIT 100

WITH pairs AS (
  SELECT a.product_id AS p1, b.product_id AS p2, count(*) AS together
  FROM order_items a JOIN order_items b ON a.store_id = b.store_id AND a.order_id = b.order_id AND a.product_id < b.product_id
  GROUP BY 1, 2 HAVING count(*) >= 3
)
SELECT x.name, y.name, together FROM pairs JOIN products x ON x.product_id = p1 JOIN products y ON y.product_id = p2
ORDER BY together DESC LIMIT 20

WITH sales AS (SELECT product_id, sum(total_amount) AS rev FROM order_items GROUP BY 1),
ranked AS (SELECT *, sum(rev) OVER (ORDER BY rev DESC ROWS UNBOUNDED PRECEDING) / sum(rev) OVER () AS share FROM sales)
SELECT CASE WHEN share <= 0.8 THEN 'A' WHEN share <= 0.95 THEN 'B' ELSE 'C' END AS class, count(*), sum(rev)
FROM ranked GROUP BY 1 ORDER BY 1

WITH RECURSIVE tree AS (
  SELECT category_id AS id, name, 1 AS depth, ARRAY[name] AS path FROM categories
  UNION ALL
  SELECT t.type_id, t.name, depth + 1, path || t.name FROM product_types t JOIN tree ON tree.id = t.category_id
) SEARCH DEPTH FIRST BY name SET ordering
SELECT repeat('  ', depth - 1) || name AS label, array_to_string(path, ' > ') FROM tree ORDER BY ordering LIMIT 50

WITH RECURSIVE g(a, b) AS (VALUES (1, 2), (2, 3), (3, 1)), walk AS (
  SELECT a, b FROM g WHERE a = 1 UNION ALL SELECT g.a, g.b FROM g JOIN walk w ON w.b = g.a
) CYCLE a SET looped USING trail
SELECT * FROM walk

WITH x AS (WITH y AS (SELECT 1 AS one) SELECT one + 1 AS two FROM y) SELECT * FROM x

WITH "select" AS (SELECT 1 AS "from") SELECT "from" FROM "select"

WITH params AS (SELECT date '2026-01-01' AS since, date '2026-04-01' AS until)
SELECT count(*) FROM orders, params WHERE order_date >= since AND order_date < until

== window functions

SELECT order_date, total_amount, row_number() OVER (ORDER BY order_date) AS rn, rank() OVER (ORDER BY total_amount DESC), dense_rank() OVER (ORDER BY total_amount DESC) FROM orders LIMIT 10

SELECT order_date::date AS d, sum(sum(total_amount)) OVER (ORDER BY order_date::date) AS running FROM orders GROUP BY 1 ORDER BY 1

SELECT d, revenue, avg(revenue) OVER (ORDER BY d ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS ma7
FROM (SELECT order_date::date AS d, sum(total_amount) AS revenue FROM orders GROUP BY 1) s ORDER BY d DESC LIMIT 30

SELECT d, sum(r) OVER (ORDER BY d RANGE BETWEEN INTERVAL '30 days' PRECEDING AND CURRENT ROW)
FROM (SELECT date_trunc('day', order_date) d, sum(total_amount) r FROM orders GROUP BY 1) q

SELECT customer_id, order_date, order_date - lag(order_date) OVER w AS gap, lead(total_amount, 1, 0) OVER w AS next
FROM orders WHERE customer_id IS NOT NULL WINDOW w AS (PARTITION BY store_id, customer_id ORDER BY order_date) LIMIT 100

SELECT name, price, first_value(name) OVER (PARTITION BY category_id ORDER BY price DESC) AS dearest,
 last_value(price) OVER (PARTITION BY category_id ORDER BY price DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
 nth_value(price, 2) OVER (PARTITION BY category_id ORDER BY price DESC)
FROM products LIMIT 20

SELECT name, percent_rank() OVER (ORDER BY price), cume_dist() OVER (ORDER BY price), ntile(4) OVER (ORDER BY price) FROM products LIMIT 10

SELECT *, count(*) OVER () AS total_rows FROM products ORDER BY name LIMIT 10 OFFSET 20

SELECT category_id, sum(price) OVER (PARTITION BY category_id ORDER BY price GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM products LIMIT 10

SELECT array_agg(total_amount) OVER (ORDER BY order_date ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM orders LIMIT 5

SELECT stddev_samp(total_amount) OVER (PARTITION BY status), string_agg(status, ',') OVER (PARTITION BY status ORDER BY order_date ROWS 3 PRECEDING) FROM orders LIMIT 3

SELECT d, sum(new_run) OVER (ORDER BY d) AS run FROM (
  SELECT d, (d - lag(d) OVER (ORDER BY d) > 1)::int AS new_run FROM (SELECT DISTINCT order_date::date AS d FROM orders) a) b

SELECT count(*) FILTER (WHERE status = 'returned') OVER (PARTITION BY date_trunc('week', order_date)) FROM orders LIMIT 4

== grouping

SELECT coalesce(c.name, 'ALL') AS category, coalesce(t.name, 'all') AS type, count(*) FROM products p JOIN categories c USING (category_id) JOIN product_types t USING (type_id) GROUP BY ROLLUP (c.name, t.name) ORDER BY 1, 2 LIMIT 30

SELECT status, extract(year from order_date) AS y, sum(total_amount), grouping(status, extract(year from order_date)) FROM orders GROUP BY CUBE (status, extract(year from order_date))

SELECT status, date_trunc('year', order_date) AS y, count(*) FROM orders GROUP BY GROUPING SETS ((status), (date_trunc('year', order_date)), ())

SELECT status, count(*) FROM orders GROUP BY ALL status

SELECT category_id, count(*) FROM products GROUP BY DISTINCT ROLLUP (category_id), ROLLUP (category_id)

SELECT bool_and(price > 0), bool_or(price > 100), every(price IS NOT NULL), bit_and(1), bit_or(2), bit_xor(3) FROM products

SELECT sum(total_amount) FILTER (WHERE status = 'completed') AS done, sum(total_amount) FILTER (WHERE status = 'returned') AS back, count(*) FILTER (WHERE total_amount > 500) AS big FROM orders

SELECT c.name, sum(q) FILTER (WHERE y = 2024) AS "2024", sum(q) FILTER (WHERE y = 2025) AS "2025", sum(q) FILTER (WHERE y = 2026) AS "2026"
FROM (SELECT p.category_id, extract(year FROM o.order_date) AS y, oi.quantity AS q FROM order_items oi JOIN orders o USING (store_id, order_id) JOIN products p USING (product_id)) x
JOIN categories c USING (category_id) GROUP BY c.name ORDER BY c.name

SELECT string_agg(DISTINCT name, ', ' ORDER BY name) FROM categories

SELECT array_agg(sku ORDER BY price DESC) FROM products WHERE price > 100

SELECT any_value(name) FROM products GROUP BY category_id

SELECT max(price), min(price), max(price) - min(price) AS spread, sum(price)::money FROM products

== statistics

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total_amount) AS median, percentile_disc(0.9) WITHIN GROUP (ORDER BY total_amount) AS p90 FROM orders

SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75, 0.95]) WITHIN GROUP (ORDER BY total_amount) FROM orders

SELECT mode() WITHIN GROUP (ORDER BY quantity) FROM order_items

SELECT stddev(total_amount), stddev_pop(total_amount), variance(total_amount), var_pop(total_amount), var_samp(total_amount) FROM orders

SELECT corr(price, cost), covar_pop(price, cost), covar_samp(price, cost), regr_slope(price, cost), regr_intercept(price, cost), regr_r2(price, cost), regr_count(price, cost) FROM products

SELECT width_bucket(total_amount, 0, 500, 10) AS bucket, count(*), min(total_amount), max(total_amount) FROM orders GROUP BY 1 ORDER BY 1

SELECT width_bucket(price, ARRAY[0, 10, 20, 50, 100]::numeric[]) b, count(*) FROM products GROUP BY b

SELECT rank(50) WITHIN GROUP (ORDER BY price), dense_rank(50) WITHIN GROUP (ORDER BY price), percent_rank(50) WITHIN GROUP (ORDER BY price), cume_dist(50) WITHIN GROUP (ORDER BY price) FROM products

SELECT (total_amount - avg(total_amount) OVER ()) / stddev(total_amount) OVER () AS z FROM orders ORDER BY z DESC LIMIT 10

SELECT regr_slope(y, x) AS trend FROM (SELECT extract(epoch FROM date_trunc('day', order_date)) / 86400 AS x, sum(total_amount)::float8 AS y FROM orders GROUP BY 1) s

SELECT ln(10), log(100), log(2, 8), exp(1), power(2, 10), sqrt(16), cbrt(27), pi(), sin(0), degrees(pi()), atan2(1, 1)

SELECT greatest(1, 2, 3), least(1, 2, 3), abs(-1), sign(-5), ceil(1.2), ceiling(1.2), floor(1.8), trunc(1.567, 2), round(1.567, 2), mod(7, 3), div(7, 3), gcd(12, 18), lcm(4, 6), factorial(5)

SELECT random() < 2 AS ok, setseed(0.5) IS NULL

SELECT * FROM products ORDER BY random() LIMIT 5

SELECT random_normal(0, 1) IS NOT NULL

SELECT min_scale(1.500), scale(1.500), trim_scale(1.500), numeric '1.5' % 1, 7 / 2, 7 / 2.0, 2 ^ 10, |/ 25, ||/ 27, @ -5, 5 # 3, ~1, 1 << 4, 16 >> 2, 6 & 3, 6 | 1

== dates and times

SELECT now(), current_timestamp, current_date, current_time, localtime, localtimestamp, clock_timestamp(), statement_timestamp(), transaction_timestamp(), timeofday()

SELECT now() AT TIME ZONE 'UTC', timezone('Europe/Berlin', now()), now() AT TIME ZONE 'America/Los_Angeles'

SELECT order_date AT TIME ZONE 'Asia/Tokyo' FROM orders LIMIT 1

SELECT age(timestamp '2026-06-30', timestamp '2020-01-01'), age(now()), justify_days(interval '45 days'), justify_hours(interval '30 hours'), justify_interval(interval '1 mon -1 hour')

SELECT make_date(2026, 2, 28), make_time(8, 15, 23.5), make_timestamp(2026, 1, 1, 0, 0, 0), make_timestamptz(2026, 1, 1, 0, 0, 0), make_interval(days => 10, hours := 2)

SELECT date_bin('15 minutes', order_date, timestamptz '2020-01-01') AS slot, count(*) FROM orders GROUP BY slot ORDER BY slot DESC LIMIT 5

SELECT to_date('2026-03-01', 'YYYY-MM-DD'), to_timestamp(0), to_timestamp('01 Mar 2026', 'DD Mon YYYY'), to_number('1,234.5', '9,999.9'), to_char(1234.5, 'FM999,999.00'), to_char(interval '1 day', 'HH24:MI:SS')

SELECT isfinite(timestamp 'infinity'), 'infinity'::date, date '2026-01-31' + interval '1 month', date '2026-02-01' - date '2026-01-01', interval '1 day' * 3.5

SELECT (timestamp '2026-01-01', timestamp '2026-02-01') OVERLAPS (timestamp '2026-01-15', interval '1 month')

SELECT g::date AS day FROM generate_series(timestamp '2026-06-01', timestamp '2026-06-07', interval '1 day') AS g

SELECT d::date, count(o.order_id)
FROM generate_series('2026-06-01'::timestamptz, '2026-06-30'::timestamptz, '1 day') d
LEFT JOIN orders o ON o.order_date >= d AND o.order_date < d + interval '1 day'
GROUP BY d ORDER BY d

SELECT extract(week FROM order_date), extract(isoyear FROM order_date), extract(doy FROM order_date), extract(epoch FROM order_date), extract(timezone_hour FROM order_date) FROM orders LIMIT 1

SELECT date_part('dow', order_date), date_trunc('quarter', order_date, 'UTC') FROM orders LIMIT 1

SELECT date_add(now(), interval '1 day', 'Europe/Paris'), date_subtract(now(), interval '1 day')

SELECT TIMESTAMP WITH TIME ZONE '2026-01-01 00:00:00+01', TIME '12:00', TIMETZ '12:00+02', INTERVAL '1' YEAR, INTERVAL '1-2' YEAR TO MONTH, INTERVAL 'P1Y2M'

SELECT order_date::date - 7 * (extract(isodow FROM order_date)::int / 7) FROM orders LIMIT 1

SELECT EXTRACT(EPOCH FROM (max(order_date) - min(order_date))) / 86400 AS days FROM orders

SELECT 'today'::date, 'now'::timestamp, 'yesterday'::timestamptz, 'allballs'::time

SELECT * FROM orders WHERE order_date >= date_trunc('month', current_date) - interval '1 month' AND order_date < date_trunc('month', current_date) LIMIT 5

SELECT name, abbrev, utc_offset FROM pg_timezone_names WHERE name LIKE 'America/Los%'

== strings

SELECT upper(name), lower(name), initcap(name), length(name), char_length(name), octet_length(name), bit_length(name) FROM products LIMIT 1

SELECT substring(sku from 1 for 4), substr(sku, 5), left(sku, 4), right(sku, 4), position('0' in sku), strpos(sku, '0'), overlay(sku placing 'XX' from 1 for 2) FROM products LIMIT 3

SELECT trim(both 'x' from 'xxaxx'), ltrim('  a'), rtrim('a  '), btrim(' a '), trim(leading ' a'), lpad('7', 3, '0'), rpad('a', 3, '.')

SELECT replace(name, ' ', '_'), translate(name, 'aeiou', '*****'), reverse(sku), repeat('=', 10), concat(sku, '-', name), concat_ws(', ', sku, name, NULL) FROM products LIMIT 1

SELECT split_part(email, '@', 2) AS domain, count(*) FROM customers GROUP BY 1 ORDER BY 2 DESC

SELECT format('%s has %s units at %I', name, 5, sku) FROM products LIMIT 1

SELECT format('%1$s %2$L %s', 'a', 'b''c', 'd'), quote_literal('a'), quote_ident('a b'), quote_nullable(NULL)

SELECT regexp_replace(name, '[^a-z ]', '', 'gi'), regexp_match(sku, '^([A-Z]+)(\d+)$') FROM products LIMIT 3

SELECT (regexp_matches(name, '(\w+)', 'g'))[1] AS word, count(*) FROM products GROUP BY 1 ORDER BY 2 DESC LIMIT 10

SELECT regexp_split_to_table(lower(description), '\s+') AS w, count(*) FROM products GROUP BY w ORDER BY 2 DESC LIMIT 10

SELECT regexp_split_to_array('a,b;c', '[,;]'), regexp_count('banana', 'a'), regexp_instr('banana', 'n'), regexp_like('abc', 'B', 'i'), regexp_substr('abc123', '\d+')

SELECT name FROM products WHERE name ~* '^(hammer|drill)' AND name !~ 'kit$' LIMIT 5

SELECT name FROM products WHERE name SIMILAR TO '%(saw|drill)%' OR name LIKE 'A\_%' ESCAPE '\' LIMIT 5

SELECT name FROM products WHERE name ILIKE ANY (ARRAY['%paint%', '%brush%']) LIMIT 5

SELECT ascii('A'), chr(65), to_hex(255), md5('x'), encode('abc'::bytea, 'hex'), decode('616263', 'hex'), encode(sha256('x'::bytea), 'base64'), convert_from('\x616263', 'UTF8'), convert_to('abc', 'UTF8')

SELECT string_to_array('a,b,c', ','), unnest(string_to_array('x y z', ' ')), string_to_table('p,q', ','), starts_with('zava', 'za'), 'zava' ^@ 'z'

SELECT normalize('é', NFD), 'é' IS NFC NORMALIZED, unistr('\0041'), sha512('a')::text, crc32('abc'), hashtext('a') IS NOT NULL

SELECT 'abc' COLLATE "C" < 'ABC' COLLATE "C", name FROM products ORDER BY name COLLATE "C" LIMIT 3

SELECT initcap(lower(c.name)) AS category, rpad('', (count(*) / 5)::int, '#') AS bar FROM products JOIN categories c USING (category_id) GROUP BY c.name

SELECT 'a' || 1 || true || NULL, 'x'::char(3), 'y'::varchar(2), 'z'::name, '5'::text::int

SELECT encode(sha256(convert_to(lower(email), 'UTF8')), 'hex') AS hashed FROM customers WHERE email IS NOT NULL LIMIT 5

SELECT lower(unaccented) FROM (SELECT translate(name, 'áéíóú', 'aeiou') AS unaccented FROM products) q LIMIT 2

SELECT casefold('Straße')

SELECT parse_ident('retail.orders'), to_ascii('abc', 'LATIN1')

== json

SELECT json_build_object('store', name, 'online', is_online) FROM stores

SELECT jsonb_agg(jsonb_build_object('sku', sku, 'price', price) ORDER BY price DESC) FROM (SELECT * FROM products LIMIT 3) p

SELECT row_to_json(p) FROM products p LIMIT 1

SELECT to_jsonb(o) - 'store_id' - 'created_at' FROM orders o LIMIT 1

SELECT json_object_agg(status, n) FROM (SELECT status, count(*) n FROM orders GROUP BY 1) q

SELECT j->'a'->>'b', j#>>'{a,b}', j @> '{"a": {}}', j ? 'a', j ?| ARRAY['x', 'a'], j ?& ARRAY['a'] FROM (SELECT '{"a": {"b": 1}}'::jsonb AS j) q

SELECT jsonb_path_query_array('{"a": [1, 2, 3]}', '$.a[*] ? (@ > 1)'), jsonb_path_exists('{"a": 1}', '$.a'), jsonb_path_query_first('[1,2]', '$[0]')

SELECT * FROM jsonb_array_elements('[1, 2, 3]') WITH ORDINALITY AS e(value, n)

SELECT key, value FROM jsonb_each_text('{"a": 1, "b": "x"}')

SELECT * FROM json_to_recordset('[{"a":1,"b":"x"},{"a":2}]') AS r(a int, b text)

SELECT * FROM jsonb_populate_record(NULL::retail.stores, '{"name": "x"}') LIMIT 1

SELECT jsonb_set('{"a":1}', '{a}', '2'), jsonb_insert('[1,2]', '{0}', '0'), jsonb_strip_nulls('{"a":null}'), jsonb_pretty('{"a":1}'), jsonb_typeof('1'), jsonb_object_keys('{"k":1}'), jsonb_array_length('[1]')

SELECT jt.* FROM JSON_TABLE('[{"a":1,"b":"x"}]'::jsonb, '$[*]' COLUMNS (n FOR ORDINALITY, a int PATH '$.a', b text PATH '$.b' DEFAULT 'none' ON EMPTY)) AS jt

SELECT JSON_VALUE('{"a": 5}', '$.a' RETURNING int), JSON_QUERY('{"a":[1]}', '$.a'), JSON_EXISTS('{"a":1}', '$.a')

SELECT JSON_OBJECT('a': 1, 'b': 'x'), JSON_ARRAY(1, 2, 3), '{"a":1}' IS JSON OBJECT, JSON_ARRAYAGG(name ORDER BY name), JSON_OBJECTAGG(name: location) FROM stores

SELECT json_agg(x) FROM (SELECT name, (SELECT json_agg(t.name) FROM product_types t WHERE t.category_id = c.category_id) AS types FROM categories c) x

SELECT jsonb_object_agg(name, price) FILTER (WHERE price > 50) FROM products

SELECT ('{"tags": ["a", "b"]}'::jsonb)['tags'][0], json '{"x": 1}' -> 'x', '[1,2]'::jsonb || '[3]'::jsonb

SELECT array_to_json(ARRAY[1,2]), json_array_elements_text('["a","b"]'), to_json(now()), json_typeof('[]'), jsonb '{"a":1}' @? '$.a', jsonb '{"a":1}' @@ '$.a == 1'

== arrays, ranges and rows

SELECT ARRAY[1, 2, 3] || 4, ARRAY[[1, 2], [3, 4]], (ARRAY[10, 20, 30])[2:3], '{1,2}'::int[], ARRAY(SELECT name::text FROM categories)

SELECT array_length(ARRAY[1,2], 1), cardinality(ARRAY[1,2]), array_position(ARRAY['a','b'], 'b'), array_positions(ARRAY[1,1], 1), array_remove(ARRAY[1,2], 1), array_replace(ARRAY[1,2], 1, 9), array_cat(ARRAY[1], ARRAY[2]), array_append(ARRAY[1], 2), array_prepend(0, ARRAY[1]), array_dims(ARRAY[1]), array_upper(ARRAY[1],1), array_lower(ARRAY[1],1), array_ndims(ARRAY[1]), array_fill(0, ARRAY[3]), trim_array(ARRAY[1,2,3], 1)

SELECT array_to_string(ARRAY['a', NULL, 'b'], ', ', '?'), ARRAY[1,2] @> ARRAY[1], ARRAY[1] <@ ARRAY[1,2], ARRAY[1,2] && ARRAY[2,3], 2 = ANY (ARRAY[1,2]), 3 <> ALL (ARRAY[1,2])

SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) WITH ORDINALITY AS u(n, t, i)

SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['a', 'b'])) AS r(n, t)

SELECT generate_subscripts(ARRAY['x', 'y'], 1), array_sample(ARRAY[1,2,3], 1) IS NOT NULL, array_shuffle(ARRAY[1]) = ARRAY[1]

SELECT int4range(1, 10) @> 5, numrange(1.5, 2.5) && numrange(2, 3), daterange('2026-01-01', '2026-02-01', '[)'), tstzrange(now(), NULL), upper(int4range(1, 5)), lower_inc(int4range(1, 5)), isempty(int4range(1, 1))

SELECT range_agg(daterange(d::date, d::date + 1)) FROM generate_series(date '2026-01-01', date '2026-01-03', '1 day') d

SELECT unnest('{[1,3), [5,7)}'::int4multirange), int8range(1, 5) * int8range(3, 9), int4range(1, 5) -|- int4range(5, 9), range_merge(int4range(1, 2), int4range(5, 6)), range_intersect_agg(int4range(1, 5))

SELECT count(*) FROM orders WHERE order_date <@ tstzrange('2026-01-01', '2026-02-01')

SELECT ROW(1, 'a'), (1, 2) < (1, 3), ROW(1, NULL) IS NULL, (ROW(1, 2)).f1

SELECT (o).status, (o).total_amount FROM orders o LIMIT 1

SELECT (s.*)::text FROM stores s

SELECT p FROM products p LIMIT 1

SELECT count(*) FROM orders WHERE (store_id, order_id) IN (SELECT store_id, order_id FROM order_items WHERE quantity > 3)

SELECT 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, 5 BETWEEN SYMMETRIC 10 AND 1, NOT true, true IS NOT UNKNOWN

SELECT num_nulls(1, NULL), num_nonnulls(1, NULL), nullif(1, 1), coalesce(NULL, 2), pg_typeof(1), pg_column_size('abc')

SELECT array_agg(ARRAY[price, cost]) FROM (SELECT price, cost FROM products LIMIT 2) p

SELECT inet '10.0.0.1' << inet '10.0.0.0/8', host(inet '10.0.0.1/8'), network('10.0.0.1/8'), masklen('10.0.0.1/8'), macaddr '08:00:2b:01:02:03'

SELECT point(1, 2) <-> point(3, 4), box '(0,0),(1,1)' @> point '(0.5,0.5)', circle '<(0,0),1>', area(box '(0,0),(2,2)'), center(circle '<(1,1),2>')

SELECT gen_random_uuid() IS NOT NULL, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, uuid_extract_version(gen_random_uuid()), uuidv7() IS NOT NULL, uuidv4() IS NOT NULL

SELECT CAST('5' AS integer), '5'::int8, int '5', float8 '1.5', numeric(10,2) '3.14159', CAST(now() AS date), 1::boolean, 'yes'::bool, 3.7::int, '12:00'::time, 'NaN'::float

== joins, sub-queries and lateral

SELECT s.name, t.sku, t.revenue FROM stores s CROSS JOIN LATERAL (
  SELECT p.sku, sum(oi.total_amount) AS revenue FROM order_items oi JOIN products p USING (product_id)
  WHERE oi.store_id = s.store_id GROUP BY p.sku ORDER BY 2 DESC LIMIT 3) t

SELECT c.customer_id, l.order_date FROM customers c LEFT JOIN LATERAL (SELECT order_date FROM orders o WHERE o.customer_id = c.customer_id ORDER BY order_date DESC LIMIT 1) l ON true LIMIT 10

SELECT name, (SELECT count(*) FROM products p WHERE p.category_id = c.category_id) AS n FROM categories c

SELECT * FROM products WHERE price > (SELECT avg(price) FROM products) ORDER BY price LIMIT 5

SELECT count(*) FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.customer_id AND o.total_amount > 200)

SELECT sku FROM products WHERE price >= ALL (SELECT price FROM products)

SELECT a.name, b.name FROM categories a CROSS JOIN categories b WHERE a.name < b.name LIMIT 5

SELECT * FROM categories FULL OUTER JOIN product_types USING (category_id) LIMIT 5

SELECT * FROM (categories c JOIN product_types t USING (category_id)) AS j(category_id, c_name) LIMIT 1

SELECT name FROM categories UNION SELECT name FROM product_types ORDER BY 1 LIMIT 5

SELECT sku FROM products EXCEPT SELECT p.sku FROM products p JOIN inventory i USING (product_id)

(SELECT name FROM categories ORDER BY 1 LIMIT 2) UNION ALL (SELECT name FROM stores) INTERSECT ALL SELECT name FROM stores

SELECT * FROM products TABLESAMPLE BERNOULLI (10) LIMIT 5

SELECT count(*) FROM orders TABLESAMPLE SYSTEM (50) REPEATABLE (7)

SELECT p.name, x.bucket FROM products p, LATERAL (SELECT CASE WHEN p.price > 50 THEN 'high' ELSE 'low' END AS bucket) x LIMIT 5

SELECT x.n, y.m FROM generate_series(1, 3) AS x(n), generate_series(x.n, 3) AS y(m)

SELECT * FROM (VALUES ('a', 1), ('b', 2)) AS t(letter, n) JOIN generate_series(1, 2) AS g ON g = n

SELECT name FROM products ORDER BY price DESC FETCH NEXT 3 ROWS WITH TIES

SELECT name FROM products ORDER BY price USING > LIMIT 3

SELECT DISTINCT date_trunc('day', order_date) FROM orders ORDER BY 1 DESC OFFSET 2 ROWS FETCH NEXT ROW ONLY

SELECT ctid, tableoid::regclass, xmin FROM products LIMIT 1

== full text and vectors

SELECT name, ts_rank(search_text, q) AS rank FROM products, websearch_to_tsquery('english', 'cordless drill -bit') q WHERE search_text @@ q ORDER BY rank DESC LIMIT 5

SELECT ts_headline('english', description, plainto_tsquery('paint brush')) FROM products WHERE search_text @@ plainto_tsquery('english', 'paint') LIMIT 3

SELECT to_tsvector('english', 'The quick hammers'), to_tsquery('english', 'hammer & !nail'), phraseto_tsquery('wood screw'), 'fat & rat'::tsquery, strip(to_tsvector('a b')), setweight(to_tsvector('x'), 'A'), numnode('a & b'::tsquery), querytree('a'::tsquery)

SELECT ts_rank_cd(search_text, to_tsquery('hammer:*'), 32) FROM products ORDER BY 1 DESC LIMIT 3

SELECT lexeme, count(*) FROM products, unnest(search_text) AS u(lexeme, positions, weights) GROUP BY 1 ORDER BY 2 DESC LIMIT 10

SELECT tsvector_to_array(search_text), array_to_tsvector(ARRAY['a']), ts_delete('a b'::tsvector, 'a'), ts_lexize('english_stem', 'hammers'), length(search_text) FROM products LIMIT 1

SELECT alias, token FROM ts_debug('english', 'Brown foxes') LIMIT 5

SELECT p.name, 1 - (e.description_embedding <=> (SELECT description_embedding FROM product_description_embeddings LIMIT 1)) AS similarity
FROM product_description_embeddings e JOIN products p USING (product_id) ORDER BY 2 DESC LIMIT 5

SELECT a.product_id FROM product_description_embeddings a, product_description_embeddings b WHERE b.product_id = (SELECT min(product_id::text)::uuid FROM products) AND a.model = b.model ORDER BY a.description_embedding <-> b.description_embedding LIMIT 5

SELECT vector_dims(description_embedding), vector_norm(description_embedding), l2_distance(description_embedding, description_embedding), cosine_distance(description_embedding, description_embedding), inner_product(description_embedding, description_embedding), l1_distance(description_embedding, description_embedding) FROM product_description_embeddings LIMIT 1

SELECT '[1,2,3]'::vector <#> '[3,2,1]'::vector, '[1,2,3]'::vector(3) <+> '[1,1,1]', '[1,2]'::halfvec(2) <=> '[2,1]'::halfvec, '{1:1,3:2}/5'::sparsevec, l2_normalize('[3,4]'::vector), subvector('[1,2,3]'::vector, 1, 2), binary_quantize('[1,-1]'::vector), ARRAY[1,2,3]::vector

SELECT avg(description_embedding) IS NOT NULL, sum(description_embedding) IS NOT NULL FROM (SELECT description_embedding FROM product_description_embeddings LIMIT 10) e

SELECT model, dimensions, count(*) FROM product_description_embeddings GROUP BY 1, 2

SELECT hamming_distance(B'101', B'111'), B'101' <~> B'110', jaccard_distance(B'101', B'111')

== information_schema and catalogs

SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2

SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'retail' AND table_name = 'orders' ORDER BY ordinal_position

SELECT schema_name FROM information_schema.schemata

SELECT tc.constraint_name, tc.constraint_type, kcu.column_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu USING (constraint_schema, constraint_name) WHERE tc.table_name = 'orders'

SELECT tc.table_name, kcu.column_name, ccu.table_name AS foreign_table, ccu.column_name AS foreign_column
FROM information_schema.table_constraints AS tc
JOIN information_schema.key_column_usage AS kcu ON tc.constraint_name = kcu.constraint_name AND tc.table_schema = kcu.table_schema
JOIN information_schema.constraint_column_usage AS ccu ON ccu.constraint_name = tc.constraint_name
WHERE tc.constraint_type = 'FOREIGN KEY'

SELECT * FROM information_schema.views LIMIT 5

SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'retail'

SELECT grantee, privilege_type FROM information_schema.role_table_grants WHERE table_name = 'orders'

SELECT relname, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'retail' AND relkind IN ('r', 'v', 'm', 'p') ORDER BY 1

SELECT n.nspname AS "Schema", c.relname AS "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END AS "Type",
  pg_catalog.pg_get_userbyid(c.relowner) AS "Owner"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r','p','')
      AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;

SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
  (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
  a.attnotnull, a.attidentity, a.attgenerated
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = 'retail.orders'::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(orders)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3;

SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(con.oid, true), contype, condeferrable, condeferred
FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i
  LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x'))
WHERE c.oid = 'retail.orders'::regclass AND c.oid = i.indrelid AND i.indexrelid = c2.oid
ORDER BY i.indisprimary DESC, c2.relname;

SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'retail.order_items'::regclass

SELECT obj_description('retail.orders'::regclass, 'pg_class'), col_description('retail.orders'::regclass, 1)

SELECT c.relname, d.description FROM pg_class c JOIN pg_description d ON d.objoid = c.oid AND d.objsubid = 0 WHERE c.relnamespace = 'retail'::regnamespace

SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'retail'

SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'retail'

SELECT viewname FROM pg_views WHERE schemaname = 'retail'

SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'retail.orders'::regclass

SELECT extname, extversion FROM pg_extension

SELECT t.typname, e.enumlabel FROM pg_type t LEFT JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typtype = 'e'

SELECT oid::regprocedure, prorettype::regtype, provolatile FROM pg_proc WHERE proname = 'lower'

SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE 'json%agg%'

SELECT version(), current_user, session_user, current_schema(), current_schemas(false), current_database(), current_catalog, user

SELECT current_setting('server_version'), current_setting('TimeZone'), current_setting('DateStyle', true)

SELECT has_table_privilege('retail.orders', 'SELECT'), has_schema_privilege('retail', 'USAGE'), has_column_privilege('retail.orders', 'status', 'SELECT')

SELECT typname, typlen, typcategory FROM pg_type WHERE oid = 'numeric'::regtype

SELECT to_regclass('retail.orders'), to_regtype('int4'), 'retail.orders'::regclass::oid, 'int4'::regtype

SELECT collname FROM pg_collation LIMIT 3

SELECT name, setting, unit FROM pg_settings WHERE name = 'work_mem'

SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY 1

SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()

SELECT rolname FROM pg_roles WHERE rolname = current_user

SELECT oprname, oprleft::regtype, oprright::regtype FROM pg_operator WHERE oprname = '<=>'

SELECT pg_backend_pid() > 0, pg_is_in_recovery(), txid_current_if_assigned() IS NULL

SELECT pg_size_pretty(pg_total_relation_size('retail.products'))

SELECT relname, reltuples::bigint AS estimate FROM pg_class WHERE oid = 'retail.orders'::regclass

SELECT tablename, attname, n_distinct FROM pg_stats WHERE schemaname = 'retail' LIMIT 5

SELECT word FROM pg_get_keywords() WHERE catcode = 'R' LIMIT 5

SELECT amname FROM pg_am

SELECT cfgname FROM pg_ts_config

SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = 'retail.orders'::regclass AND i.indisprimary

== explain and show

EXPLAIN SELECT * FROM orders WHERE total_amount > 100

EXPLAIN (COSTS OFF, FORMAT JSON) SELECT count(*) FROM orders

EXPLAIN (VERBOSE, SETTINGS) SELECT p.name FROM products p JOIN categories USING (category_id)

explain verbose with x as (select 1) select * from x

EXPLAIN (FORMAT YAML) VALUES (1)

SHOW server_version

SHOW TimeZone

SHOW search_path

show statement_timeout

SHOW DateStyle

SHOW TIME ZONE

SHOW transaction_isolation

SHOW server_encoding

== what agents ask

SELECT p.name, p.description, p.price FROM products p WHERE p.name ILIKE '%' || 'waterproof' || '%' AND p.price BETWEEN 10 AND 50 ORDER BY p.price ASC LIMIT 20

SELECT 'orders' AS table_name, count(*) AS row_count FROM retail.orders UNION ALL SELECT 'customers', count(*) FROM retail.customers UNION ALL SELECT 'products', count(*) FROM retail.products

SELECT s.name AS store_name, COUNT(DISTINCT o.order_id) AS total_orders, COUNT(DISTINCT o.customer_id) AS unique_customers, ROUND(SUM(o.total_amount)::numeric, 2) AS total_revenue, ROUND(AVG(o.total_amount)::numeric, 2) AS avg_order_value
FROM retail.stores s LEFT JOIN retail.orders o ON s.store_id = o.store_id
GROUP BY s.store_id, s.name ORDER BY total_revenue DESC NULLS LAST;

SELECT EXTRACT(YEAR FROM o.order_date) AS year, EXTRACT(MONTH FROM o.order_date) AS month, c.name AS category, SUM(oi.total_amount) AS revenue,
LAG(SUM(oi.total_amount)) OVER (PARTITION BY c.name ORDER BY EXTRACT(YEAR FROM o.order_date), EXTRACT(MONTH FROM o.order_date)) AS previous
FROM retail.orders o JOIN retail.order_items oi ON oi.store_id = o.store_id AND oi.order_id = o.order_id JOIN retail.products p ON p.product_id = oi.product_id JOIN retail.categories c ON c.category_id = p.category_id
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 50

SELECT p.sku, p.name, COALESCE(i.stock_level, 0) AS stock, COALESCE(s.sold, 0) AS sold_30d,
CASE WHEN COALESCE(s.sold, 0) = 0 THEN NULL ELSE ROUND(i.stock_level / (s.sold / 30.0), 1) END AS days_of_cover
FROM products p LEFT JOIN inventory i USING (product_id)
LEFT JOIN (SELECT oi.product_id, sum(oi.quantity) AS sold FROM order_items oi JOIN orders o USING (store_id, order_id) WHERE o.order_date > (SELECT max(order_date) FROM orders) - interval '30 days' GROUP BY 1) s USING (product_id)
ORDER BY days_of_cover ASC NULLS LAST LIMIT 20

SELECT date_trunc('week', order_date)::date AS week_start, count(*) AS order_count, count(*) - lag(count(*)) OVER (ORDER BY date_trunc('week', order_date)::date) AS wow FROM orders WHERE order_date >= CURRENT_DATE - INTERVAL '12 weeks' GROUP BY 1 ORDER BY 1

SELECT customer_type, count(*), avg(spend) FROM (
  SELECT customer_id, CASE WHEN count(*) = 1 THEN 'one-time' WHEN count(*) BETWEEN 2 AND 4 THEN 'repeat' ELSE 'loyal' END AS customer_type, sum(total_amount) AS spend FROM orders GROUP BY customer_id) t
GROUP BY customer_type

SELECT this.m, this.r AS this_year, prev.r AS last_year, (this.r - prev.r) / prev.r * 100 AS yoy
FROM (SELECT extract(month FROM order_date) m, sum(total_amount) r FROM orders WHERE extract(year FROM order_date) = 2026 GROUP BY 1) this
JOIN (SELECT extract(month FROM order_date) m, sum(total_amount) r FROM orders WHERE extract(year FROM order_date) = 2025 GROUP BY 1) prev USING (m) ORDER BY 1

SELECT o.order_id, o.order_date, json_agg(json_build_object('sku', p.sku, 'qty', oi.quantity, 'total', oi.total_amount) ORDER BY oi.line_no) AS lines
FROM orders o JOIN order_items oi USING (store_id, order_id) JOIN products p USING (product_id)
GROUP BY o.order_id, o.order_date ORDER BY o.order_date DESC LIMIT 3

SELECT 100.0 * sum(CASE WHEN status = 'returned' THEN 1 ELSE 0 END) / count(*) AS return_rate FROM orders

SELECT product_id, name FROM products WHERE product_id::text LIKE 'a%' LIMIT 3

SELECT name, email, role FROM managers

SELECT m.name, count(ms.store_id) FROM managers m LEFT JOIN manager_stores ms USING (manager_id) GROUP BY m.name

SELECT NULL::text, count(*), current_date - 1 FROM stores GROUP BY ()

SELECT round(sum(total_amount)) AS revenue, to_char(sum(total_amount), '$FM999G999G990D00') AS pretty FROM orders WHERE order_date >= make_date(extract(year from now())::int, 1, 1)

SELECT sku, name, price, price * 1.1 AS with_tax, price::int, (price * 100)::bigint AS cents FROM products WHERE sku IN ('HTHM001600', 'HTHM001700') OR sku = ANY ('{A,B}')

SELECT lag_days, count(*) FROM (SELECT extract(day FROM order_date - lag(order_date) OVER (PARTITION BY customer_id ORDER BY order_date))::int AS lag_days FROM orders WHERE customer_id IS NOT NULL) q WHERE lag_days IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 30

SELECT hour, weekday, n FROM (SELECT extract(hour FROM order_date) AS hour, to_char(order_date, 'ID') AS weekday, count(*) AS n, rank() OVER (PARTITION BY to_char(order_date, 'ID') ORDER BY count(*) DESC) AS r FROM orders GROUP BY 1, 2) q WHERE r = 1 ORDER BY weekday

SELECT "orders"."status" AS "status", DATE_TRUNC('month', "orders"."order_date") AS "order_date", SUM("orders"."total_amount") AS "sum" FROM "retail"."orders" WHERE ("orders"."order_date" >= timestamp with time zone '2026-01-01 00:00:00.000Z') GROUP BY "orders"."status", DATE_TRUNC('month', "orders"."order_date") ORDER BY "orders"."status" ASC, DATE_TRUNC('month', "orders"."order_date") ASC LIMIT 2000

SELECT "source"."status" AS "status", COUNT(*) AS "count" FROM (SELECT "retail"."orders"."status" AS "status" FROM "retail"."orders" LIMIT 1048575) "source" GROUP BY "source"."status"

SELECT CAST(DATE_TRUNC('QUARTER', CAST("order_date" AS TIMESTAMP)) AS DATE) AS "q", SUM(1) AS "cnt" FROM "retail"."orders" GROUP BY 1 HAVING (COUNT(1) > 0)

select $since::text as t

select $since::date, 'it''s $not a parameter', $$nor $this$$

SELECT count(*) FROM orders WHERE status = $status

SELECT '12:30'::time, '{"a":1}'::jsonb->>'a', (ARRAY[1,2])[1:2], price::numeric(10,2) FROM products LIMIT 1

SELECT stores.name, sub.* FROM stores, (SELECT store_id, count(*) AS customers FROM customers GROUP BY store_id) AS sub WHERE sub.store_id = stores.store_id

SELECT max(c) FROM (SELECT count(*) AS c FROM order_items GROUP BY store_id, order_id) AS _(c)

SELECT quantity, count(*) AS freq, repeat('*', (count(*) * 50 / max(count(*)) OVER ())::int) AS histogram FROM order_items GROUP BY quantity ORDER BY quantity

SELECT bool_and(t.ok) FROM (SELECT o.total_amount = sum(oi.total_amount) AS ok FROM orders o JOIN order_items oi USING (store_id, order_id) GROUP BY o.store_id, o.order_id, o.total_amount) t

SELECT is_online, array_agg(name) FROM stores GROUP BY is_online

SELECT pg_catalog.lower('X'), "pg_catalog"."upper"('x'), pg_catalog.count(*) FROM pg_catalog.generate_series(1, 3)

SELECT money '12.50' * 2, '1'::bit(3), 'a'::bpchar, '(1,2)'::point, 'black'::text, 3::smallint, '\xDEADBEEF'::bytea, int2 '7', '1 day'::interval(0), 5::oid

SELECT lower(first_name) = any(array['ann', 'bob']), count(*) from customers group by 1

== the second set

SELECT date_trunc('month', o.order_date) AS month, s.name, sum(o.total_amount) FROM orders o JOIN stores s USING (store_id) GROUP BY GROUPING SETS ((1, 2), (1), ()) ORDER BY 1 NULLS LAST, 2

SELECT p.name FROM products p WHERE p.type_id IN (SELECT type_id FROM product_types WHERE name ~ 'PAINT') ORDER BY lower(p.name) LIMIT 20

SELECT count(*) AS lines, sum(quantity) AS units, sum(total_amount) / nullif(sum(quantity), 0) AS avg_price FROM order_items

WITH d AS (SELECT generate_series(date_trunc('month', max(order_date)) - interval '11 months', date_trunc('month', max(order_date)), '1 month') AS m FROM orders)
SELECT d.m::date, coalesce(count(o.*), 0) FROM d LEFT JOIN orders o ON date_trunc('month', o.order_date) = d.m GROUP BY 1 ORDER BY 1

SELECT customer_id, sum(total_amount) AS ltv, min(order_date)::date AS first, max(order_date)::date AS last, (max(order_date) - min(order_date)) / nullif(count(*) - 1, 0) AS cadence FROM orders GROUP BY 1 HAVING count(*) > 2 ORDER BY ltv DESC LIMIT 10

SELECT c.name, percentile_cont(0.5) WITHIN GROUP (ORDER BY oi.unit_price) FROM order_items oi JOIN products p USING (product_id) JOIN categories c USING (category_id) GROUP BY ROLLUP (c.name)

SELECT DISTINCT first_value(name) OVER (PARTITION BY category_id ORDER BY price DESC, name) FROM products

SELECT order_date::date AS day, status, count(*), sum(count(*)) OVER (PARTITION BY status ORDER BY order_date::date) FROM orders WHERE order_date > '2026-06-01' GROUP BY 1, 2 ORDER BY 1, 2

SELECT * FROM (SELECT p.*, row_number() OVER (PARTITION BY category_id ORDER BY price DESC) AS rn FROM products p) q WHERE rn <= 3

SELECT sku, stock_level, CASE WHEN stock_level = 0 THEN '🔴' WHEN stock_level <= reorder_point THEN '🟡' ELSE '🟢' END AS light FROM inventory JOIN products USING (product_id) ORDER BY stock_level LIMIT 15

SELECT sum(total_amount) FILTER (WHERE extract(isodow FROM order_date) >= 6) / sum(total_amount) AS weekend_share FROM orders

SELECT jsonb_object_agg(name, cnt) FROM (SELECT c.name, count(*) AS cnt FROM products JOIN categories c USING (category_id) GROUP BY c.name) s

SELECT array_agg(DISTINCT status ORDER BY status) AS statuses, array_length(array_agg(DISTINCT customer_id), 1) AS customers FROM orders

SELECT name, ts_rank_cd(search_text, plainto_tsquery('simple', 'hammer')) r FROM products WHERE search_text @@ plainto_tsquery('simple', 'hammer') ORDER BY r DESC, name LIMIT 10

WITH q AS (SELECT description_embedding AS v FROM product_description_embeddings JOIN products USING (product_id) ORDER BY sku LIMIT 1)
SELECT p.sku, p.name, round((1 - (e.description_embedding <=> q.v))::numeric, 3) AS score FROM q, product_description_embeddings e JOIN products p USING (product_id) ORDER BY e.description_embedding <=> q.v LIMIT 5

SELECT round(regr_slope(total_amount::float, extract(epoch FROM order_date)::float)::numeric, 10) FROM orders

SELECT width_bucket(extract(hour FROM order_date), 0, 24, 4) AS quarter_of_day, count(*) FROM orders GROUP BY 1 ORDER BY 1

SELECT to_char(order_date AT TIME ZONE 'America/Los_Angeles', 'Day DD Month YYYY HH24:MI TZ') FROM orders ORDER BY order_date DESC LIMIT 1

SELECT string_agg(format('%s (%s)', name, location), '; ' ORDER BY name) FROM stores

SELECT overlay(email PLACING '***' FROM 2 FOR greatest(position('@' IN email) - 2, 0)) FROM customers WHERE email LIKE '%@%' LIMIT 5

SELECT substring(email FROM '@(.*)$') AS domain, count(*) FROM customers GROUP BY 1 ORDER BY 2 DESC, 1

SELECT count(*) FROM customers WHERE email IS NULL OR trim(email) = '' OR email NOT LIKE '%_@_%._%'

SELECT email, count(*) FROM customers GROUP BY email HAVING count(*) > 1

SELECT lower(last_name), array_agg(first_name) FROM customers GROUP BY 1 ORDER BY count(*) DESC LIMIT 5

SELECT c.* FROM customers c LEFT JOIN orders o USING (store_id, customer_id) WHERE o.order_id IS NULL LIMIT 10

SELECT o.order_id FROM orders o WHERE o.total_amount <> (SELECT coalesce(sum(i.total_amount), 0) FROM order_items i WHERE (i.store_id, i.order_id) = (o.store_id, o.order_id))

SELECT max(cnt), min(cnt), avg(cnt)::numeric(6,2) FROM (SELECT count(*) cnt FROM orders GROUP BY order_date::date) x

SELECT EXTRACT(DOW FROM order_date) IN (0, 6) AS weekend, avg(total_amount)::money FROM orders GROUP BY weekend

SELECT p.sku, sum(oi.discount_amount) AS discount, max(oi.discount_percent) || '%' AS deepest FROM order_items oi NATURAL JOIN products p GROUP BY p.sku LIMIT 10

SELECT least(10, greatest(1, (random() * 10)::int)) BETWEEN 1 AND 10

SELECT (SELECT sum(total_amount) FROM orders WHERE order_date >= '2026-01-01') - (SELECT sum(total_amount) FROM orders WHERE order_date >= '2025-01-01' AND order_date < '2025-07-01') AS delta

SELECT extract(year FROM o.order_date)::text || '-Q' || extract(quarter FROM o.order_date) AS q, sum(oi.quantity) FROM orders o JOIN order_items oi USING (store_id, order_id) GROUP BY q ORDER BY q

SELECT "month", revenue, round(avg(revenue) OVER w, 2) AS ma3, revenue / sum(revenue) OVER () AS share FROM (SELECT date_trunc('month', order_date)::date AS "month", sum(total_amount) AS revenue FROM orders GROUP BY 1) t WINDOW w AS (ORDER BY "month" ROWS 2 PRECEDING)

SELECT unnest(percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY price)) AS v, unnest(ARRAY['p10', 'p50', 'p90']) AS p FROM products

SELECT x.* FROM products p CROSS JOIN LATERAL (VALUES ('cost', p.cost), ('price', p.price)) AS x(kind, amount) LIMIT 6

SELECT json_agg(row_to_json(t)) FROM (SELECT sku, price FROM products ORDER BY price DESC LIMIT 2) t

SELECT jsonb_path_query(to_jsonb(p), '$.name') FROM products p LIMIT 2

SELECT to_jsonb(p) #>> '{sku}' FROM products p LIMIT 2

SELECT array(SELECT sku FROM products ORDER BY price LIMIT 3)

SELECT generate_series(1, 3) AS n, 'row ' || generate_series(1, 3)

SELECT * FROM generate_series('2026-01-31'::date, '2026-04-30'::date, '1 month'::interval) WITH ORDINALITY

SELECT t.day, to_char(t.day, 'TMDay'), t.day - date_trunc('year', t.day)::date + 1 AS doy FROM generate_series(date '2026-02-27', date '2026-03-01', '1 day') AS g(ts), LATERAL (SELECT g.ts::date AS day) t

SELECT range_agg(tstzrange(order_date, order_date + interval '1 hour')) FROM (SELECT order_date FROM orders ORDER BY order_date LIMIT 5) o

SELECT daterange('2026-01-01', '2026-06-30', '[]') * daterange('2026-06-01', NULL)

SELECT sha256(sku::bytea), md5(sku), encode(digest, 'hex') FROM (SELECT sku, sha224(sku::bytea) AS digest FROM products LIMIT 1) d

SELECT crc32(convert_to('zava', 'UTF8')), hashtextextended('zava', 0) IS NOT NULL, bit_count('\xff'::bytea)

SELECT table_name, count(*) FROM information_schema.columns WHERE table_schema = 'retail' GROUP BY 1 ORDER BY 1

SELECT c.table_name, c.column_name, pgd.description FROM pg_catalog.pg_statio_all_tables AS st JOIN pg_catalog.pg_description pgd ON pgd.objoid = st.relid JOIN information_schema.columns c ON pgd.objsubid = c.ordinal_position AND c.table_schema = st.schemaname AND c.table_name = st.relname LIMIT 5

SELECT a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum) WHERE a.attrelid = 'products'::regclass AND a.attnum > 0

SELECT con.conname, con.contype, con.conkey, pg_get_constraintdef(con.oid) FROM pg_constraint con JOIN pg_class rel ON rel.oid = con.conrelid WHERE rel.relname = 'orders'

SELECT n.nspname, t.typname, obj_description(t.oid, 'pg_type') FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'b' AND n.nspname = 'public'

SELECT n.nspname AS schema, c.relname AS name, c.relkind, obj_description(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'v')

SELECT i.relname, ix.indisunique, array_agg(a.attname ORDER BY k.n) FROM pg_index ix JOIN pg_class i ON i.oid = ix.indexrelid CROSS JOIN LATERAL unnest(ix.indkey) WITH ORDINALITY AS k(attnum, n) JOIN pg_attribute a ON a.attrelid = ix.indrelid AND a.attnum = k.attnum WHERE ix.indrelid = 'orders'::regclass GROUP BY 1, 2

SELECT current_setting('server_version_num')::int / 10000 AS major

SELECT set_bit(B'0000', 1, 1), get_bit(B'0100', 1), bit_length('abc')

SELECT 'a,b;c' ~ '[;,]', regexp_split_to_array('a1b2', '\d'), translate('abc', 'abc', 'xyz')

SELECT round(12345.678, -2), round(2.5), trunc(-2.5), 10 % 3, 7.0 / 3, 2 ^ 3 IS NULL FROM (SELECT 1) x LIMIT 0

SELECT round(12345.678, -2), 5::float8 / 3, 17 / 5, power(1.05, 10), exp(ln(2)), 1e-3

SELECT justify_interval(sum(gap)) FROM (SELECT order_date - lag(order_date) OVER (ORDER BY order_date) AS gap FROM orders) g

SELECT date_part('day', age('2026-06-30', '2026-05-15')), (date '2026-06-30' - date '2026-05-15')

SELECT count(*) FROM orders WHERE order_date::time BETWEEN time '09:00' AND time '17:00'

SELECT count(*) FROM orders WHERE order_date >= TIMESTAMPTZ '2026-03-08 00:00 America/Los_Angeles'

SELECT tz.name FROM pg_timezone_names tz WHERE tz.is_dst LIMIT 1

SELECT p1.sku, p2.sku FROM products p1 JOIN products p2 ON p1.type_id = p2.type_id AND abs(p1.price - p2.price) < 1 AND p1.product_id < p2.product_id LIMIT 5

WITH RECURSIVE compound(n, v) AS (SELECT 0, 100::numeric UNION ALL SELECT n + 1, round(v * 1.07, 2) FROM compound WHERE n < 10) TABLE compound

WITH top AS (SELECT product_id FROM order_items GROUP BY 1 ORDER BY sum(total_amount) DESC LIMIT 5), other AS (SELECT product_id FROM products EXCEPT TABLE top) SELECT (SELECT count(*) FROM top), (SELECT count(*) FROM other)

SELECT CASE grouping(c.name) WHEN 1 THEN 'Total' ELSE c.name END, sum(i.stock_level) FROM inventory i JOIN products USING (product_id) JOIN categories c USING (category_id) GROUP BY ROLLUP (c.name) ORDER BY grouping(c.name), 2 DESC

SELECT s.*, o.n FROM stores s LEFT JOIN (SELECT store_id, count(*) n FROM orders GROUP BY 1) o USING (store_id)

SELECT avg(items)::numeric(4,2) FROM (SELECT order_id, sum(quantity) items FROM order_items WHERE quantity > 0 GROUP BY order_id) b

SELECT exp(sum(ln(1 + g))) - 1 FROM (SELECT r / lag(r) OVER (ORDER BY m) - 1 AS g FROM (SELECT date_trunc('quarter', order_date) m, sum(total_amount)::float r FROM orders GROUP BY 1) a) b WHERE g > -1

SELECT count(*) FILTER (WHERE price < 10) cheap, count(*) FILTER (WHERE price >= 10 AND price < 100) mid, count(*) FILTER (WHERE price >= 100) dear FROM products

SELECT name COLLATE "C" FROM products ORDER BY 1 DESC FETCH FIRST ROW ONLY

SELECT 1 AS "SELECT", 'truncate' AS action, $$grant all$$ AS note

SELECT -- the date
  max(order_date) /* latest */ AS latest -- of all
FROM /* our */ orders

EXPLAIN (VERBOSE true, COSTS false) SELECT customer_id FROM orders WHERE order_date > now() - interval '1 day'

EXPLAIN (FORMAT XML) SELECT 1

SHOW default_text_search_config

SHOW lc_numeric

SHOW work_mem

SHOW max_connections

SELECT coalesce(nullif(trim(first_name), ''), '?') || coalesce(' ' || last_name, '') AS who FROM customers LIMIT 3

SELECT date_trunc('day', order_date) AS d, count(*) AS n, count(*) > 2 * stddev(count(*)) OVER () + avg(count(*)) OVER () AS unusual FROM orders GROUP BY 1 ORDER BY n DESC LIMIT 5

SELECT a.n AS store_orders, b.n AS lines FROM (SELECT count(*) n FROM orders) a, (SELECT count(*) n FROM order_items) b

SELECT reference, status FROM orders WHERE reference IS NOT NULL ORDER BY reference LIMIT 5

SELECT p.name, lag(p.name) OVER (ORDER BY p.price), p.price - lag(p.price) OVER (ORDER BY p.price) AS step FROM products p ORDER BY p.price DESC LIMIT 5

SELECT min(o.order_date) FROM orders o WHERE o.status IN ('pending', 'returned') AND NOT o.total_amount > 0

SELECT count(*) * 100 / (SELECT count(*) FROM products) AS pct FROM product_description_embeddings e WHERE e.model = (SELECT model FROM embedding_models WHERE is_active)

SELECT to_char(sum(total_amount), 'L999G999G999D99'), to_char(0.123, '990.0%'), to_char(42, 'RN'), to_char(-5, 'S99') FROM orders

SELECT string_to_table('a b c', ' ') AS word EXCEPT SELECT 'b'

SELECT * FROM ROWS FROM (json_to_recordset('[{"a":1,"b":2}]') AS (a int, b int), generate_series(1, 2)) AS r(a, b, n)

SELECT jsonb_array_elements_text('["x", "y"]') || '!'

SELECT CAST(ROW(1, 'a') AS text), (1, 2) = ANY (SELECT 1, 2), ROW(1, 2) IN ((1, 2), (3, 4))

SELECT o.order_date::timestamp(0), o.total_amount::numeric(12, 0), o.status::varchar(4) FROM orders o LIMIT 1

SELECT array_position(array_agg(name ORDER BY name), min(name)) FROM categories

SELECT bool_or(is_online), every(location <> '') FROM stores

SELECT now() - interval '1 week' < now(), now() + make_interval(months => 1) > now(), localtimestamp::date = current_date

SELECT ntile(10) OVER (ORDER BY total_amount DESC) AS decile, total_amount FROM orders ORDER BY 2 DESC LIMIT 10

SELECT decile, sum(total_amount) / sum(sum(total_amount)) OVER () AS share FROM (SELECT ntile(10) OVER (ORDER BY total_amount DESC) AS decile, total_amount FROM orders) d GROUP BY decile ORDER BY decile

SELECT 'Zava' AS company, date_trunc('second', now())::text AS generated, current_user AS by

SELECT m.name, s.name, s.location FROM managers m JOIN stores s USING (manager_id)

SELECT setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'C') FROM products LIMIT 1

SELECT count(*) FROM products WHERE to_tsvector('english', description) @@ to_tsquery('english', 'steel & (blade | handle) & !plastic')
