# expect: shows the database system
SELECT * FROM stl_query
---
# expect: shows the database system
SELECT * FROM svv_tables
---
# expect: shows the database system
SELECT * FROM SYS_QUERY_HISTORY
---
# expect: shows the database system
SELECT * FROM pg_catalog.stv_recents
---
# expect: only reads
UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE 'x'
---
# expect: only reads
COPY t FROM 's3://b/k' IAM_ROLE 'x'
---
# expect: The query is refused: SELECT …
SELECT 1 INTO t
---
# expect: is refused
SELECT CHANGE_USER_PRIORITY('x', 'highest')
---
# expect: is refused
SELECT pg_terminate_backend(1)
---
# expect: is refused
SELECT explain_model('a')
---
# expect: not closed
SELECT 'a\'; DROP TABLE x
---
# expect: more than one statement
SELECT 'a\''; DROP TABLE x --'
---
# expect: only reads
CALL p()
---
# expect: is refused
SELECT PG_LAST_COPY_ID()
