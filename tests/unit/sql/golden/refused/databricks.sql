# expect: looks like a file
SELECT * FROM parquet.`/mnt/secrets`
---
# expect: looks like a file
SELECT * FROM delta.`table`
---
# expect: looks like a file
SELECT * FROM csv.`file.csv`
---
# expect: looks like a file
SELECT * FROM TEXT.`s3://bucket/x`
---
# expect: looks like a file
SELECT * FROM binaryFile.`dbfs:/x`
---
# expect: looks like a file
SELECT * FROM JSON.x
---
# expect: looks like a file
SELECT * FROM main.shop.`/Volumes/main/x`
---
# expect: read_files
SELECT * FROM read_files('/Volumes/x')
---
# expect: read_kafka
SELECT * FROM STREAM read_kafka(bootstrapServers => 'x')
---
# expect: java_method
SELECT java_method('java.lang.Runtime', 'getRuntime') AS a
---
# expect: reflect
SELECT REFLECT('java.lang.System', 'getenv') AS a
---
# expect: ai_query
SELECT ai_query('model', name) AS a FROM main.shop.users
---
# expect: secret
SELECT secret('scope', 'key') AS a
---
# expect: http_request
SELECT http_request(conn => 'x', method => 'POST', path => '/') AS a
---
# expect: remote_query
SELECT * FROM remote_query('connection', query => 'SELECT 1')
---
# expect: event_log
SELECT * FROM event_log('pipeline')
---
# expect: 
SELECT ${spark.secret} AS a
---
# expect: 
SELECT :name AS a
---
# expect: more than one statement
SELECT 1; OPTIMIZE main.shop.users
---
# expect: begins with
OPTIMIZE main.shop.users
---
# expect: begins with
VACUUM main.shop.users
---
# expect: begins with
COPY INTO main.shop.users FROM '/x' FILEFORMAT = CSV
---
# expect: begins with
EXECUTE IMMEDIATE 'DROP TABLE x'
---
# expect: begins with
REFRESH TABLE main.shop.users
---
# expect: begins with
LIST '/Volumes/main'
---
# expect: 
SELECT TRANSFORM(a) USING 'cat /etc/passwd' AS b FROM main.shop.users
---
# expect: rebuilt
SELECT `a``b` FROM main.shop.users
---
# expect: not closed
SELECT 'a\' FROM main.shop.users
---
# expect: not closed
SELECT `a FROM main.shop.users
