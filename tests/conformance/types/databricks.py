"""Databricks' column types."""

from __future__ import annotations

from tests.conformance.type_table import DROPPED, Sample, TypeRow, TypeTable
from warehouse_sync.identity.fingerprints import RejectReason

_FRACTIONAL = RejectReason.FRACTIONAL_IDENTITY

DATABRICKS_TYPES = TypeTable(
    name="databricks",
    title="Databricks",
    rows=(
        TypeRow(
            "TINYINT, SMALLINT, INT, BIGINT",
            "int64",
            (
                Sample("CAST(17 AS TINYINT)", "17", typed=17),
                Sample("CAST(-9223372036854775808 AS BIGINT)", "-9223372036854775808", typed=-9223372036854775808),
                Sample("CAST(NULL AS INT)", None),
            ),
        ),
        TypeRow(
            "DECIMAL(p, s)",
            "decimal128(12, 2)",
            (
                Sample("CAST(1.50 AS DECIMAL(12, 2))", "1.50", typed=1.5, identity=_FRACTIONAL),
                Sample("CAST(17.00 AS DECIMAL(12, 2))", "17.00", typed=17, identity="17"),
            ),
        ),
        TypeRow(
            "DECIMAL(38, 4)",
            "decimal128(38, 4)",
            (
                Sample(
                    "CAST('1234567890123456789012345678901234.5678' AS DECIMAL(38, 4))",
                    "1234567890123456789012345678901234.5678",
                    typed=1.2345678901234568e33,
                    identity=_FRACTIONAL,
                ),
            ),
        ),
        TypeRow(
            "FLOAT, DOUBLE",
            "double",
            (
                Sample("CAST(1.5 AS DOUBLE)", "1.5", typed=1.5, identity=_FRACTIONAL),
                Sample("CAST(2 AS DOUBLE)", "2", typed=2.0),
                Sample("CAST(0.1 AS DOUBLE)", "0.1", typed=0.1, identity=_FRACTIONAL),
                Sample("CAST('NaN' AS DOUBLE)", "nan", identity=_FRACTIONAL),
                Sample("CAST('inf' AS DOUBLE)", "inf", identity=_FRACTIONAL),
                Sample("CAST('-inf' AS DOUBLE)", "-inf", identity=_FRACTIONAL),
            ),
        ),
        TypeRow(
            "BOOLEAN",
            "bool",
            (
                Sample("true", "true", typed=True),
                Sample("false", "false", typed=False),
            ),
        ),
        TypeRow(
            "STRING, CHAR, VARCHAR",
            "string",
            (
                Sample("'Zoë 🎉'", "Zoë 🎉"),
                Sample("''", "", identity=None),
                Sample("'  a '", "  a "),
                Sample("'line\\nbreak'", "line\nbreak"),
                Sample("repeat('x', 4097)", DROPPED, identity="x" * 4097),
                Sample("repeat('x', 1048576)", DROPPED, identity="x" * 1048576),
                Sample("CAST(NULL AS STRING)", None),
            ),
        ),
        TypeRow(
            "BINARY",
            "binary",
            (
                Sample("X'ff00'", "FF00"),
                Sample("X''", ""),
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
            "TIMESTAMP_NTZ",
            "timestamp[us]",
            (
                Sample(
                    "CAST('2025-11-03 09:12:00.123456' AS TIMESTAMP_NTZ)",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "CAST('1969-12-31 23:59:59.999999' AS TIMESTAMP_NTZ)",
                    "1969-12-31 23:59:59.999",
                    typed="1969-12-31T23:59:59.999999",
                ),
                Sample(
                    "CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP_NTZ)",
                    "9999-12-31 23:59:59.999",
                    typed="9999-12-31T23:59:59.999999",
                ),
            ),
        ),
        TypeRow(
            "TIMESTAMP",
            "timestamp[us, tz=UTC]",
            (
                Sample(
                    "CAST('2025-11-03 09:12:00.123456+00:00' AS TIMESTAMP)",
                    "2025-11-03 09:12:00.123",
                    typed="2025-11-03T09:12:00.123456",
                ),
                Sample(
                    "CAST('2025-11-03 09:12:00+02:00' AS TIMESTAMP)",
                    "2025-11-03 07:12:00.000",
                    typed="2025-11-03T07:12:00",
                ),
                Sample(
                    "CAST('9999-12-31 23:59:59+00:00' AS TIMESTAMP)",
                    "9999-12-31 23:59:59.000",
                    typed="9999-12-31T23:59:59",
                ),
            ),
        ),
        TypeRow(
            "ARRAY",
            "json",
            (
                Sample("array('a', NULL, 'b c')", ["a", "", "b c"], typed=["a", None, "b c"]),
                Sample("array(1, 2)", ["1", "2"], typed=[1, 2]),
                Sample("array(array(1), array(2, 3))", "[[1],[2,3]]", typed=[[1], [2, 3]]),
            ),
        ),
        TypeRow(
            "STRUCT",
            "json",
            (
                Sample("named_struct('k', 1, 'l', 'x')", '{"k":1,"l":"x"}', typed={"k": 1, "l": "x"}),
                Sample("named_struct('k', array(1, 2))", '{"k":[1,2]}', typed={"k": [1, 2]}),
            ),
        ),
        TypeRow("MAP", "json", (Sample("map('a', 1, 'b', 2)", '{"a":1,"b":2}', typed={"a": 1, "b": 2}),)),
        TypeRow("VOID (an untyped NULL)", "null", (Sample("NULL", None),)),
    ),
    notes="VARIANT comes as JSON, INTERVAL as text; the stub has neither.",
)
