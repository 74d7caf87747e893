# column: updated_at
# class: zoneless
# lower: 2023-03-01T14:28:55
# upper: 2023-03-01T14:41:17
SELECT * FROM main.shop.users -- all rows
=>
SELECT * FROM (SELECT * FROM main.shop.users) AS m WHERE m.`updated_at` >= CAST('2023-03-01 14:28:55' AS TIMESTAMP_NTZ) AND m.`updated_at` < CAST('2023-03-01 14:41:17' AS TIMESTAMP_NTZ)
---
# column: Updated At
# class: instant
# lower: 2023-03-01T14:28:55+00:00
# upper: 2023-03-01T14:41:17.000123+00:00
SELECT a FROM main.shop.x UNION ALL SELECT a FROM main.shop.y;
=>
SELECT * FROM (SELECT a FROM main.shop.x UNION ALL SELECT a FROM main.shop.y) AS m WHERE m.`Updated At` >= CAST('2023-03-01 14:28:55+00:00' AS TIMESTAMP) AND m.`Updated At` < CAST('2023-03-01 14:41:17.000123+00:00' AS TIMESTAMP)
---
# column: day
# class: date
# upper: 2023-03-02
WITH x AS (SELECT 1 AS a) SELECT * FROM x ORDER BY a LIMIT 5
=>
SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT * FROM x ORDER BY a LIMIT 5) AS m WHERE m.`day` < CAST('2023-03-02' AS DATE)
---
# column: ts
# class: integer_milliseconds
# lower: -5
# upper: 2
SELECT ts FROM main.shop.x
=>
SELECT * FROM (SELECT ts FROM main.shop.x) AS m WHERE m.`ts` >= -5 AND m.`ts` < 2
