"""What is known of Snowflake without its driver."""

from __future__ import annotations

from typing import Final

from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.warehouses.protocol import Capabilities, FieldSpec, IdentifierCase, WarehouseType

SNOWFLAKE: Final = WarehouseType(
    name="snowflake",
    title="Snowflake",
    dialect="snowflake",
    fields=(
        FieldSpec("source_account_id", "Snowflake account locator.", example="gd1234"),
        FieldSpec("region", "Region segment of the account's address.", example="us-central1.gcp"),
        FieldSpec("warehouse", "Compute warehouse that runs the queries.", example="compute_wh"),
        FieldSpec("database", "Database that unqualified names are looked up in.", example="mp"),
        FieldSpec("role", "Role assumed after login.", example="mp_role"),
        FieldSpec("user", "User to log in as.", example="mp_user"),
        FieldSpec("password", "Password of the user.", secret=True),
        FieldSpec("snowflake_aws_iam_user_arn", "STORAGE_AWS_IAM_USER_ARN; kept, not used.", required=False),
        FieldSpec("snowflake_aws_external_id", "STORAGE_AWS_EXTERNAL_ID; kept, not used.", required=False),
    ),
    capabilities=Capabilities(
        identifiers=IdentifierCase.UPPER,
        load_timestamps=(
            LoadTimestampType.TIMESTAMP_LTZ,
            LoadTimestampType.TIMESTAMP_NTZ,
            LoadTimestampType.TIMESTAMP_TZ,
            LoadTimestampType.DATETIME,
            LoadTimestampType.DATE,
        ),
        timestamp_digits=6,
        can_cancel=True,
        cost="Seconds of the compute warehouse; it starts for a run, so let it suspend itself soon.",
    ),
    tested="emulated: the real connector against a server of ours on the same machine",
    extra="snowflake",
)
