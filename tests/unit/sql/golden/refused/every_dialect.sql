# expect: begins with 'DELETE'
DELETE FROM users
---
# expect: begins with 'delete'
delete/**/from users
---
# expect: begins with
DeLeTe FROM users WHERE 1 = 1
---
# expect: begins with
UPDATE users SET a = 1
---
# expect: begins with
INSERT INTO users VALUES (1)
---
# expect: begins with
INSERT INTO users SELECT * FROM users
---
# expect: begins with
MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE
---
# expect: begins with
DROP TABLE users
---
# expect: begins with
CREATE TABLE x AS SELECT 1
---
# expect: begins with
CREATE OR REPLACE VIEW v AS SELECT 1
---
# expect: begins with
ALTER TABLE users ADD COLUMN x INT
---
# expect: begins with
TRUNCATE TABLE users
---
# expect: begins with
GRANT SELECT ON users TO public
---
# expect: begins with
REVOKE ALL ON users FROM public
---
# expect: begins with
CALL do_it()
---
# expect: begins with
COPY users TO 'out.csv'
---
# expect: begins with
COPY users FROM 'in.csv'
---
# expect: begins with
SET search_path = x
---
# expect: begins with
USE DATABASE x
---
# expect: begins with
BEGIN
---
# expect: begins with
COMMIT
---
# expect: begins with
ROLLBACK
---
# expect: begins with
EXPLAIN SELECT 1
---
# expect: begins with
DESCRIBE TABLE users
---
# expect: begins with
SHOW TABLES
---
# expect: begins with
EXECUTE IMMEDIATE 'select 1'
---
# expect: begins with
VACUUM users
---
# expect: begins with
ANALYZE users
---
# expect: begins with
COMMENT ON TABLE users IS 'x'
---
# expect: begins with
PREPARE p AS SELECT 1
---
# expect: begins with
DECLARE c CURSOR FOR SELECT 1
---
# expect: begins with
LOCK TABLE users
---
# expect: begins with
KILL 1
---
# expect: begins with
/* SELECT */ DROP TABLE users
---
# expect: begins with
-- SELECT 1
DROP TABLE users
---
# expect: more than one statement
SELECT 1; DROP TABLE users
---
# expect: more than one statement
SELECT 1;DROP TABLE users;
---
# expect: more than one statement
SELECT 1 /* ; */ ; /* */ DELETE FROM users
---
# expect: more than one statement
SELECT 1;
SELECT 2
---
# expect: more than one statement
SELECT 1;;
---
# expect: more than one statement
; SELECT 1
---
# expect: more than one statement
SELECT * FROM t) AS m; DROP TABLE other; SELECT * FROM (SELECT 1
---
# expect: more than one statement
SELECT ';' AS a; SELECT 1
---
# expect: more than one statement
SELECT 1 -- x
; DELETE FROM users
---
# expect: line 1
SELECT * FROM t) AS m --
---
# expect: line 1
SELECT * FROM t) UNION SELECT * FROM (SELECT 1
---
# expect: line 1
SELECT 1)
---
# expect: line 1
(SELECT 1
---
# expect: line
SELECT * FROM t WHERE (a = 1
---
# expect: line 1
SELECT * FROM t DROP TABLE x y z
---
# expect:
WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x
---
# expect:
WITH x AS (INSERT INTO users VALUES (1) RETURNING id) SELECT * FROM x
---
# expect:
WITH x AS (UPDATE users SET a = 1 RETURNING *) SELECT * FROM x
---
# expect: not a SELECT
WITH x AS (SELECT 1) DELETE FROM users
---
# expect: not a SELECT
WITH x AS (SELECT 1) UPDATE users SET a = 1
---
# expect: not a SELECT
WITH x AS (SELECT 1) INSERT INTO users SELECT * FROM x
---
# expect: a data model is exactly one SELECT
VALUES (1, 2)
---
# expect:
SELECT * FROM (DELETE FROM users RETURNING *) x
---
# expect:
SELECT * FROM (INSERT INTO users VALUES (1) RETURNING *) x
---
# expect:
SELECT * FROM (DROP TABLE users) x
---
# expect:
SELECT (DELETE FROM users)
---
# expect: INTO
SELECT * INTO copy_of_users FROM users
---
# expect: INTO
SELECT 1 AS a INTO TEMPORARY x
---
# expect: not closed
SELECT 'abc
---
# expect: not closed
SELECT "abc FROM t
---
# expect: not closed
SELECT 1 /* open
---
# expect: not closed
SELECT 1 AS a, 'x'' FROM t
---
# expect: empty

---
# expect: empty
-- nothing but a comment
---
# expect: empty
;
---
# expect: template brace
SELECT * FROM {{ ref('users') }}
---
# expect: template brace
SELECT {{ x }} FROM users
---
# expect:
SELECT * FROM users {% if x %} WHERE a = 1 {% endif %}
---
# expect: placeholder
# only: snowflake postgres
SELECT * FROM users WHERE id = :id
---
# expect:
SELECT * FROM users WHERE id = ?
---
# expect:
SELECT * FROM users WHERE id = $1
---
# expect:
SELECT * FROM users WHERE id = %s AND b = %(x)s
---
# expect:
# only: snowflake
SELECT * FROM users WHERE id = @@version
---
# expect: invisible
# escapes: yes
SELECT 1 AS\u{200b}a FROM users
---
# expect: invisible
# escapes: yes
SELECT\u{a0}1 FROM users
---
# expect: invisible
# escapes: yes
SELECT 1 \u{202e} FROM users
---
# expect: invisible
# escapes: yes
SELECT 1 FROM users -- harmless \u{202e} comment
---
# expect: invisible
# escapes: yes
SELECT 1 AS "na\u{200d}me" FROM users
---
# expect: invisible
# escapes: yes
SELECT 1\u{feff} FROM users
---
# expect: invisible
# escapes: yes
SELECT \u{3164} FROM users
---
# expect: invisible
# escapes: yes
SELECT 1\u{1} FROM users
---
# expect: invisible
# escapes: yes
SELECT 1 FROM users\u{2028}DELETE FROM users
---
# expect: invisible
# escapes: yes
SELECT 1 AS \u{e0041} FROM users
---
# expect: U+0000
# escapes: yes
SELECT 'a\u{0}b' FROM users
---
# expect: U+0000
# escapes: yes
SELECT 1 FROM users\u{0}
---
# expect: U+D800
# escapes: yes
SELECT '\u{d800}' FROM users
---
# expect: nested too deeply
SELECT ((((((((((((((((((((((((((1))))))))))))))))))))))))))
---
# expect: nested too deeply
SELECT CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN CASE WHEN 1=1 THEN 1
---
# expect: too long to read
SELECT ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[1]]]]]]]]]]]]]]]]]]]]
---
# expect:
SELECT * FROM some_table_function(1)
---
# expect:
SELECT * FROM my_schema.some_table_function(1)
---
# expect:
SELECT * FROM users, LATERAL some_table_function(users.id) x
---
# expect:
SELECT * FROM @my_stage
---
# expect:
SELECT * FROM @my_stage/file.csv
---
# expect:
SELECT nextval('s')
---
# expect:
SELECT "nextval"('s')
---
# expect:
SELECT a.b."NEXTVAL"('s')
