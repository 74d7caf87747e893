SELECT * FROM `my-project.shop.users`
---
SELECT * FROM my-project.shop.users AS u
---
SELECT customer_id, ARRAY_AGG(STRUCT(sku, n) ORDER BY n DESC LIMIT 3) AS top FROM shop.orders GROUP BY customer_id
---
SELECT customer_id, ARRAY(SELECT AS STRUCT x.a, x.b FROM UNNEST(items) AS x) AS items FROM shop.orders
---
SELECT * EXCEPT (ssn) REPLACE (UPPER(name) AS name) FROM shop.users
---
SELECT u.id, h.name FROM shop.users u, UNNEST(u.hits) AS h WITH OFFSET AS pos WHERE pos = 0
---
SELECT tags[OFFSET(0)] AS first_tag, tags[SAFE_OFFSET(9)] AS t9, tags[ORDINAL(1)] AS o FROM shop.users
---
SELECT REGEXP_EXTRACT(email, r'@(.+)$') AS domain, REGEXP_CONTAINS(email, r"\.com$") AS c FROM shop.users
---
SELECT "double 'quoted'" AS a, 'it\'s' AS b, '''triple 'q' ''' AS c, b'abc' AS d FROM shop.users
---
SELECT DATE_TRUNC(day, MONTH) AS m, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY) AS y, EXTRACT(DAYOFWEEK FROM ts) AS dow FROM shop.users
---
SELECT SAFE_CAST(score AS FLOAT64) AS score, SAFE.SUBSTR(name, 1, 2) AS s, IFNULL(a, b) AS c, FORMAT_TIMESTAMP('%F', ts) AS f FROM shop.users
---
SELECT * FROM shop.users QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts DESC) = 1
---
SELECT * FROM `shop.events_*` WHERE _TABLE_SUFFIX BETWEEN '20240101' AND '20240131'
---
SELECT id, JSON_VALUE(doc, '$.a.b') AS v, doc.a.b AS w, doc['k'] AS z FROM shop.docs
---
WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2
---
SELECT * FROM shop.sales PIVOT(SUM(amount) FOR quarter IN ('Q1', 'Q2'))
---
SELECT APPROX_QUANTILES(x, 4)[OFFSET(2)] AS med, ANY_VALUE(city HAVING MAX ts) AS c, COUNT(DISTINCT id) AS n FROM shop.users GROUP BY ALL
---
SELECT STRUCT<a INT64, b STRING>(1, 'x') AS s, ARRAY<INT64>[1, 2] AS arr, [1,2] AS arr2, DATE '2024-01-01' AS d, TIMESTAMP '2024-01-01 00:00:00+00' AS t, NUMERIC '1.5' AS n
---
SELECT id FROM shop.users TABLESAMPLE SYSTEM (10 PERCENT)
---
SELECT id, SUM(x) OVER w AS s FROM shop.users WINDOW w AS (PARTITION BY id ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
---
SELECT `weird name`, `order` FROM shop.users # comment
---
SELECT * FROM shop.users |> WHERE id = 1
---
SELECT AS STRUCT 1 AS a
---
SELECT id, UPPER(name) AS `Name`, CAST(updated AS TIMESTAMP) AS updated_at FROM `my-project`.`shop`.`users`
---
SELECT u.id, ARRAY_TO_STRING(u.tags, ',') AS tags, (SELECT MAX(o.at) FROM shop.orders AS o WHERE o.user_id = u.id) AS last_order FROM shop.users AS u
---
SELECT id FROM shop.a UNION DISTINCT SELECT id FROM shop.b EXCEPT DISTINCT SELECT id FROM shop.c
---
SELECT id, DATE_DIFF(CURRENT_DATE(), DATE(updated_at), DAY) AS age, TO_HEX(SHA256(email)) AS hashed FROM shop.users
---
SELECT id, IF(score > 0.5, 'yes', 'no') AS likely, COALESCE(city, "?") AS city FROM shop.users
---
SELECT id, h FROM shop.users CROSS JOIN UNNEST(hits) AS h
---
SELECT customer_id, STRING_AGG(DISTINCT color, ', ' ORDER BY color) AS colors FROM shop.favorites GROUP BY customer_id HAVING COUNT(*) > 1
