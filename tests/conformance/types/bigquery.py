"""BigQuery's column types."""

from __future__ import annotations

from tests.conformance.type_table import DROPPED, Sample, TypeRow, TypeTable
from warehouse_sync.identity.fingerprints import RejectReason

_FRACTIONAL = RejectReason.FRACTIONAL_IDENTITY

BIGQUERY_TYPES = TypeTable(
    name="bigquery",
    title="BigQuery",
    rows=(
        TypeRow(
            "INT64",
            "int64",
            (
                Sample("17", "17", typed=17),
                Sample("-9223372036854775808", "-9223372036854775808", typed=-9223372036854775808),
                Sample("CAST(NULL AS INT64)", None),
            ),
        ),
        TypeRow(
            "NUMERIC, DECIMAL",
            "decimal128(38, 9)",
            (
                Sample("NUMERIC '1.5'", "1.500000000", typed=1.5, identity=_FRACTIONAL),
                Sample("NUMERIC '17'", "17.000000000", typed=17, identity="17"),
                Sample(
                    "NUMERIC '99999999999999999999999999999.999999999'",
                    "99999999999999999999999999999.999999999",
                    typed=1e29,
                    identity=_FRACTIONAL,
                ),
                Sample("CAST(NULL AS NUMERIC)", None),
            ),
        ),
        TypeRow(
            "FLOAT64",
            "double",
            (
                Sample("1.5", "1.5", typed=1.5, identity=_FRACTIONAL),
                Sample("2.0", "2", typed=2.0),
                Sample("0.1", "0.1", typed=0.1, identity=_FRACTIONAL),
                Sample(
                    "1e300",
                    "1" + "0" * 300,
                    typed=1e300,
                    identity=_FRACTIONAL,
                ),
                Sample("CAST('NaN' AS FLOAT64)", "nan", identity=_FRACTIONAL),
                Sample("CAST('inf' AS FLOAT64)", "inf", identity=_FRACTIONAL),
                Sample("CAST('-inf' AS FLOAT64)", "-inf", identity=_FRACTIONAL),
            ),
        ),
        TypeRow(
            "BOOL",
            "bool",
            (
                Sample("TRUE", "true", typed=True),
                Sample("FALSE", "false", typed=False),
            ),
        ),
        TypeRow(
            "STRING",
            "string",
            (
                Sample("'Zoë 🎉'", "Zoë 🎉"),
                Sample("''", "", identity=None),
                Sample("'  a '", "  a "),
                Sample("'line\\nbreak'", "line\nbreak"),
                Sample("REPEAT('x', 4097)", DROPPED, identity="x" * 4097),
                Sample("REPEAT('x', 1048576)", DROPPED, identity="x" * 1048576),
                Sample("CAST(NULL AS STRING)", None),
            ),
        ),
        TypeRow(
            "BYTES",
            "binary",
            (
                Sample("FROM_HEX('ff00')", "FF00"),
                Sample("FROM_HEX('')", ""),
            ),
        ),
        TypeRow(
            "DATE",
            "date32[day]",
            (
                Sample("DATE '1990-02-01'", "1990-02-01"),
                Sample("DATE '9999-12-31'", "9999-12-31"),
                Sample("DATE '0001-01-01'", "0001-01-01"),
            ),
        ),
        TypeRow(
            "DATETIME",
            "timestamp[us]",
            (
                Sample(
                    "DATETIME '2025-11-03 09:12:00.123456'",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "DATETIME '1969-12-31 23:59:59.999999'",
                    "1969-12-31 23:59:59.999",
                    typed="1969-12-31T23:59:59.999999",
                ),
                Sample(
                    "DATETIME '9999-12-31 23:59:59.999999'",
                    "9999-12-31 23:59:59.999",
                    typed="9999-12-31T23:59:59.999999",
                ),
                Sample("CAST(NULL AS DATETIME)", None),
            ),
        ),
        TypeRow(
            "TIMESTAMP",
            "timestamp[us, tz=UTC]",
            (
                Sample(
                    "TIMESTAMP '2025-11-03 09:12:00.123456+00'",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample("TIMESTAMP '2025-11-03 09:12:00+02'", "2025-11-03 07:12:00.000", typed="2025-11-03T07:12:00"),
                Sample("TIMESTAMP '9999-12-31 23:59:59+00'", "9999-12-31 23:59:59.000", typed="9999-12-31T23:59:59"),
            ),
        ),
        TypeRow(
            "TIME",
            "time64[us]",
            (
                Sample("TIME '10:00:33.5'", "10:00:33.500000"),
                Sample("TIME '23:59:59.999999'", "23:59:59.999999"),
            ),
        ),
        TypeRow("ARRAY of a plain type", "list<item: string>", (Sample("['a', 'b c']", ["a", "b c"]),)),
        TypeRow("ARRAY<INT64>", "list<item: int64>", (Sample("[1, 2]", ["1", "2"], typed=[1, 2]),)),
        TypeRow(
            "STRUCT, ARRAY of STRUCT",
            "json",
            (
                Sample("STRUCT(1 AS k, 'x' AS l)", '{"k":1,"l":"x"}', typed={"k": 1, "l": "x"}),
                Sample("STRUCT([1, 2] AS k)", '{"k":[1,2]}', typed={"k": [1, 2]}),
                Sample("[STRUCT(1 AS k), STRUCT(2 AS k)]", '[{"k":1},{"k":2}]', typed=[{"k": 1}, {"k": 2}]),
            ),
        ),
        TypeRow(
            "JSON",
            "json",
            (
                Sample("JSON '{\"a\": [1, null, 2.5]}'", '{"a":[1,null,2.5]}', typed={"a": [1, None, 2.5]}),
                Sample("JSON '[1, \"b\"]'", ["1", "b"], typed=[1, "b"]),
                Sample("JSON '\"text\"'", "text"),
                Sample("JSON '17'", "17", typed=17),
            ),
        ),
    ),
    notes=(
        "NUMERIC(p, s) and BIGNUMERIC(p, s) keep their own digits; without, NUMERIC has 9 and BIGNUMERIC 38 behind the point. "
        "GEOGRAPHY comes as WKT text,\n"
        "INTERVAL as text, RANGE as JSON; the emulator has none of them. "
        "A NULL array is an empty one, as in BigQuery."
    ),
)
