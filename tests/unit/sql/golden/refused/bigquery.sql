# expect: EXTERNAL_QUERY
SELECT * FROM EXTERNAL_QUERY('project.eu.connection', 'SELECT 1')
---
# expect: external_query
SELECT EXTERNAL_QUERY('project.eu.connection', 'SELECT 1')
---
# expect: variable
SELECT @@project_id
---
# expect: variable
SELECT * FROM shop.users WHERE id = @id
---
# expect: more than one statement
SELECT 1; DROP TABLE shop.users
---
# expect: begins with
EXECUTE IMMEDIATE 'DROP TABLE shop.users'
---
# expect: begins with
DECLARE x INT64 DEFAULT 1
---
# expect: begins with
CALL shop.procedure()
---
# expect: begins with
EXPORT DATA OPTIONS(uri='gs://bucket/*', format='CSV') AS SELECT * FROM shop.users
---
# expect: begins with
LOAD DATA INTO shop.users FROM FILES(format='CSV', uris=['gs://bucket/x'])
---
# expect: begins with
BEGIN SELECT 1
---
# expect: begins with
ASSERT (SELECT COUNT(*) FROM shop.users) > 0
---
# expect: syntax
SELECT * FROM ML.PREDICT(MODEL shop.m, TABLE shop.t)
---
# expect: ai_query
SELECT ai_query('x') AS a
---
# expect: generate_text
SELECT ML.GENERATE_TEXT('x') AS a
---
# expect: rebuilt
SELECT `a``b` FROM shop.users
---
# expect: rebuilt
SELECT `a\`; DROP TABLE x; --` FROM shop.users
---
# expect: rebuilt
SELECT query FROM `region-us`.INFORMATION_SCHEMA.JOBS_BY_PROJECT
---
# expect: rebuilt
SELECT * FROM `region-us`.INFORMATION_SCHEMA.SESSIONS_BY_USER
---
# expect: not closed
SELECT 'a
---
# expect: not closed
SELECT '''a' FROM shop.users
---
# expect: not closed
SELECT `a FROM shop.users
---
# expect: 
SELECT * FROM shop.users WHERE (1 = 1 # )
---
# expect: 
SELECT * FROM APPENDS(TABLE shop.users, NULL, NULL)
