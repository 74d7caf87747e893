# expect: SYSTEM$WAIT
SELECT SYSTEM$WAIT(10)
---
# expect: system$wait
SELECT system$wait(10, 'SECONDS') FROM mp.demo.users
---
# expect: SYSTEM$CANCEL_ALL_QUERIES
SELECT SYSTEM$CANCEL_ALL_QUERIES(1)
---
# expect: SYSTEM$ABORT_SESSION
SELECT x, (SELECT SYSTEM$ABORT_SESSION(1)) FROM t
---
# expect: SYSTEM$PIPE_FORCE_RESUME
SELECT "SYSTEM$PIPE_FORCE_RESUME"('p')
---
# expect: SYSTEM$SEND_EMAIL
WITH a AS (SELECT SYSTEM$SEND_EMAIL('i', 'a', 'b', 'c') AS x) SELECT * FROM a
---
# expect: RESULT_SCAN
SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))
---
# expect: LAST_QUERY_ID
SELECT LAST_QUERY_ID()
---
# expect: INFORMATION_SCHEMA.QUERY_HISTORY
SELECT * FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY())
---
# expect: my_udtf
SELECT * FROM TABLE(my_udtf(1))
---
# expect:
SELECT * FROM TABLE($1)
---
# expect:
SELECT * FROM TABLE('users')
---
# expect:
SELECT * FROM TABLE(:x)
---
# expect:
SELECT * FROM IDENTIFIER('users')
---
# expect:
SELECT * FROM IDENTIFIER($t)
---
# expect: IDENTIFIER
SELECT IDENTIFIER('a') FROM users
---
# expect: session variable
SELECT $my_variable
---
# expect: session variable
SELECT $1, $2 FROM VALUES (1, 2)
---
# expect:
SELECT t.$1 FROM @stage t
---
# expect:
SELECT * FROM 'users'
---
# expect:
SELECT * FROM '@stage/x'
---
# expect:
SELECT $1 FROM @~/private.csv (FILE_FORMAT => 'f')
---
# expect:
SELECT * FROM @%users
---
# expect:
SELECT * FROM DIRECTORY(@stage)
---
# expect:
SELECT GET_PRESIGNED_URL(@stage, 'x')
---
# expect: GET_PRESIGNED_URL
SELECT GET_PRESIGNED_URL('@stage', 'x')
---
# expect: BUILD_SCOPED_FILE_URL
SELECT BUILD_SCOPED_FILE_URL('@s', 'x')
---
# expect: GET_DDL
SELECT GET_DDL('TABLE', 'users')
---
# expect: NEXTVAL
SELECT seq.NEXTVAL
---
# expect: NEXTVAL
SELECT db.sch.seq.nextval FROM users
---
# expect: NEXTVAL
SELECT my_seq."NEXTVAL" FROM users
---
# expect:
SELECT * FROM users, TABLE(GETNEXTVAL(seq)) s
---
# expect: FOR UPDATE
SELECT * FROM users FOR UPDATE
---
# expect: MATCH_RECOGNIZE
SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a ORDER BY b MEASURES x AS y PATTERN (a b) DEFINE a AS b > 1)
---
# expect: begins with
PUT file:///etc/passwd @stage
---
# expect: begins with
GET @stage file:///tmp/x
---
# expect: begins with
LIST @stage
---
# expect: begins with
REMOVE @stage
---
# expect: begins with
UNDROP TABLE x
---
# expect: begins with
COPY INTO @stage FROM (SELECT * FROM users)
---
# expect: begins with
EXECUTE TASK x
---
# expect: begins with
ALTER SESSION SET x = 1
---
# expect: more than one statement
BEGIN SELECT 1; END
---
# expect:
SELECT * FROM users ->> SELECT 1
---
# expect: more than one statement
SELECT $$a$$; DROP TABLE x
---
# expect: not closed
SELECT 'a\'
---
# expect: not closed
SELECT $$abc
---
# expect:
SELECT 'a\'; DROP TABLE x; --'
; SELECT 1
---
# expect:
SELECT * FROM SEMANTIC_VIEW(x METRICS y)
---
# expect:
SELECT EXPLAIN_JSON('x')
---
# expect: FL_GET_CONTENT_TYPE
SELECT FL_GET_CONTENT_TYPE('@s', 'x')
---
# expect:
SELECT * FROM LATERAL (DELETE FROM users)
---
# expect: side of UNION
(SELECT at FROM rows_) IN () UNION ALL SELECT at FROM trap
