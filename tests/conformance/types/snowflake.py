"""Snowflake's column types."""

from __future__ import annotations

from tests.conformance.type_table import DROPPED, Sample, TypeRow, TypeTable
from warehouse_sync.identity.fingerprints import RejectReason

_FRACTIONAL = RejectReason.FRACTIONAL_IDENTITY

SNOWFLAKE_TYPES = TypeTable(
    name="snowflake",
    title="Snowflake",
    rows=(
        TypeRow(
            "NUMBER(p, 0), INT, up to 18 digits",
            "int64",
            (
                Sample("17::NUMBER(9, 0)", "17", typed=17),
                Sample("(-999999999999999999)::NUMBER(18, 0)", "-999999999999999999", typed=-999999999999999999),
                Sample("NULL::NUMBER(9, 0)", None),
            ),
        ),
        TypeRow(
            "NUMBER(p, 0), INT, above 18 digits",
            "decimal128(38, 0)",
            (
                Sample("17::NUMBER(38, 0)", "17", typed=17),
                Sample("(-9223372036854775808)::NUMBER(38, 0)", "-9223372036854775808", typed=-9223372036854775808),
            ),
        ),
        TypeRow(
            "NUMBER(20, 0)",
            "decimal128(20, 0)",
            (Sample("18446744073709551615::NUMBER(20, 0)", "18446744073709551615", typed=18446744073709551615),),
        ),
        TypeRow(
            "NUMBER(p, s), DECIMAL, NUMERIC",
            "decimal128(12, 2)",
            (
                Sample("1.50::NUMBER(12, 2)", "1.50", typed=1.5, identity=_FRACTIONAL),
                Sample("17.00::NUMBER(12, 2)", "17.00", typed=17, identity="17"),
                Sample("-0.01::NUMBER(12, 2)", "-0.01", typed=-0.01, identity=_FRACTIONAL),
            ),
        ),
        TypeRow(
            "NUMBER(38, 4)",
            "decimal128(38, 4)",
            (
                Sample(
                    "1234567890123456789012345678901234.5678::NUMBER(38, 4)",
                    "1234567890123456789012345678901234.5678",
                    typed=1.2345678901234568e33,
                    identity=_FRACTIONAL,
                ),
            ),
        ),
        TypeRow(
            "FLOAT, DOUBLE, REAL",
            "double",
            (
                Sample("1.5::FLOAT", "1.5", typed=1.5, identity=_FRACTIONAL),
                Sample("2::FLOAT", "2", typed=2.0),
                Sample("0.1::FLOAT", "0.1", typed=0.1, identity=_FRACTIONAL),
                Sample(
                    "1e300::FLOAT",
                    "1" + "0" * 300,
                    typed=1e300,
                    identity=_FRACTIONAL,
                ),
                Sample("'NaN'::FLOAT", "nan", identity=_FRACTIONAL),
                Sample("'inf'::FLOAT", "inf", identity=_FRACTIONAL),
                Sample("'-inf'::FLOAT", "-inf", identity=_FRACTIONAL),
                Sample("NULL::FLOAT", None),
            ),
        ),
        TypeRow(
            "BOOLEAN",
            "bool",
            (
                Sample("TRUE", "true", typed=True),
                Sample("FALSE", "false", typed=False),
                Sample("NULL::BOOLEAN", None),
            ),
        ),
        TypeRow(
            "VARCHAR, STRING, TEXT, CHAR",
            "string",
            (
                Sample("'Zoë 🎉'", "Zoë 🎉"),
                Sample("''", "", identity=None),
                Sample("'  a '", "  a "),
                Sample("'line\\nbreak'", "line\nbreak"),
                Sample("REPEAT('x', 4097)", DROPPED, identity="x" * 4097),
                Sample("REPEAT('x', 1048576)", DROPPED, identity="x" * 1048576),
                Sample("NULL::VARCHAR", None),
            ),
        ),
        TypeRow(
            "BINARY, VARBINARY",
            "binary",
            (
                Sample("TO_BINARY('ff00', 'HEX')", "FF00"),
                Sample("TO_BINARY('', 'HEX')", ""),
            ),
        ),
        TypeRow(
            "DATE",
            "date32[day]",
            (
                Sample("'1990-02-01'::DATE", "1990-02-01"),
                Sample("'9999-12-31'::DATE", "9999-12-31"),
                Sample("'0001-01-01'::DATE", "0001-01-01"),
                Sample("NULL::DATE", None),
            ),
        ),
        TypeRow(
            "TIMESTAMP_NTZ, DATETIME",
            "timestamp[us]",
            (
                Sample(
                    "'2025-11-03 09:12:00.123456'::TIMESTAMP_NTZ",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "'1969-12-31 23:59:59.999999'::TIMESTAMP_NTZ",
                    "1969-12-31 23:59:59.999",
                    typed="1969-12-31T23:59:59.999999",
                ),
                Sample(
                    "'9999-12-31 23:59:59.999999'::TIMESTAMP_NTZ",
                    "9999-12-31 23:59:59.999",
                    typed="9999-12-31T23:59:59.999999",
                ),
                Sample("'0001-01-01 00:00:00'::TIMESTAMP_NTZ", "0001-01-01 00:00:00.000", typed="0001-01-01T00:00:00"),
                Sample("NULL::TIMESTAMP_NTZ", None),
            ),
        ),
        TypeRow(
            "TIMESTAMP_LTZ, TIMESTAMP_TZ",
            "timestamp[us, tz=UTC]",
            (
                Sample(
                    "'2025-11-03 09:12:00.123456'::TIMESTAMP_TZ",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "'2025-11-03 09:12:00+02:00'::TIMESTAMP_TZ", "2025-11-03 07:12:00.000", typed="2025-11-03T07:12:00"
                ),
                Sample("'9999-12-31 23:59:59'::TIMESTAMP_TZ", "9999-12-31 23:59:59.000", typed="9999-12-31T23:59:59"),
                Sample("NULL::TIMESTAMP_TZ", None),
            ),
        ),
        TypeRow(
            "TIME",
            "time64[us]",
            (
                Sample("'10:00:33.5'::TIME", "10:00:33.500000"),
                Sample("'00:00:00'::TIME", "00:00:00"),
                Sample("'23:59:59.999999'::TIME", "23:59:59.999999"),
            ),
        ),
        TypeRow(
            "ARRAY",
            "json",
            (
                Sample("ARRAY_CONSTRUCT('a', 'b c')", ["a", "b c"]),
                Sample("ARRAY_CONSTRUCT(1, 2)", ["1", "2"], typed=[1, 2]),
                Sample("PARSE_JSON('[1, \"b\", null]')", ["1", "b", ""], typed=[1, "b", None]),
                Sample("PARSE_JSON('[[1], {\"k\": 2}]')", '[[1],{"k":2}]', typed=[[1], {"k": 2}]),
                Sample("ARRAY_CONSTRUCT()", []),
            ),
        ),
        TypeRow(
            "OBJECT",
            "json",
            (
                Sample("OBJECT_CONSTRUCT('k', 1, 'l', 'x')", '{"k":1,"l":"x"}', typed={"k": 1, "l": "x"}),
                Sample(
                    "OBJECT_CONSTRUCT('a', OBJECT_CONSTRUCT('b', ARRAY_CONSTRUCT(1)))",
                    '{"a":{"b":[1]}}',
                    typed={"a": {"b": [1]}},
                ),
            ),
        ),
        TypeRow(
            "VARIANT",
            "json",
            (
                Sample("PARSE_JSON('{\"a\": [1, null, 2.5]}')", '{"a":[1,null,2.5]}', typed={"a": [1, None, 2.5]}),
                Sample("PARSE_JSON('\"text\"')", "text"),
                Sample("PARSE_JSON('17')", "17", typed=17),
                Sample("PARSE_JSON('true')", "true", typed=True),
                Sample("PARSE_JSON('null')", None),
            ),
        ),
        TypeRow("an untyped NULL", "string", (Sample("NULL", None),)),
    ),
    notes=(
        "Times are cut to microseconds, in the text form to milliseconds. "
        "MAP, VECTOR, GEOGRAPHY and GEOMETRY come as JSON; the emulator has none of\n"
        "them. TIMESTAMP_LTZ is reported as TIMESTAMP_TZ by the emulator."
    ),
)
