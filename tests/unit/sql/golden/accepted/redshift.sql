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
