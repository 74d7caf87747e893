# expect: looks like a file
SELECT * FROM 'secret.csv'
---
# expect: looks like a file
SELECT * FROM "secret.csv"
---
# expect: looks like a file
SELECT * FROM secret.csv
---
# expect: looks like a file
FROM '/etc/passwd'
---
# expect: looks like a file
FROM "/etc/passwd"
---
# expect: looks like a file
SELECT * FROM 'https://example.com/x.parquet'
---
# expect: looks like a file
SELECT * FROM 's3://bucket/x.parquet'
---
# expect: looks like a file
SELECT * FROM "C:\x.json"
---
# expect: looks like a file
SELECT * FROM '*.csv'
---
# expect: looks like a file
SELECT * FROM 'data.CSV'
---
# expect: looks like a file
SELECT * FROM 'x.csv.gz'
---
# expect: looks like a file
SELECT * FROM "other.duckdb"
---
# expect: looks like a file
SELECT * FROM a JOIN 'b.parquet' b ON a.id = b.id
---
# expect: looks like a file
WITH x AS (FROM 'x.json') SELECT * FROM x
---
# expect: read_csv
SELECT * FROM read_csv('x')
---
# expect: read_text
SELECT * FROM read_text('/etc/passwd')
---
# expect: read_blob
SELECT * FROM read_blob('/etc/*')
---
# expect: READ_PARQUET
FROM READ_PARQUET('x')
---
# expect: read_json_auto
SELECT (SELECT count(*) FROM read_json_auto('x'))
---
# expect: parquet_scan
SELECT * FROM parquet_scan('x')
---
# expect: glob
SELECT * FROM glob('*')
---
# expect: sniff_csv
SELECT * FROM sniff_csv('x')
---
# expect: query
SELECT * FROM query('DROP TABLE x')
---
# expect: query_table
SELECT * FROM query_table('x')
---
# expect: duckdb_secrets
SELECT * FROM duckdb_secrets()
---
# expect: duckdb_settings
SELECT * FROM duckdb_settings()
---
# expect: system
SELECT * FROM duckdb_tables
---
# expect: system
SELECT * FROM sqlite_master
---
# expect: pragma_table_info
SELECT * FROM pragma_table_info('x')
---
# expect: which_secret
SELECT * FROM which_secret('s3://x', 's3')
---
# expect: getenv
SELECT getenv('HOME')
---
# expect: getenv
SELECT 'HOME'.getenv()
---
# expect: getenv
SELECT "getenv"('HOME')
---
# expect: GetEnv
SELECT main.GetEnv('HOME')
---
# expect: current_setting
SELECT current_setting('threads')
---
# expect: getvariable
SELECT getvariable('x')
---
# expect: sleep_ms
SELECT sleep_ms(10000)
---
# expect: pg_sleep
SELECT pg_sleep(10)
---
# expect: write_log
SELECT write_log('x')
---
# expect: setseed
SELECT setseed(0.5)
---
# expect: nextval
SELECT 's'.nextval()
---
# expect: getenv
SELECT list_transform([1], x -> getenv('a'))
---
# expect: getenv
SELECT [getenv(x) FOR x IN ['a']]
---
# expect: getenv
SELECT COLUMNS(c -> getenv(c) = 'x') FROM t
---
# expect: getenv
SELECT count(*) FILTER (getenv('a') = 'b') FROM t
---
# expect: getenv
SELECT * REPLACE (getenv('x') AS a) FROM t
---
# expect: getenv
SELECT {'a': getenv('x')}
---
# expect: getenv
SELECT 1 ORDER BY getenv('x')
---
# expect: getenv
SELECT 1 LIMIT getenv('x')::int
---
# expect: begins with
ATTACH 'x.db'
---
# expect: begins with
DETACH x
---
# expect: begins with
INSTALL httpfs
---
# expect: begins with
LOAD httpfs
---
# expect: begins with
PRAGMA database_list
---
# expect: begins with
EXPORT DATABASE 'x'
---
# expect: begins with
IMPORT DATABASE 'x'
---
# expect: begins with
CHECKPOINT
---
# expect: begins with
SUMMARIZE users
---
# expect: begins with
CREATE SECRET (TYPE s3)
---
# expect: begins with
RESET threads
---
# expect: begins with
FORCE CHECKPOINT
---
# expect:
SELECT * FROM (SUMMARIZE users)
---
# expect:
SELECT * FROM (DESCRIBE users)
---
# expect:
SELECT * FROM (SHOW ALL TABLES)
---
# expect: placeholder
SELECT $name
---
# expect: not closed
SELECT $$abc
---
# expect: more than one statement
SELECT 'a\'; DROP TABLE x
---
# expect:
FROM users INSERT INTO x
---
# expect: json_execute_serialized_sql
SELECT * FROM json_execute_serialized_sql('x')
---
# expect:
SELECT * FROM python_map_function()
---
# expect: pg_ls_dir
SELECT pg_ls_dir('.')
