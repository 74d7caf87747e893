# column: updated_at
# class: zoneless
# lower: 2023-03-01T14:28:55
# upper: 2023-03-01T14:41:17
SELECT * FROM shop.users /* ) WHERE true -- */
=>
SELECT * FROM (SELECT * FROM shop.users) AS m WHERE m."updated_at" >= CAST('2023-03-01 14:28:55' AS TIMESTAMP) AND m."updated_at" < CAST('2023-03-01 14:41:17' AS TIMESTAMP)
---
# column: updated_at
# class: instant
# upper: 2023-03-01T14:41:17+00:00
((SELECT a FROM x))
=>
SELECT * FROM (((SELECT a FROM x))) AS m WHERE m."updated_at" < CAST('2023-03-01 14:41:17+00:00' AS TIMESTAMP WITH TIME ZONE)
---
# column: day
# class: date
# lower: 2023-03-01
# upper: 2023-03-02
SELECT day, $$it's$$ AS t FROM x
=>
SELECT * FROM (SELECT day, 'it\'s' AS t FROM x) AS m WHERE m."day" >= CAST('2023-03-01' AS DATE) AND m."day" < CAST('2023-03-02' AS DATE)
---
# column: ts
# class: integer_seconds
# lower: 1
# upper: 2
SELECT * FROM x ORDER BY a
=>
SELECT * FROM (SELECT * FROM x ORDER BY a) AS m WHERE m."ts" >= 1 AND m."ts" < 2
