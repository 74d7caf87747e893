# column: updated_at
# class: zoneless
# lower: 2023-03-01T14:28:55
# upper: 2023-03-01T14:41:17
FROM shop.users -- all rows
=>
SELECT * FROM (SELECT * FROM shop.users) AS m WHERE m."updated_at" >= CAST('2023-03-01 14:28:55' AS TIMESTAMP) AND m."updated_at" < CAST('2023-03-01 14:41:17' AS TIMESTAMP)
---
# column: updated_at
# class: instant
# lower: 2023-03-01T14:28:55+00:00
# upper: 2023-03-01T14:41:17+00:00
(SELECT a FROM x) UNION (SELECT a FROM y)
=>
SELECT * FROM ((SELECT a FROM x) UNION (SELECT a FROM y)) AS m WHERE m."updated_at" >= CAST('2023-03-01 14:28:55+00:00' AS TIMESTAMPTZ) AND m."updated_at" < CAST('2023-03-01 14:41:17+00:00' AS TIMESTAMPTZ)
---
# column: m
# class: date
# upper: 2023-03-02
SELECT m.m FROM m AS m
=>
SELECT * FROM (SELECT m.m FROM m AS m) AS m WHERE m."m" < CAST('2023-03-02' AS DATE)
