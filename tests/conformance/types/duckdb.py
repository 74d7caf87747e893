"""DuckDB's column types."""

from __future__ import annotations

from tests.conformance.type_table import Sample, TypeRow, TypeTable
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
                Sample("17::TINYINT", "17", 17),
                Sample("(-9223372036854775808)::BIGINT", "-9223372036854775808", -9223372036854775808),
                Sample("4294967295::UINTEGER", "4294967295", 4294967295),
                Sample("NULL::INTEGER", None),
            ),
        ),
        TypeRow(
            "UBIGINT",
            "decimal128(20, 0)",
            (Sample("18446744073709551615::UBIGINT", "18446744073709551615", 18446744073709551615),),
        ),
        TypeRow(
            "HUGEINT, UHUGEINT",
            "decimal128(38, 0)",
            (Sample("17::HUGEINT", "17", 17),),
        ),
        TypeRow(
            "DECIMAL(p, s)",
            "decimal128(12, 2)",
            (
                Sample("1.50::DECIMAL(12, 2)", "1.50", 1.5, _FRACTIONAL),
                Sample("17.00::DECIMAL(12, 2)", "17.00", 17, "17"),
            ),
        ),
    ),
)
