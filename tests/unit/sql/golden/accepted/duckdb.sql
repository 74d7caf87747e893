FROM shop.customers
---
FROM shop.customers SELECT customer_id, updated_at WHERE customer_id IS NOT NULL
---
SELECT * EXCLUDE (password) FROM shop.customers
---
SELECT * REPLACE (lower(email) AS email) FROM shop.customers
---
SELECT customer_id, list(color ORDER BY rank) AS favorite_colors, max(updated_at) AS updated_at FROM shop.favorites GROUP BY ALL
---
SELECT customer_id, {'city': city, 'geo': {'lat': 1, 'lon': 2}} AS place, [1, 2, 3] AS numbers FROM shop.customers
---
SELECT customer_id, [x * 2 FOR x IN numbers IF x > 1] AS doubled FROM shop.lists
---
SELECT customer_id, list_transform(numbers, x -> x + 1) AS plus_one, numbers[1] AS first, numbers[1:2] AS two FROM shop.lists
---
SELECT customer_id, unnest(numbers) AS number FROM shop.lists
---
SELECT l.customer_id, n.value FROM shop.lists l, unnest(l.numbers) AS n(value)
---
SELECT customer_id, payload->>'$.city' AS city, payload->'a'->>'b' AS b, json_extract_string(payload, '$.x') AS x FROM shop.documents
---
SELECT * FROM shop.orders QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY updated_at DESC) = 1
---
SELECT customer_id, arg_max(total, updated_at) AS last_total, count(*) FILTER (WHERE total > 10) AS big FROM shop.orders GROUP BY customer_id
---
SELECT * FROM (PIVOT shop.orders ON status IN ('paid', 'open') USING sum(total) GROUP BY customer_id)
---
SELECT * FROM shop.orders PIVOT (sum(total) FOR status IN ('paid', 'open'))
---
SELECT i AS customer_id, now() AS t FROM range(10) r(i)
---
SELECT i FROM generate_series(1, 10, 2) AS g(i)
---
SELECT customer_id, date_trunc('day', updated_at) AS day, updated_at + INTERVAL 1 DAY AS tomorrow, date_diff('day', updated_at, now()::timestamp) AS age FROM shop.orders
---
SELECT customer_id, strftime(updated_at, '%Y-%m') AS month, epoch_ms(updated_at) AS ms FROM shop.orders
---
SELECT * FROM shop.orders ASOF JOIN shop.prices USING (customer_id, updated_at)
---
SELECT * FROM shop.customers SEMI JOIN shop.orders USING (customer_id)
---
SELECT * FROM shop.customers ANTI JOIN shop.orders USING (customer_id)
---
SELECT customer_id, total // 3 AS third, total ** 2 AS squared, 7 % 3 AS r, email ~ '^a' AS starts_a FROM shop.orders JOIN shop.customers USING (customer_id)
---
SELECT COLUMNS('.*_id'), updated_at FROM shop.orders
---
SELECT DISTINCT ON (customer_id) customer_id, total, updated_at FROM shop.orders ORDER BY customer_id, updated_at DESC
---
SELECT customer_id, TRY_CAST(email AS INTEGER) AS n, email::VARCHAR AS e FROM shop.customers
---
SELECT customer_id, email.upper().substr(1, 3) AS e FROM shop.customers
---
SELECT customer_id, if(total > 3, 'a', 'b') AS c, quantile_cont(total, 0.5) OVER () AS q FROM shop.orders
---
SELECT customer_id, struct_pack(a := 1, b := 'x') AS s, map {'k': 1} AS m FROM shop.customers
---
SELECT E'a\nb' AS text, $$dollar 'quoted'$$ AS d, customer_id FROM shop.customers
---
SELECT * FROM shop.customers UNION ALL BY NAME SELECT * FROM shop.customers
---
SELECT j.key, j.value, d.customer_id FROM shop.documents d, json_each(d.payload) j
---
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n AS customer_id FROM r
---
SELECT customer_id, string_agg(DISTINCT color, ', ' ORDER BY color) AS colors FROM shop.favorites GROUP BY customer_id
---
SELECT customer_id, color, rank FROM shop.favorites USING SAMPLE 100 ROWS
---
SELECT customer_id, row_number() OVER w AS n, updated_at FROM shop.orders WINDOW w AS (PARTITION BY customer_id ORDER BY updated_at)
---
SELECT customer_id, CAST({'a': 1} AS STRUCT(a BIGINT)) AS s, CAST([1] AS INTEGER[]) AS l FROM shop.customers
---
SELECT customer_id, sha256(email) AS hashed, coalesce(nullif(email, ''), 'none') AS e FROM shop.customers
---
SELECT customer_id, updated_at AT TIME ZONE 'UTC' AS instant FROM shop.orders
---
TABLE shop.customers
