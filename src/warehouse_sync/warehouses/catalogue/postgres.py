"""What is known of PostgreSQL without its driver."""

from __future__ import annotations

from typing import Final

from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.protocol import Capabilities, FieldSpec, IdentifierCase, WarehouseType

SSL_MODES: Final = ("verify-full", "verify-ca", "require", "disable")
CERTIFICATE_CHARACTERS: Final = 262_144
"""A cloud's bundle of all its regions' certificates is longer than any other field."""

POSTGRES: Final = WarehouseType(
    name="postgres",
    title="PostgreSQL",
    dialect="postgres",
    fields=(
        FieldSpec("host", "Host name or address of the server.", example="db.example.com"),
        FieldSpec("port", "Port; 5432 if left out.", required=False, example="5432", is_number=True),
        FieldSpec("database", "Database to connect to.", example="shop"),
        FieldSpec("user", "Role to log in as.", example="warehouse_sync"),
        FieldSpec("password", "Password of the role.", secret=True),
        FieldSpec(
            "sslmode",
            "How TLS is used, as libpq says it; `verify-full` if left out.",
            required=False,
            example="verify-full",
            choices=SSL_MODES,
        ),
        FieldSpec(
            "sslrootcert",
            "Certificates, in PEM, that the server's certificate must come from; the system's if left out.",
            required=False,
            most_characters=CERTIFICATE_CHARACTERS,
        ),
    ),
    capabilities=Capabilities(
        identifiers=IdentifierCase.LOWER,
        load_timestamps=(
            LoadTimestampType.TIMESTAMP,
            LoadTimestampType.TIMESTAMP_NTZ,
            LoadTimestampType.TIMESTAMP_TZ,
            LoadTimestampType.DATE,
        ),
        timestamp_digits=6,
        can_cancel=True,
        cost="Load on the server while a run reads; an index on the load timestamp keeps it small, a replica keeps it elsewhere.",
    ),
    tested="a real PostgreSQL 18",
    steps=tuple(WarehouseStep(name) for name in ("configure", "resolve", "reach", "tls", "login", "database")),
    extra="postgres",
)
