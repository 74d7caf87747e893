"""What is known of BigQuery without its driver."""

from __future__ import annotations

from typing import Final

from warehouse_sync.domain.load_timestamp import LoadTimestampType
from warehouse_sync.errors import WarehouseStep
from warehouse_sync.warehouses.protocol import Capabilities, FieldSpec, IdentifierCase, WarehouseType

BIGQUERY: Final = WarehouseType(
    name="bigquery",
    title="BigQuery",
    dialect="bigquery",
    fields=(
        FieldSpec("region", "Location of the dataset, where the queries run.", example="us-east4"),
        FieldSpec("project_id", "Project that runs, and pays for, the queries.", example="mp-project"),
        FieldSpec("dataset_id", "Dataset that unqualified names are looked up in.", example="mp_dataset"),
        FieldSpec(
            "service_account_id",
            "Service account to log in as, by its e-mail address.",
            example="mp-robot@mp-project.iam.gserviceaccount.com",
        ),
        FieldSpec(
            "service_account_key",
            "Content of the service account's JSON key file.",
            secret=True,
            most_characters=16_384,
        ),
        FieldSpec(
            "maximum_bytes_billed",
            "Bytes that one query may bill; a dearer one is refused before it costs anything.",
            required=False,
            is_number=True,
            example="10000000000",
            published=False,
        ),
    ),
    capabilities=Capabilities(
        identifiers=IdentifierCase.KEPT,
        load_timestamps=(LoadTimestampType.TIMESTAMP, LoadTimestampType.DATETIME, LoadTimestampType.DATE),
        timestamp_digits=6,
        can_cancel=True,
        cost="Bytes scanned, twice a run (the count and the rows); partition the table by its load timestamp, set maximum_bytes_billed.",
        holds_bytes_billed=True,
    ),
    tested="emulated: the real client libraries against bqemulator on the same machine",
    steps=(
        WarehouseStep.CONFIGURE,
        WarehouseStep.RESOLVE,
        WarehouseStep.REACH,
        WarehouseStep.TLS,
        WarehouseStep.LOGIN,
        WarehouseStep.WAREHOUSE,
        WarehouseStep.DATABASE,
    ),
    plain_timestamp_is_instant=True,
    extra="bigquery",
)
