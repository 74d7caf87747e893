SELECT * FROM main.shop.users
---
SELECT id, explode(tags) AS tag FROM main.shop.users
---
SELECT u.id, t.tag FROM main.shop.users u LATERAL VIEW OUTER explode(u.tags) t AS tag
---
SELECT u.id, t.tag FROM main.shop.users u, LATERAL explode(u.tags) AS t(tag)
---
SELECT raw:customer.id::string AS id, raw:items[0].price::decimal(10,2) AS p FROM main.raw.docs
---
SELECT transform(xs, x -> x + 1) AS ys, filter(xs, x -> x > 1) AS f, map('a', 1) AS m, named_struct('a', 1) AS s, array(1,2)[0] AS z FROM main.shop.users
---
SELECT * EXCEPT (ssn) FROM main.shop.users QUALIFY row_number() OVER (PARTITION BY id ORDER BY ts DESC) = 1
---
SELECT 'it\'s' AS a, "double" AS b, r'raw\d' AS c, DATE'2024-01-01' AS d, TIMESTAMP '2024-01-01' AS t, X'1F' AS x, INTERVAL 1 DAY AS i
---
SELECT date_trunc('month', ts) AS m, datediff(current_date(), day) AS d, try_cast(score AS double) AS s, ts + INTERVAL 1 DAY AS n FROM main.shop.users
---
SELECT * FROM range(10)
---
SELECT * FROM main.shop.a LEFT ANTI JOIN main.shop.b ON a.id = b.id
---
SELECT id, collect_list(x) AS xs, collect_set(y) AS ys, max_by(a, b) AS m, percentile_approx(x, 0.5) AS p FROM main.shop.users GROUP BY ALL
---
SELECT col1 AS id FROM VALUES (1), (2) AS v(col1)
---
SELECT id FROM main.shop.users TABLESAMPLE (10 PERCENT)
---
SELECT * FROM main.shop.sales PIVOT (sum(amount) FOR q IN ('Q1','Q2'))
---
SELECT id, array(1, 2)[0] AS first, element_at(m, 'k') AS k, m['k'] AS k2, s.a.b AS deep FROM main.shop.users
---
SELECT `Customer Id`, `updated at` FROM main.shop.`Odd Table`
---
SELECT id, from_json(doc, 'a INT, b STRING') AS parsed, get_json_object(doc, '$.a') AS a FROM main.shop.docs
---
SELECT a.id FROM main.shop.a a LEFT SEMI JOIN main.shop.b b ON a.id = b.id WHERE a.x <=> b.x
---
SELECT id, sum(x) OVER (PARTITION BY id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM main.shop.users
---
SELECT id, if(score > 0.5, 'yes', 'no') AS likely, nvl(city, '?') AS city, coalesce(a, b) AS c, x DIV 2 AS half FROM main.shop.users
---
SELECT id, concat_ws(',', tags) AS tags, size(tags) AS n, sort_array(tags) AS sorted, array_distinct(tags) AS d FROM main.shop.users
---
SELECT id FROM main.shop.a MINUS SELECT id FROM main.shop.b
---
SELECT id, sha2(email, 256) AS hashed, unix_timestamp(ts) AS epoch, from_utc_timestamp(ts, 'Europe/Berlin') AS local_time FROM main.shop.users
