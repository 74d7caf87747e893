"""What is known of Snowflake without its driver."""

from __future__ import annotations

from typing import Final

from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.warehouses.protocol import Capabilities, FieldSpec, IdentifierCase, LogIn, WarehouseType
from warehouse_sync.warehouses.snowflake_address import needs_region

SNOWFLAKE: Final = WarehouseType(
    name="snowflake",
    title="Snowflake",
    dialect="snowflake",
    fields=(
        FieldSpec(
            "source_account_id",
            "Snowflake account locator, or organization and account as `org-account`.",
            example="gd1234",
        ),
        FieldSpec(
            "region",
            "Region segment of the account's address. Needed with an account locator, left out with `org-account`.",
            required=False,
            example="us-central1.gcp",
        ),
        FieldSpec("warehouse", "Compute warehouse that runs the queries.", example="compute_wh"),
        FieldSpec("database", "Database that unqualified names are looked up in.", example="mp"),
        FieldSpec("role", "Role assumed after login.", example="mp_role"),
        FieldSpec("user", "User to log in as.", example="mp_user"),
        FieldSpec("password", "Password of the user.", required=False, secret=True),
        FieldSpec(
            "private_key",
            "Private key of the user, RSA, as PEM text (PKCS#8).",
            required=False,
            secret=True,
            published=False,
        ),
        FieldSpec(
            "private_key_passphrase",
            "Passphrase of an encrypted `private_key`.",
            required=False,
            secret=True,
            published=False,
        ),
        FieldSpec(
            "private_key_2",
            "Second private key, tried when the first is refused: for changing keys without a gap.",
            required=False,
            secret=True,
            published=False,
        ),
        FieldSpec(
            "private_key_2_passphrase",
            "Passphrase of an encrypted `private_key_2`.",
            required=False,
            secret=True,
            published=False,
        ),
        FieldSpec(
            "oauth_token",
            "OAuth access token. It expires: put a new one in time.",
            required=False,
            secret=True,
            published=False,
        ),
        FieldSpec(
            "programmatic_access_token",
            "Programmatic access token of the user.",
            required=False,
            secret=True,
            published=False,
        ),
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
    logins=(
        LogIn("password", ("password",)),
        LogIn("key pair", ("private_key",), ("private_key_passphrase", "private_key_2", "private_key_2_passphrase")),
        LogIn("OAuth", ("oauth_token",)),
        LogIn("programmatic access token", ("programmatic_access_token",)),
    ),
    also_needs=lambda values: ("region",) if needs_region(values.get("source_account_id", "")) else (),
    tested="emulated: the real connector against a server of ours on the same machine",
    extra="snowflake",
)
