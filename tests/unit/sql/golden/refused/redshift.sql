# expect: pg_sleep
SELECT pg_sleep(100)
---
# expect: pg_sleep
SELECT pg_catalog.pg_sleep(100)
---
# expect: pg_sleep
SELECT "pg_sleep"(100)
---
# expect: pg_sleep
SELECT "pg_catalog"."pg_sleep"(100)
---
# expect: PG_SLEEP
SELECT PG_SLEEP /* x */ (100)
---
# expect: pg_sleep
SELECT * FROM pg_sleep(1)
---
# expect: pg_sleep
SELECT * FROM ROWS FROM (generate_series(1, 2), pg_sleep(1))
---
# expect: pg_sleep
SELECT * FROM users, LATERAL pg_sleep(1) x
---
# expect: pg_sleep_for
SELECT pg_sleep_for('5 minutes')
---
# expect: pg_sleep
SELECT CASE WHEN true THEN (SELECT count(*) FROM (SELECT pg_sleep(1)) x) END
---
# expect: pg_sleep
SELECT 1 ORDER BY pg_sleep(1)
---
# expect: pg_sleep
SELECT 1 LIMIT (SELECT 1 FROM (SELECT pg_sleep(1)) x)
---
# expect: pg_sleep
SELECT sum(1) OVER (ORDER BY pg_sleep(1)) FROM t
---
# expect: pg_sleep
SELECT count(*) FILTER (WHERE pg_sleep(1) IS NULL) FROM t
---
# expect: pg_sleep
SELECT array_agg(x ORDER BY pg_sleep(1)) FROM t
---
# expect: pg_sleep
SELECT ARRAY[pg_sleep(1)]
---
# expect: pg_sleep
SELECT a[pg_sleep(1)::text::int] FROM t
---
# expect: pg_sleep
SELECT * FROM a JOIN b ON pg_sleep(1) IS NULL
---
# expect: pg_sleep
SELECT * FROM (VALUES (pg_sleep(1))) v(a)
---
# expect: pg_sleep
SELECT pg_sleep(1)::text::int + 1 UNION SELECT 2
---
# expect: pg_sleep
SELECT (pg_sleep(1)).x
---
# expect: dblink
SELECT * FROM dblink('host=169.254.169.254', 'select 1') AS t(a int)
---
# expect: dblink_exec
SELECT dblink_exec('x', 'drop table y')
---
# expect: dblink
SELECT * FROM public.dblink('x', 'y') AS t(a int)
---
# expect: lo_import
SELECT lo_import('/etc/passwd')
---
# expect: lo_export
SELECT lo_export(1, '/tmp/x')
---
# expect: lo_unlink
SELECT lo_unlink(1)
---
# expect: pg_read_file
SELECT pg_read_file('/etc/passwd')
---
# expect: pg_read_binary_file
SELECT pg_read_binary_file('x')
---
# expect: pg_ls_dir
SELECT * FROM pg_ls_dir('.')
---
# expect: pg_stat_file
SELECT (pg_stat_file('x')).size
---
# expect: pg_terminate_backend
SELECT pg_terminate_backend(1)
---
# expect: pg_cancel_backend
SELECT pg_cancel_backend(pid) FROM t
---
# expect: pg_reload_conf
SELECT pg_reload_conf()
---
# expect: pg_advisory_lock
SELECT pg_advisory_lock(1)
---
# expect: pg_try_advisory_xact_lock
SELECT pg_try_advisory_xact_lock(1)
---
# expect: pg_notify
SELECT pg_notify('a', 'b')
---
# expect: pg_logical_emit_message
SELECT pg_logical_emit_message(false, 'a', 'b')
---
# expect: setval
SELECT setval('s', 1)
---
# expect: currval
SELECT currval('s')
---
# expect: lastval
SELECT lastval()
---
# expect: set_config
SELECT set_config('transaction_read_only', 'off', false)
---
# expect: current_setting
SELECT current_setting('data_directory')
---
# expect: query_to_xml
SELECT query_to_xml('delete from x', true, true, '')
---
# expect: database_to_xml
SELECT database_to_xml(true, true, '')
---
# expect: table_to_xml
SELECT table_to_xml('pg_authid', true, true, '')
---
# expect: ts_stat
SELECT * FROM ts_stat('select 1')
---
# expect: crosstab
SELECT * FROM crosstab('select 1') AS x(a int)
---
# expect: txid_current
SELECT txid_current()
---
# expect: xmltable
SELECT xmltable('a')
---
# expect: system
SELECT * FROM pg_shadow
---
# expect: system
SELECT * FROM pg_catalog.pg_authid
---
# expect: system
SELECT * FROM "pg_user_mapping"
---
# expect: system
SELECT * FROM pg_stat_activity
---
# expect: FOR UPDATE
SELECT * FROM users FOR UPDATE
---
# expect: FOR UPDATE
SELECT * FROM users FOR NO KEY UPDATE
---
# expect: FOR UPDATE
SELECT * FROM users FOR SHARE SKIP LOCKED
---
# expect: FOR UPDATE
SELECT * FROM (SELECT * FROM users FOR UPDATE) x
---
# expect: FOR UPDATE
WITH x AS (SELECT * FROM users FOR KEY SHARE) SELECT * FROM x
---
# expect: begins with
DO $$ BEGIN PERFORM 1; END $$
---
# expect: begins with
LISTEN x
---
# expect: begins with
NOTIFY x
---
# expect: begins with
DISCARD ALL
---
# expect: begins with
REFRESH MATERIALIZED VIEW x
---
# expect: begins with
COPY (SELECT 1) TO PROGRAM 'sh'
---
# expect: begins with
RESET ALL
---
# expect: begins with
FETCH ALL FROM c
---
# expect: more than one statement
SELECT $$a$$; DROP TABLE x
---
# expect: more than one statement
SELECT $x$ ; $y$ ; $x$; DELETE FROM t
---
# expect: more than one statement
SELECT E'a\''; DROP TABLE x
---
# expect: not closed
SELECT $x$ abc $y$
---
# expect: not closed
SELECT E'a\'
---
# expect: not closed
SELECT 1 /* a /* b */
---
# expect:
SELECT * FROM read_csv('x')
---
# escapes: yes
# expect: placeholder
SELECT :x
---
# expect: http_get
SELECT http_get('http://169.254.169.254/')
---
# expect: must only read
WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x
---
# expect: must only read
WITH x AS (INSERT INTO users VALUES (1) RETURNING id) SELECT * FROM x
---
# expect: must only read
WITH x AS (UPDATE users SET a = 1 RETURNING *) SELECT * FROM x
---
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
