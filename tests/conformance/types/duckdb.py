"""DuckDB's column types."""

from __future__ import annotations

from tests.conformance.type_table import DROPPED, Sample, TypeRow, TypeTable
from warehouse_sync.identity.fingerprints import RejectReason

_FRACTIONAL = RejectReason.FRACTIONAL_IDENTITY

DUCKDB_TYPES = TypeTable(
    name="duckdb",
    title="DuckDB",
    rows=(
        TypeRow(
            "TINYINT, SMALLINT, INTEGER, BIGINT, UTINYINT, USMALLINT, UINTEGER",
            "int64",
            (
                Sample("17::TINYINT", "17", typed=17),
                Sample("(-9223372036854775808)::BIGINT", "-9223372036854775808", typed=-9223372036854775808),
                Sample("4294967295::UINTEGER", "4294967295", typed=4294967295),
                Sample("NULL::INTEGER", None),
            ),
        ),
        TypeRow(
            "UBIGINT",
            "decimal128(20, 0)",
            (Sample("18446744073709551615::UBIGINT", "18446744073709551615", typed=18446744073709551615),),
        ),
        TypeRow(
            "HUGEINT, UHUGEINT, BIGNUM",
            "string",
            (
                Sample("17::HUGEINT", "17", typed=17),
                Sample(
                    "170141183460469231731687303715884105727::HUGEINT",
                    "170141183460469231731687303715884105727",
                    typed=170141183460469231731687303715884105727,
                    identity=_FRACTIONAL,
                ),
                Sample(
                    "('1' || repeat('0', 60))::BIGNUM",
                    "1000000000000000000000000000000000000000000000000000000000000",
                    typed=1000000000000000000000000000000000000000000000000000000000000,
                    identity=_FRACTIONAL,
                ),
            ),
        ),
        TypeRow(
            "DECIMAL(p, s)",
            "decimal128(12, 2)",
            (
                Sample("1.50::DECIMAL(12, 2)", "1.50", typed=1.5, identity=_FRACTIONAL),
                Sample("17.00::DECIMAL(12, 2)", "17.00", typed=17, identity="17"),
                Sample("-0.05::DECIMAL(12, 2)", "-0.05", typed=-0.05, identity=_FRACTIONAL),
            ),
        ),
        TypeRow(
            "DECIMAL(38, 10)",
            "decimal128(38, 10)",
            (
                Sample(
                    "1234567890123456789012345678.0123456789::DECIMAL(38, 10)",
                    "1234567890123456789012345678.0123456789",
                    typed=1.2345678901234569e27,
                    identity=_FRACTIONAL,
                ),
            ),
        ),
        TypeRow(
            "FLOAT, DOUBLE",
            "double",
            (
                Sample("2.5::DOUBLE", "2.5", typed=2.5, identity=_FRACTIONAL),
                Sample("2.0::DOUBLE", "2", typed=2.0),
                Sample("0.1::DOUBLE", "0.1", typed=0.1, identity=_FRACTIONAL),
                Sample("0.1::FLOAT", "0.10000000149011612", typed=0.10000000149011612, identity=_FRACTIONAL),
                Sample("'NaN'::DOUBLE", "nan", identity=_FRACTIONAL),
                Sample("'-inf'::DOUBLE", "-inf", identity=_FRACTIONAL),
            ),
        ),
        TypeRow("BOOLEAN", "bool", (Sample("true", "true", typed=True),)),
        TypeRow(
            "VARCHAR",
            "string",
            (
                Sample("'Zoë 🎉'", "Zoë 🎉"),
                Sample("''", "", identity=None),
                Sample("repeat('x', 4097)", DROPPED, identity="x" * 4097),
                Sample("repeat('x', 1048576)", DROPPED, identity="x" * 1048576),
                Sample("'a' || chr(10) || 'b'", "a\nb"),
                Sample("NULL::VARCHAR", None),
            ),
        ),
        TypeRow("ENUM", "string", (Sample("'ok'::ENUM('ok', 'bad')", "ok"),)),
        TypeRow(
            "UUID",
            "string",
            (Sample("'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::UUID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),),
        ),
        TypeRow(
            "BLOB",
            "binary",
            (
                Sample("'\\xFF\\x00'::BLOB", "FF00"),
                Sample("''::BLOB", ""),
            ),
        ),
        TypeRow("BIT", "string", (Sample("'101'::BIT", "101"),)),
        TypeRow(
            "DATE",
            "date32[day]",
            (
                Sample("DATE '1990-02-01'", "1990-02-01"),
                Sample("DATE '9999-12-31'", "9999-12-31"),
                Sample("DATE '10000-01-01'", "10000-01-01"),
                Sample("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"),
                Sample("DATE 'infinity'", DROPPED),
            ),
        ),
        TypeRow(
            "TIMESTAMP, TIMESTAMP_S, TIMESTAMP_MS",
            "timestamp[us]",
            (
                Sample(
                    "TIMESTAMP '2025-11-03 09:12:00.123456'",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "TIMESTAMP '1969-12-31 23:59:59.999999'",
                    "1969-12-31 23:59:59.999",
                    typed="1969-12-31T23:59:59.999999",
                ),
                Sample(
                    "TIMESTAMP '9999-12-31 23:59:59.999999'",
                    "9999-12-31 23:59:59.999",
                    typed="9999-12-31T23:59:59.999999",
                ),
                Sample("TIMESTAMP 'infinity'", DROPPED),
                Sample("TIMESTAMP '-infinity'", DROPPED),
                Sample("'2025-11-03 09:12:00'::TIMESTAMP_S", "2025-11-03 09:12:00.000", typed="2025-11-03T09:12:00"),
            ),
        ),
        TypeRow(
            "TIMESTAMP_NS",
            "timestamp[ns]",
            (
                Sample(
                    "TIMESTAMP_NS '2025-11-03 09:12:00.123456789'",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "TIMESTAMP_NS '1969-12-31 23:59:59.999999999'",
                    "1969-12-31 23:59:59.999",
                    typed="1969-12-31T23:59:59.999999",
                ),
            ),
        ),
        TypeRow(
            "TIMESTAMPTZ",
            "timestamp[us, tz=UTC]",
            (
                Sample("TIMESTAMPTZ '2025-11-03 09:12:00+02'", "2025-11-03 07:12:00.000", typed="2025-11-03T07:12:00"),
                Sample("TIMESTAMPTZ 'infinity'", DROPPED),
            ),
        ),
        TypeRow(
            "TIME",
            "time64[us]",
            (
                Sample("TIME '10:00:33.5'", "10:00:33.500000"),
                Sample("TIME '24:00:00'", "24:00:00"),
            ),
        ),
        TypeRow("TIMETZ", "string", (Sample("'10:00:33+02'::TIMETZ", "10:00:33+02"),)),
        TypeRow(
            "INTERVAL",
            "string",
            (
                Sample("INTERVAL '1 year 2 months 3 days 4 hours 5.7 seconds'", "P1Y2M3DT4H5.7S"),
                Sample("INTERVAL '-1 day'", "P-1D"),
            ),
        ),
        TypeRow(
            "lists of texts, enums, intervals",
            "list<item: string>",
            (
                Sample("['a', NULL, 'b c']", ["a", "", "b c"], typed=["a", None, "b c"]),
                Sample("[]::VARCHAR[]", []),
                Sample("list_transform(range(1001), lambda x: 'x')", DROPPED),
                Sample("[repeat('x', 513)]", DROPPED),
                Sample("[INTERVAL '1 day', NULL]", ["P1D", ""], typed=["P1D", None]),
            ),
        ),
        TypeRow("lists of numbers", "list<item: int64>", (Sample("[1, NULL, 3]", ["1", "", "3"], typed=[1, None, 3]),)),
        TypeRow(
            "lists of doubles",
            "list<item: double>",
            (Sample("[1.5::DOUBLE, 'NaN'::DOUBLE]", ["1.5", "nan"], typed=[1.5, "nan"]),),
        ),
        TypeRow(
            "lists of moments",
            "list<item: timestamp[us, tz=UTC]>",
            (Sample("[TIMESTAMPTZ '2025-11-03 09:12:00+02']", ["2025-11-03 07:12:00.000"]),),
        ),
        TypeRow(
            "nested lists, STRUCT, MAP, UNION",
            "json",
            (
                Sample("[[1, 2], [3, 4]]", "[[1,2],[3,4]]", typed=[[1, 2], [3, 4]]),
                Sample("{'k': [1, 2], 'b': NULL}", '{"k":[1,2],"b":null}', typed={"k": [1, 2], "b": None}),
                Sample("MAP {'a': 1, 'b': 2}", '{"a":1,"b":2}', typed={"a": 1, "b": 2}),
                Sample(
                    "{'d': 1.50::DECIMAL(4, 2), 't': TIMESTAMP '2025-11-03 09:12:00', 'n': 'NaN'::DOUBLE, 'b': 'a'::BLOB}",
                    '{"d":1.5,"t":"2025-11-03T09:12:00","n":null,"b":"61"}',
                    typed={"d": 1.5, "t": "2025-11-03T09:12:00", "n": None, "b": "61"},
                ),
            ),
        ),
        TypeRow(
            "JSON",
            "json",
            (
                Sample("'{\"a\": [1, null, 2.50]}'::JSON", '{"a":[1,null,2.5]}', typed={"a": [1, None, 2.5]}),
                Sample("'null'::JSON", None),
                Sample("'\"text\"'::JSON", "text"),
                Sample("'12345678901234567890123.5'::JSON", "12345678901234568000000", typed=12345678901234568000000),
            ),
        ),
        TypeRow("a literal NULL", "null", (Sample("NULL", None),)),
    ),
    notes="Numbers inside JSON keep what a double holds. A VARIANT is best cast to JSON or to VARCHAR in the query.",
)
