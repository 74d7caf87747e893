"""PostgreSQL's column types. The types ``mood``, ``pair`` and ``zip`` are an enum, a composite type and a domain of the subject."""

from __future__ import annotations

from tests.conformance.type_table import DROPPED, Sample, TypeRow, TypeTable
from warehouse_sync.identity.fingerprints import RejectReason

_FRACTIONAL = RejectReason.FRACTIONAL_IDENTITY

POSTGRES_TYPES = TypeTable(
    name="postgres",
    title="PostgreSQL",
    rows=(
        TypeRow(
            "smallint, integer, bigint",
            "int64",
            (
                Sample("17::smallint", "17", typed=17),
                Sample("(-9223372036854775808)::bigint", "-9223372036854775808", typed=-9223372036854775808),
                Sample("NULL::integer", None),
            ),
        ),
        TypeRow("oid", "int64", (Sample("4294967295::oid", "4294967295", typed=4294967295),)),
        TypeRow(
            "numeric, numeric(p, s)",
            "string",
            (
                Sample("1.50::numeric(12, 2)", "1.50", typed=1.5, identity=_FRACTIONAL),
                Sample("17.00::numeric(12, 2)", "17.00", typed=17, identity="17"),
                Sample("0.1::numeric / 3", "0.03333333333333333333", typed=0.03333333333333333, identity=_FRACTIONAL),
                Sample(
                    "12345678901234567890123456789012345678::numeric(38, 0)",
                    "12345678901234567890123456789012345678",
                    typed=12345678901234567890123456789012345678,
                ),
                Sample(
                    "(repeat('9', 50) || '.5')::numeric",
                    "99999999999999999999999999999999999999999999999999.5",
                    typed=1e50,
                    identity=_FRACTIONAL,
                ),
                Sample("(repeat('9', 5000))::numeric", DROPPED, identity=_FRACTIONAL),
                Sample("'NaN'::numeric(12, 2)", "NaN", typed="nan", identity=_FRACTIONAL),
                Sample("'Infinity'::numeric", "Infinity", typed="inf", identity=_FRACTIONAL),
                Sample("NULL::numeric", None),
            ),
        ),
        TypeRow("money", "string", (Sample("'1234.5'::money", "1234.50", typed=1234.5, identity=_FRACTIONAL),)),
        TypeRow(
            "real, double precision",
            "double",
            (
                Sample("1.5::real", "1.5", typed=1.5, identity=_FRACTIONAL),
                Sample("2.0::double precision", "2", typed=2.0),
                Sample("0.1::double precision", "0.1", typed=0.1, identity=_FRACTIONAL),
                Sample("'NaN'::double precision", "nan", identity=_FRACTIONAL),
                Sample("'-Infinity'::double precision", "-inf", identity=_FRACTIONAL),
            ),
        ),
        TypeRow(
            "boolean",
            "bool",
            (
                Sample("true", "true", typed=True),
                Sample("false", "false", typed=False),
            ),
        ),
        TypeRow(
            'text, varchar, char, name, "char"',
            "string",
            (
                Sample("'Zoë 🎉'", "Zoë 🎉"),
                Sample("''", "", identity=None),
                Sample("'  a '", "  a "),
                Sample("'b'::char(4)", "b   "),
                Sample("repeat('x', 4097)", DROPPED, identity="x" * 4097),
                Sample("repeat('x', 1048576)", DROPPED, identity="x" * 1048576),
                Sample("E'line\\nbreak'", "line\nbreak"),
                Sample("NULL::text", None),
            ),
        ),
        TypeRow(
            "citext, enum, domain",
            "string",
            (
                Sample("'Ab'::citext", "Ab"),
                Sample("'ok'::mood", "ok"),
                Sample("'0123'::zip", "0123"),
            ),
        ),
        TypeRow(
            "uuid",
            "string",
            (Sample("'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),),
        ),
        TypeRow(
            "bytea",
            "binary",
            (
                Sample("'\\xff00'::bytea", "FF00"),
                Sample("''::bytea", ""),
            ),
        ),
        TypeRow(
            "date",
            "date32[day]",
            (
                Sample("date '1990-02-01'", "1990-02-01"),
                Sample("date '9999-12-31'", "9999-12-31"),
                Sample("date '0001-01-01'", "0001-01-01"),
                Sample("date '10000-01-01'", "10000-01-01"),
                Sample("date '0044-03-15 BC'", "0044-03-15 (BC)"),
                Sample("date 'infinity'", DROPPED),
                Sample("date '-infinity'", DROPPED),
                Sample("NULL::date", None),
            ),
        ),
        TypeRow(
            "timestamp",
            "timestamp[us]",
            (
                Sample(
                    "timestamp '2025-11-03 09:12:00.123456'",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "timestamp '1969-12-31 23:59:59.999999'",
                    "1969-12-31 23:59:59.999",
                    typed="1969-12-31T23:59:59.999999",
                ),
                Sample(
                    "timestamp '9999-12-31 23:59:59.999999'",
                    "9999-12-31 23:59:59.999",
                    typed="9999-12-31T23:59:59.999999",
                ),
                Sample("timestamp '0001-01-01 00:00:00'", "0001-01-01 00:00:00.000", typed="0001-01-01T00:00:00"),
                Sample("timestamp 'infinity'", DROPPED),
                Sample("timestamp '-infinity'", DROPPED),
                Sample("timestamp '294276-12-31 23:59:59'", DROPPED),
                Sample("timestamp '4713-01-01 00:00:00 BC'", "4713-01-01 (BC) 00:00:00"),
            ),
        ),
        TypeRow(
            "timestamptz",
            "timestamp[us, tz=UTC]",
            (
                Sample("timestamptz '2025-11-03 09:12:00+02'", "2025-11-03 07:12:00.000", typed="2025-11-03T07:12:00"),
                Sample("timestamptz 'infinity'", DROPPED),
            ),
        ),
        TypeRow(
            "time",
            "time64[us]",
            (
                Sample("time '10:00:33.5'", "10:00:33.500000"),
                Sample("time '24:00:00'", "24:00:00"),
            ),
        ),
        TypeRow("timetz", "string", (Sample("timetz '10:00:33+02'", "10:00:33+02"),)),
        TypeRow(
            "interval",
            "string",
            (
                Sample("interval '1 year 2 months 3 days 04:05:06.7'", "P1Y2M3DT4H5M6.7S"),
                Sample("interval '-1 day'", "P-1D"),
            ),
        ),
        TypeRow(
            "json, jsonb",
            "json",
            (
                Sample("'{\"a\": [1, null, 2.50]}'::json", '{"a":[1,null,2.5]}', typed={"a": [1, None, 2.5]}),
                Sample("'{\"a\": [1, null, 2.50]}'::jsonb", '{"a":[1,null,2.5]}', typed={"a": [1, None, 2.5]}),
                Sample("'[1, \"b\", null]'::jsonb", ["1", "b", ""], typed=[1, "b", None]),
                Sample("'null'::jsonb", None),
                Sample("'\"text\"'::json", "text"),
                Sample("'12345678901234567890123.5'::jsonb", "12345678901234568000000", typed=12345678901234568000000),
            ),
        ),
        TypeRow(
            "arrays, of any type and dimension",
            "json",
            (
                Sample("ARRAY['a', NULL, 'b c']", ["a", "", "b c"], typed=["a", None, "b c"]),
                Sample("ARRAY[1.50, NULL]", ["1.5", ""], typed=[1.5, None]),
                Sample("ARRAY[[1, 2], [3, 4]]", "[[1,2],[3,4]]", typed=[[1, 2], [3, 4]]),
                Sample("'[2:3]={1,2}'::int[]", ["1", "2"], typed=[1, 2]),
                Sample("'{}'::text[]", []),
                Sample("ARRAY[timestamptz '2025-11-03 09:12:00+02']", ["2025-11-03T07:12:00+00:00"]),
                Sample("ARRAY['ok'::mood]", ["ok"]),
                Sample("ARRAY['NaN'::float8]", ["NaN"]),
                Sample("array_fill('x'::text, ARRAY[1001])", DROPPED),
                Sample("ARRAY[repeat('x', 513)]", DROPPED),
            ),
        ),
        TypeRow(
            "composite types, record",
            "json",
            (
                Sample("(1, 'x')::pair", '{"a":1,"b":"x"}', typed={"a": 1, "b": "x"}),
                Sample("ROW(1, 'x')", '{"f1":1,"f2":"x"}', typed={"f1": 1, "f2": "x"}),
                Sample("ARRAY[(1, 'x')::pair]", '[{"a":1,"b":"x"}]', typed=[{"a": 1, "b": "x"}]),
            ),
        ),
        TypeRow(
            "inet, cidr, macaddr",
            "string",
            (
                Sample("'10.1.2.3/8'::inet", "10.1.2.3/8"),
                Sample("'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03"),
            ),
        ),
        TypeRow(
            "ranges, multiranges",
            "string",
            (
                Sample("int4range(1, 3)", "[1,3)"),
                Sample("tstzrange('2025-01-01 00:00+00', NULL)", '["2025-01-01 00:00:00+00",)'),
            ),
        ),
        TypeRow("bit, varbit", "string", (Sample("b'101'", "101"),)),
        TypeRow("point and other shapes", "string", (Sample("point(1, 2)", "(1,2)"),)),
        TypeRow(
            "hstore, tsvector, xid, all others",
            "string",
            (
                Sample("'a=>1, b=>NULL'::hstore", '"a"=>"1", "b"=>NULL'),
                Sample("to_tsvector('simple', 'a b')", "'a':1 'b':2"),
                Sample("'0/16B3748'::pg_lsn", "0/16B3748"),
                Sample("'pg_class'::regclass", "pg_class"),
            ),
        ),
        TypeRow("a literal NULL", "string", (Sample("NULL", None),)),
    ),
    notes=(
        "Numeric is kept as text with the digits that the server gives, whatever its precision, `NaN` and the infinities included. "
        "Types that are not in the table are read as the server's text for them. Numbers inside JSON keep what a double holds."
    ),
)
