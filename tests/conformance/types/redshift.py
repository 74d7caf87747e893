"""Redshift's column types, as far as the stand-in has them."""

from __future__ import annotations

from tests.conformance.type_table import DROPPED, Sample, TypeRow, TypeTable
from warehouse_sync.identity.fingerprints import RejectReason

_FRACTIONAL = RejectReason.FRACTIONAL_IDENTITY

REDSHIFT_TYPES = TypeTable(
    name="redshift",
    title="Redshift",
    rows=(
        TypeRow(
            "SMALLINT, INTEGER, BIGINT",
            "int64",
            (
                Sample("17::smallint", "17", typed=17),
                Sample("(-9223372036854775808)::bigint", "-9223372036854775808", typed=-9223372036854775808),
                Sample("NULL::integer", None),
            ),
        ),
        TypeRow(
            "NUMERIC(p, s)",
            "string",
            (
                Sample("1.50::numeric(12, 2)", "1.50", typed=1.5, identity=_FRACTIONAL),
                Sample("17.00::numeric(12, 2)", "17.00", typed=17, identity="17"),
                Sample(
                    "12345678901234567890123456789012345678::numeric(38, 0)",
                    "12345678901234567890123456789012345678",
                    typed=12345678901234567890123456789012345678,
                ),
                Sample("NULL::numeric", None),
            ),
        ),
        TypeRow(
            "REAL, DOUBLE PRECISION",
            "double",
            (
                Sample("1.5::real", "1.5", typed=1.5, identity=_FRACTIONAL),
                Sample("2.0::double precision", "2", typed=2.0),
                Sample("0.1::double precision", "0.1", typed=0.1, identity=_FRACTIONAL),
                Sample("'NaN'::double precision", "nan", identity=_FRACTIONAL),
                Sample("'-Infinity'::double precision", "-inf", identity=_FRACTIONAL),
            ),
        ),
        TypeRow("BOOLEAN", "bool", (Sample("true", "true", typed=True),)),
        TypeRow(
            "VARCHAR, CHAR, TEXT",
            "string",
            (
                Sample("'Zoë 🎉'::varchar", "Zoë 🎉"),
                Sample("''::varchar", "", identity=None),
                Sample("'a'::char(4)", "a   "),
                Sample("repeat('x', 4097)", DROPPED, identity="x" * 4097),
                Sample("repeat('x', 1048576)", DROPPED, identity="x" * 1048576),
                Sample("NULL::varchar", None),
            ),
        ),
        TypeRow(
            "DATE",
            "date32[day]",
            (
                Sample("date '1990-02-01'", "1990-02-01"),
                Sample("date '9999-12-31'", "9999-12-31"),
            ),
        ),
        TypeRow(
            "TIMESTAMP",
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
            ),
        ),
        TypeRow(
            "TIMESTAMPTZ",
            "timestamp[us, tz=UTC]",
            (Sample("timestamptz '2025-11-03 09:12:00+02'", "2025-11-03 07:12:00.000", typed="2025-11-03T07:12:00"),),
        ),
        TypeRow("TIME", "time64[us]", (Sample("time '10:00:33.5'", "10:00:33.500000"),)),
        TypeRow(
            "SUPER, as the stand-in's jsonb",
            "json",
            (
                Sample("'{\"a\": [1, null, 2.50]}'::jsonb", '{"a":[1,null,2.5]}', typed={"a": [1, None, 2.5]}),
                Sample("'[1, \"b\", null]'::jsonb", ["1", "b", ""], typed=[1, "b", None]),
            ),
        ),
        TypeRow("a literal NULL", "string", (Sample("NULL", None),)),
    ),
    notes=(
        "**Emulated**: seen with Redshift's real connector against a PostgreSQL, which has no SUPER, VARBYTE, TIMETZ, GEOMETRY, GEOGRAPHY "
        "or HLLSKETCH. By the connector's source, SUPER comes as JSON text, VARBYTE as the text that its bytes are, the others as text; "
        "cast to VARCHAR in the query what matters."
    ),
)
