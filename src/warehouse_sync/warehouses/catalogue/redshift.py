"""What is known of Amazon Redshift without its driver."""

from __future__ import annotations

from typing import Final

from warehouse_sync.warehouses.catalogue.postgres import POSTGRES
from warehouse_sync.warehouses.protocol import Capabilities, FieldSpec, IdentifierCase, LogIn, WarehouseType

SSL_MODES: Final = ("verify-full", "verify-ca", "disable")

REDSHIFT: Final = WarehouseType(
    name="redshift",
    title="Redshift",
    dialect="redshift",
    fields=(
        FieldSpec(
            "host",
            "Endpoint of the cluster or workgroup.",
            example="crm.abc123xyz789.us-west-2.redshift.amazonaws.com",
        ),
        FieldSpec("port", "Port; 5439 if left out.", required=False, example="5439", is_number=True),
        FieldSpec("database", "Database to connect to.", example="dev"),
        FieldSpec("user", "User to log in as.", required=False, example="warehouse_sync"),
        FieldSpec("password", "Password of the user.", required=False, secret=True),
        FieldSpec("access_key_id", "Access key that may get credentials of the cluster.", required=False),
        FieldSpec("secret_access_key", "Secret of the access key.", required=False, secret=True),
        FieldSpec("session_token", "Session token of a temporary access key.", required=False, secret=True),
        FieldSpec("region", "Region of the cluster, for its credentials.", required=False),
        FieldSpec("cluster_identifier", "Name of the cluster.", required=False),
        FieldSpec("serverless_work_group", "Name of the workgroup, if it is serverless.", required=False),
        FieldSpec("db_user", "Database user to log in as.", required=False),
        FieldSpec(
            "sslmode",
            "How TLS is used; `verify-full` if left out.",
            required=False,
            example="verify-full",
            choices=SSL_MODES,
        ),
    ),
    logins=(
        LogIn("password", needs=("user", "password")),
        LogIn(
            "IAM",
            needs=("access_key_id", "secret_access_key", "region"),
            may=("session_token", "cluster_identifier", "serverless_work_group", "db_user"),
        ),
    ),
    capabilities=Capabilities(
        identifiers=IdentifierCase.LOWER,
        load_timestamps=POSTGRES.capabilities.load_timestamps,
        timestamp_digits=6,
        can_cancel=True,
        cost="Load on the cluster, or seconds of a serverless workgroup; a sort key on the load timestamp keeps it small.",
    ),
    tested="emulated: the real connector against a PostgreSQL 18",
    steps=POSTGRES.steps,
    extra="redshift",
)
