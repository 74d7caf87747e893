SELECT DISTINCT ON (customer_id) customer_id, total, updated_at FROM shop.orders ORDER BY customer_id, updated_at DESC
---
SELECT customer_id, payload->>'city' AS city, payload#>>'{a,b}' AS b, payload @> '{"vip": true}' AS vip, payload ? 'tags' AS has_tags FROM shop.documents
---
SELECT c.customer_id, o.total FROM shop.customers c LEFT JOIN LATERAL (SELECT total FROM shop.orders o WHERE o.customer_id = c.customer_id ORDER BY updated_at DESC LIMIT 1) o ON TRUE
---
SELECT customer_id, array_agg(color ORDER BY rank DESC) AS colors, string_agg(DISTINCT color, ', ') AS text FROM shop.favorites GROUP BY customer_id
---
SELECT customer_id, count(*) FILTER (WHERE total > 10) AS big, percentile_cont(0.5) WITHIN GROUP (ORDER BY total) AS median FROM shop.orders GROUP BY customer_id
---
SELECT customer_id, updated_at AT TIME ZONE 'Europe/Berlin' AS local_time, updated_at + INTERVAL '1 day' AS tomorrow, now() - updated_at AS age FROM shop.orders
---
SELECT customer_id, to_char(updated_at, 'YYYY-MM') AS month, date_trunc('week', updated_at) AS week, extract(epoch FROM updated_at)::bigint AS epoch FROM shop.orders
---
SELECT customer_id, tags[1] AS first_tag, tags[1:2] AS two, 'x' = ANY(tags) AS has_x, array_length(tags, 1) AS n, ARRAY[1, 2] AS a FROM shop.customers
---
SELECT c.customer_id, t.tag, t.n FROM shop.customers c, unnest(c.tags) WITH ORDINALITY AS t(tag, n)
---
SELECT day::date, 'c1' AS customer_id FROM generate_series('2023-01-01'::timestamp, '2023-02-01', '1 day') AS day
---
SELECT customer_id, (address).city AS city, email ~* '@example\.com$' AS ours, email !~ 'x' AS no_x FROM shop.customers
---
SELECT customer_id, position('@' IN email) AS p, substring(email FROM 1 FOR 3) AS s, overlay(email PLACING 'x' FROM 1) AS o, trim(BOTH ' ' FROM email) AS t FROM shop.customers
---
SELECT customer_id, E'line\nbreak' AS t, $$it's raw; -- text$$ AS r, $tag$ more $$ text $tag$ AS u, U&'\0041' AS a FROM shop.customers
---
SELECT customer_id, row_number() OVER w AS n FROM shop.orders WINDOW w AS (PARTITION BY customer_id ORDER BY updated_at)
---
SELECT customer_id, sum(total) OVER (ORDER BY updated_at RANGE BETWEEN INTERVAL '7 days' PRECEDING AND CURRENT ROW) AS week FROM shop.orders
---
SELECT * FROM ONLY shop.customers
---
WITH x AS MATERIALIZED (SELECT * FROM shop.customers) SELECT * FROM x
---
SELECT customer_id, jsonb_build_object('a', 1, 'b', ARRAY['x']) AS doc, to_jsonb(c) AS whole FROM shop.customers c
---
SELECT customer_id, coalesce(email, 'none')::varchar(40) AS email, '{1,2}'::int[] AS l, '10'::numeric(10, 2) AS n FROM shop.customers
---
SELECT customer_id, regexp_replace(email, '@.*', '', 'g') AS name, split_part(email, '@', 2) AS host, md5(lower(email)) AS m FROM shop.customers
---
SELECT customer_id, encode(sha256(email::bytea), 'hex') AS hashed, format('%s <%s>', name, email) AS f FROM shop.customers
---
SELECT customer_id FROM shop.customers WHERE name SIMILAR TO '(a|b)%' AND row(a, b) = row(1, 2) AND x IS DISTINCT FROM y
---
SELECT customer_id FROM shop.customers WHERE updated_at > DATE '2023-01-01' AND created BETWEEN SYMMETRIC 1 AND 2
---
SELECT customer_id, CASE WHEN a THEN 1 ELSE 0 END::int AS flag, pg_typeof(a)::text AS kind FROM shop.customers
---
SELECT customer_id, earth_distance(ll_to_earth(1, 2), location) AS d, location <-> point(1, 2) AS p FROM shop.places
---
SELECT customer_id FROM shop.customers ORDER BY updated_at DESC NULLS LAST FETCH FIRST 10 ROWS ONLY
---
SELECT customer_id, ts @@ to_tsquery('a & b') AS hit, ts_rank(ts, to_tsquery('a')) AS score FROM shop.documents
---
TABLE shop.customers
---
SELECT customer_id, ARRAY(SELECT color FROM shop.favorites f WHERE f.customer_id = c.customer_id) AS colors FROM shop.customers c
---
SELECT customer_id, bool_or(vip) AS vip, mode() WITHIN GROUP (ORDER BY city) AS city FROM shop.visits GROUP BY CUBE (customer_id)
---
SELECT customer_id, jsonb_path_query(payload, '$.items[*] ? (@.price > 10)') AS i FROM shop.documents
---
SELECT customer_id, (payload->'score')::float8 AS score, payload->0 AS first FROM shop.documents
---
SELECT customer_id, updated_at::timestamptz(3) AS t, CURRENT_USER AS u, 'a' COLLATE "C" AS c FROM shop.customers
---
SELECT customer_id, GETDATE() AS now, SYSDATE AS also FROM shop.customers
---
SELECT customer_id, DATEADD(day, -7, updated_at) AS a, DATEDIFF(day, created_at, updated_at) AS b FROM shop.customers
---
SELECT customer_id, NVL(name, 'x') AS n, DECODE(kind, 1, 'a', 'b') AS k FROM shop.customers
---
SELECT customer_id, LISTAGG(tag, ',') WITHIN GROUP (ORDER BY tag) AS tags, MAX(updated_at) AS updated_at FROM shop.tags GROUP BY customer_id
---
SELECT customer_id, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY updated_at DESC) AS n FROM shop.customers QUALIFY n = 1
---
SELECT c.customer_id, c.payload.address.city::VARCHAR AS city FROM shop.customers AS c
---
SELECT customer_id, JSON_EXTRACT_PATH_TEXT(payload, 'a', 'b') AS b FROM shop.customers
---
SELECT TOP 10 customer_id FROM shop.customers
---
SELECT customer_id, CONVERT_TIMEZONE('UTC', 'Europe/Berlin', updated_at) AS t FROM dev.public.customers
---
SELECT customer_id, 'it\'s' AS t FROM shop.customers
---
SELECT customer_id, payload[0] AS first FROM shop.customers
---
SELECT customer_id FROM shop.customers MINUS SELECT customer_id FROM shop.gone
