# Honest models that every supported dialect must accept.
SELECT * FROM mp.demo.users
---
select * from users;
---
SELECT * FROM users -- all rows
---
SELECT * FROM users; -- all rows
---
/* nightly model; do not delete */ SELECT updated_at, customer_id FROM mp.demo.users
---
SELECT u.updated_at, u.customer_id, u.score AS "propensity_to_buy" FROM mp.demo.users u
---
SELECT date_updated, created_at, customer_id FROM crm.contacts
---
SELECT t."delete", t."update", t."drop table", t.email, t.updated_at FROM crm.flags AS t
---
SELECT update_count, insert_date, drop_reason, alter_ego, email FROM crm.audit_summary
---
SELECT customer_id, 'please DELETE me; DROP TABLE x; -- no' AS note, updated_at FROM crm.contacts
---
# only: snowflake duckdb postgres redshift databricks
SELECT customer_id, 'it''s {{ not a template }}' AS note, updated_at FROM crm.contacts
---
SELECT customer_id, updated_at FROM crm.contacts WHERE status IN ('insert', 'update', 'delete')
---
SELECT DISTINCT email, updated_at FROM crm.contacts ORDER BY updated_at DESC
---
SELECT c.customer_id, MAX(o.updated_at) AS updated_at, COUNT(*) AS orders, SUM(o.total) AS revenue
FROM shop.customers c JOIN shop.orders o ON o.customer_id = c.customer_id
GROUP BY c.customer_id
---
SELECT c.customer_id, c.updated_at, COUNT(o.id) AS orders
FROM shop.customers AS c LEFT OUTER JOIN shop.orders AS o ON o.customer_id = c.customer_id AND o.status <> 'cancelled'
GROUP BY c.customer_id, c.updated_at HAVING COUNT(o.id) > 3
---
SELECT email, COUNT(*) AS "open_tickets", MAX(changed_at) AS changed_at
FROM support.tickets WHERE state = 'open' GROUP BY email
---
WITH recent AS (SELECT * FROM shop.orders WHERE total > 10)
SELECT customer_id, MAX(updated_at) AS updated_at, SUM(total) AS total FROM recent GROUP BY customer_id
---
WITH a AS (SELECT customer_id, updated_at FROM shop.orders), b AS (SELECT a.customer_id, MAX(a.updated_at) AS updated_at FROM a GROUP BY 1)
SELECT b.customer_id, b.updated_at, c.email FROM b JOIN shop.customers c ON c.customer_id = b.customer_id
---
WITH outermost AS (WITH inner_one AS (SELECT 1 AS customer_id, 2 AS score) SELECT * FROM inner_one) SELECT * FROM outermost
---
WITH RECURSIVE managers AS (
  SELECT id, manager_id, email, updated_at FROM hr.people WHERE manager_id IS NULL
  UNION ALL
  SELECT p.id, p.manager_id, p.email, p.updated_at FROM hr.people p JOIN managers m ON p.manager_id = m.id
) SELECT * FROM managers
---
SELECT customer_id, updated_at FROM shop.eu UNION ALL SELECT customer_id, updated_at FROM shop.us
---
# only: snowflake duckdb postgres redshift databricks
(SELECT customer_id, updated_at FROM shop.eu) UNION (SELECT customer_id, updated_at FROM shop.us) ORDER BY 2 LIMIT 1000
---
# only: snowflake duckdb postgres redshift databricks
SELECT customer_id FROM shop.eu EXCEPT SELECT customer_id FROM shop.optouts
---
# only: snowflake duckdb postgres redshift databricks
SELECT customer_id FROM shop.eu INTERSECT SELECT customer_id FROM shop.optins
---
((SELECT customer_id, updated_at FROM shop.eu))
---
SELECT customer_id, CASE WHEN score > 0.7 THEN 'high' WHEN score > 0.3 THEN 'middle' ELSE 'low' END AS band, updated_at FROM ml.scores
---
SELECT customer_id, CASE tier WHEN 1 THEN 'gold' WHEN 2 THEN 'silver' END AS tier, updated_at FROM crm.tiers
---
SELECT customer_id, COALESCE(nickname, first_name, 'friend') AS "$FirstName", NULLIF(phone, '') AS mobile_number, updated_at FROM crm.contacts
---
SELECT customer_id, CAST(score AS DECIMAL(10, 3)) AS score, updated_at::date AS day, updated_at FROM ml.scores
---
SELECT customer_id, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY updated_at DESC) AS rn, updated_at FROM shop.orders
---
SELECT * FROM (SELECT o.*, RANK() OVER (PARTITION BY o.customer_id ORDER BY o.total DESC NULLS LAST) AS r FROM shop.orders o) x WHERE x.r = 1
---
SELECT customer_id, SUM(total) OVER (PARTITION BY customer_id ORDER BY updated_at ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS week, updated_at
FROM shop.daily
---
SELECT customer_id, LAG(total, 1, 0) OVER (ORDER BY updated_at) AS previous, FIRST_VALUE(total) OVER (ORDER BY updated_at) AS first_total, updated_at FROM shop.orders
---
SELECT * FROM shop.customers c WHERE EXISTS (SELECT 1 FROM shop.orders o WHERE o.customer_id = c.customer_id AND o.total > 100)
---
SELECT * FROM shop.customers c WHERE c.customer_id NOT IN (SELECT customer_id FROM shop.optouts WHERE customer_id IS NOT NULL)
---
SELECT c.*, (SELECT MAX(o.total) FROM shop.orders o WHERE o.customer_id = c.customer_id) AS biggest FROM shop.customers c
---
SELECT * FROM shop.customers WHERE email LIKE '%@example.com' AND NOT (country = 'US' OR country IS NULL) AND age BETWEEN 18 AND 99
---
SELECT * FROM shop.customers WHERE UPPER(name) LIKE 'A\_%' ESCAPE '\\'
---
SELECT * FROM shop.customers WHERE name ILIKE 'müller%' OR city = '東京'
---
SELECT a.customer_id, b.score, a.updated_at FROM shop.a CROSS JOIN shop.b
---
SELECT a.customer_id, a.updated_at FROM shop.a a FULL OUTER JOIN shop.b b USING (customer_id)
---
SELECT a.customer_id, a.updated_at FROM shop.a, shop.b WHERE a.id = b.id
---
# only: snowflake duckdb postgres redshift databricks
SELECT v.customer_id, v.segment FROM (VALUES ('c1', 'vip'), ('c2', 'new')) AS v(customer_id, segment)
---
SELECT region, COUNT(*) AS n FROM shop.customers GROUP BY ROLLUP (region)
---
SELECT region, tier, COUNT(*) AS n FROM shop.customers GROUP BY GROUPING SETS ((region), (region, tier), ())
---
SELECT EXTRACT(YEAR FROM birth_date) AS birth_year, customer_id, updated_at FROM crm.contacts
---
SELECT TRIM(email) AS email, SUBSTRING(phone, 1, 3) AS prefix, LENGTH(name) AS name_length, updated_at FROM crm.contacts
---
SELECT first_name || ' ' || last_name AS "Full Name", email, updated_at FROM crm.contacts
---
SELECT -balance AS debt, 2 * (points + 1) % 7 AS lucky, +3 AS three, 1.5e-3 AS small, customer_id FROM crm.accounts
---
SELECT TRUE AS is_member, NULL AS middle_name, customer_id FROM crm.contacts LIMIT 10 OFFSET 20
---
SELECT my_schema.score_customer(customer_id, 'v2') AS score, customer_id, updated_at FROM crm.contacts
---
SELECT clean_email(email) AS email, updated_at FROM crm.contacts
---
# only: snowflake duckdb postgres redshift
SELECT "Customer Id", "Ünïcode", "quote""inside" FROM crm."Odd Table"
---
SELECT COUNT(DISTINCT product_id) AS products, customer_id FROM shop.orders GROUP BY customer_id ORDER BY products DESC
---
SELECT CURRENT_TIMESTAMP AS seen, CURRENT_DATE AS today, customer_id FROM crm.contacts
---
SELECT c.customer_id /* id */, -- the key
       c.updated_at
FROM /* main */ crm.contacts c
WHERE 1 = 1 /* ; DROP TABLE x */
---
SELECT customer_id, updated_at FROM crm.contacts WHERE updated_at >= CAST('2023-01-01' AS TIMESTAMP) AND deleted = FALSE
---
SELECT customer_id, ABS(x), ROUND(y, 2), GREATEST(a, b), LEAST(a, b), MOD(a, 3), POWER(a, 2), SQRT(b), LOWER(c), REPLACE(d, 'a', 'b') FROM t
---
SELECT query, range, nextval, version, format, comment, show, stage FROM crm.words
---
SELECT t.value AS score, t.key AS name, t.index AS position FROM crm.settings t
---
# escapes: yes
SELECT 'zero\u{200b}width and \u{a0} inside a text' AS note, customer_id FROM t
---
# escapes: yes
\u{feff}SELECT customer_id FROM t
---
# DELETE is only the name of a column here
SELECT 1
DELETE FROM users
---
SELECT c.customer_id FROM crm.contacts c WHERE c.email IS NOT NULL AND c.phone NOT LIKE '0%' AND c.tier NOT IN (1, 2)
