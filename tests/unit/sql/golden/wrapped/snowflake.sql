# column: UPDATED_AT
# class: zoneless
# lower: 2023-03-01T14:28:55
# upper: 2023-03-01T14:41:17
SELECT * FROM mp.demo.users; -- all rows
=>
SELECT * FROM (SELECT * FROM mp.demo.users) AS m WHERE m."UPDATED_AT" >= CAST('2023-03-01 14:28:55' AS TIMESTAMPNTZ) AND m."UPDATED_AT" < CAST('2023-03-01 14:41:17' AS TIMESTAMPNTZ)
---
# column: UPDATED_AT
# class: instant
# lower: 2023-03-01T14:28:55+00:00
# upper: 2023-03-01T14:41:17.000123+00:00
SELECT a FROM mp.demo.x UNION ALL SELECT a FROM mp.demo.y
=>
SELECT * FROM (SELECT a FROM mp.demo.x UNION ALL SELECT a FROM mp.demo.y) AS m WHERE m."UPDATED_AT" >= CAST('2023-03-01 14:28:55+00:00' AS TIMESTAMPTZ) AND m."UPDATED_AT" < CAST('2023-03-01 14:41:17.000123+00:00' AS TIMESTAMPTZ)
---
# column: Odd "name"
# class: date
# upper: 2023-03-02
WITH x AS (SELECT 1 AS a) SELECT * FROM x ORDER BY a LIMIT 5
=>
SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT * FROM x ORDER BY a LIMIT 5) AS m WHERE m."Odd ""name""" < CAST('2023-03-02' AS DATE)
---
# column: TS
# class: integer_milliseconds
# lower: -5
# upper: 1677680935000
SELECT * FROM mp.demo.users
=>
SELECT * FROM (SELECT * FROM mp.demo.users) AS m WHERE m."TS" >= -5 AND m."TS" < 1677680935000
