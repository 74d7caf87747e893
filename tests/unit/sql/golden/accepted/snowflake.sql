SELECT t.updated_at, c.customer_id, c.first_name AS "$firstname", s.score AS propensity_to_buy, ARRAY_AGG(f.color) WITHIN GROUP (ORDER BY f.rank) AS favorite_colors
FROM mp.demo.timestamps t JOIN mp.demo.customers c ON c.id = t.id JOIN mp.demo.scores s ON s.id = c.id JOIN mp.demo.favorites f ON f.id = c.id
GROUP BY t.updated_at, c.customer_id, c.first_name, s.score
---
SELECT * FROM mp.demo.users QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY updated_at DESC) = 1
---
SELECT e.customer_id, f.value:sku::STRING AS sku, e.updated_at FROM shop.public.events e, LATERAL FLATTEN(input => e.payload:items) f
---
SELECT e.customer_id, f.value, f.index FROM shop.public.events e, LATERAL FLATTEN(input => PARSE_JSON(e.raw), path => 'a.b', outer => TRUE) AS f
---
SELECT e.customer_id, f.value FROM shop.public.events e, TABLE(FLATTEN(input => e.tags)) f
---
SELECT src:customer.id::INT AS customer_id, src:customer.email::VARCHAR AS email, src['updated_at']::TIMESTAMP_NTZ AS updated_at FROM raw.landing.documents
---
SELECT src:items[0].price::NUMBER(10,2) AS first_price, src:"Odd Key"::STRING AS odd, updated_at FROM raw.landing.documents
---
SELECT $$it's a "raw" text; with -- everything$$ AS note, customer_id FROM mp.demo.users
---
SELECT customer_id, OBJECT_CONSTRUCT('a', a, 'b', b) AS pair, ARRAY_CONSTRUCT(1, 2, 3) AS three FROM mp.demo.users
---
SELECT customer_id, IFF(score > 0.5, 'yes', 'no') AS likely, NVL(city, '?') AS city, ZEROIFNULL(n) AS n, DECODE(tier, 1, 'a', 2, 'b', 'c') AS tier FROM mp.demo.users
---
SELECT DATEDIFF(day, first_seen, CURRENT_DATE()) AS age_days, DATE_TRUNC('month', updated_at) AS month, DATEADD('hour', -1, updated_at) AS h, customer_id FROM mp.demo.users
---
SELECT CONVERT_TIMEZONE('UTC', 'Europe/Berlin', updated_at) AS local_time, TO_TIMESTAMP_NTZ(epoch) AS t, TO_VARCHAR(updated_at, 'YYYY-MM-DD') AS d FROM mp.demo.users
---
SELECT * EXCLUDE (ssn, password) FROM mp.demo.users
---
SELECT * EXCLUDE ssn RENAME (id AS customer_id) FROM mp.demo.users
---
SELECT * FROM mp.demo.sales PIVOT(SUM(amount) FOR quarter IN ('Q1', 'Q2', 'Q3')) AS p
---
SELECT * FROM mp.demo.sales UNPIVOT(amount FOR quarter IN (q1, q2, q3)) ORDER BY customer_id
---
SELECT TOP 100 * FROM mp.demo.users
---
SELECT * FROM mp.demo.users SAMPLE (10)
---
SELECT * FROM mp.demo.users AT(OFFSET => -60*5)
---
SELECT * FROM mp.demo.users AT(TIMESTAMP => '2023-01-01'::TIMESTAMP_LTZ) u
---
SELECT customer_id, LISTAGG(DISTINCT color, ', ') WITHIN GROUP (ORDER BY color) AS colors FROM mp.demo.favorites GROUP BY customer_id
---
SELECT customer_id, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY total) AS median, APPROX_COUNT_DISTINCT(sku) AS skus FROM mp.demo.orders GROUP BY ALL
---
SELECT column1 AS customer_id, column2 AS segment FROM VALUES ('c1', 'a'), ('c2', 'b')
---
SELECT customer_id, ARRAY_SIZE(tags) AS n, GET(tags, 0)::STRING AS first_tag, TRY_CAST(score AS FLOAT) AS score FROM mp.demo.users
---
SELECT customer_id, LAST_VALUE(city IGNORE NULLS) OVER (PARTITION BY customer_id ORDER BY updated_at) AS city FROM mp.demo.visits
---
SELECT customer_id, REGEXP_SUBSTR(email, '@(.*)$', 1, 1, 'e') AS domain, SPLIT_PART(email, '@', 2) AS host FROM mp.demo.users
---
SELECT 'O\'Brien' AS name, 'tab\there' AS t, 'back\\slash' AS b, customer_id FROM mp.demo.users
---
SELECT id, path, SYS_CONNECT_BY_PATH(name, '/') AS p FROM mp.demo.tree START WITH parent IS NULL CONNECT BY parent = PRIOR id
---
SELECT u.customer_id, s.value AS word FROM mp.demo.users u, LATERAL SPLIT_TO_TABLE(u.bio, ' ') s
---
SELECT DATEADD(day, SEQ4(), '2023-01-01'::DATE) AS day FROM TABLE(GENERATOR(ROWCOUNT => 365))
---
SELECT * FROM mp.demo.a NATURAL JOIN mp.demo.b
---
SELECT a.customer_id, b.price FROM mp.demo.trades a ASOF JOIN mp.demo.quotes b MATCH_CONDITION (a.t >= b.t) ON a.sym = b.sym
---
SELECT customer_id, HASH(email) AS h, SHA2(email, 256) AS email_sha, MD5(LOWER(TRIM(email))) AS m FROM mp.demo.users
---
SELECT customer_id, updated_at // a slash comment
FROM mp.demo.users
---
SELECT customer_id, ANY_VALUE(city) AS city, MAX_BY(total, updated_at) AS last_total, BOOLOR_AGG(vip) AS vip FROM mp.demo.orders GROUP BY 1
---
SELECT customer_id, SNOWFLAKE.CORTEX.SENTIMENT(review) AS mood, updated_at FROM mp.demo.reviews
---
SELECT customer_id, TO_NUMBER(x, 10, 2) AS x, updated_at::TIMESTAMP_TZ AS updated_at FROM mp.demo.users MINUS SELECT customer_id, x, updated_at FROM mp.demo.gone
---
SELECT customer_id, FILTER(tags, t -> t:score > 1) AS good, TRANSFORM(tags, x INT -> x * 2) AS doubled FROM mp.demo.users
---
SELECT customer_id FROM mp.demo.users WHERE name RLIKE '^A.*' AND city LIKE ANY ('%a', '%b')
