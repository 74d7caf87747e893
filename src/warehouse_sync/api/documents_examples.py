"""Examples that the API's document shows: one person's way from a connection to a profile (specification §1.5 to §1.8)."""

from __future__ import annotations

from typing import Any, Final

from warehouse_sync.domain.secret import MASK
from warehouse_sync.domain.slug import SLUG_PATTERN
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

_STAMP: Final = {"created_by": "ci", "last_modified_on": None, "last_modified_by": None}
_PLACE: Final = {"workspace_id": 5328}
_OUTLOOK: Final = {
    "state": "idle",
    "explanation": "The next run reads the interval [2023-02-08T00:05:00Z, 2023-02-08T01:05:00Z) and is due at 2023-02-08T01:05:00Z.",
    "next_run_at": "2023-02-08T01:05:00Z",
    "next_intervals": [
        {"start": "2023-02-08T00:05:00Z", "end": "2023-02-08T01:05:00Z", "due_at": "2023-02-08T01:05:00Z"}
    ],
    "failed_intervals": [],
    "first_interval": None,
    "skipped_interval": None,
    "is_stale": False,
    "stale_since": None,
}


def _connection(name: str, *, is_answer: bool) -> dict[str, Any]:
    """A connection of one type, in the order in which it is sent or answered."""
    kind = WAREHOUSE_TYPES[name]
    head = {"id": "crm-connection", "name": "CRM Connection", **_PLACE}
    fields: dict[str, Any] = {
        spec.name: int(spec.example or 0) if spec.is_number else spec.example for spec in kind.fields
    }
    fields |= {spec.name: MASK if is_answer else "s3cret" for spec in kind.fields if spec.secret}
    others = {field for login in kind.logins[1:] for field in login.fields}  # the example logs in by the first way
    if not is_answer:
        first = kind.logins[0].needs if kind.logins else ()
        sent = {spec.name: fields[spec.name] for spec in kind.fields if spec.required or spec.name in first}
        return {**head, "type": name, **sent}
    fields |= {spec.name: None for spec in kind.fields if spec.name in others}
    stamp = {"created_on": "2023-02-03T23:53:08.413", **_STAMP}
    return {**head, "is_active": True, "is_faulted": False, "type": name, **fields, **stamp}


_DATA_MODEL: Final = {
    "id": "propensity-model",
    "name": "Propensity Model",
    **_PLACE,
    "type": "sql",
    "sql_query": 'SELECT u.updated_at, u.customer_id, u.score AS "propensity_to_buy" FROM mp.demo.users u',
    "load_timestamp_field_type": "timestamp_ntz",
    "load_timestamp_field_name": "UPDATED_AT",
    "load_timestamp_field_time_zone": "America/New_York",
    "load_timestamp_field_time_offset": 1800,
}
_DATA_MODEL_ANSWER: Final = {
    **dict(list(_DATA_MODEL.items())[:3]),
    "is_active": True,
    **dict(list(_DATA_MODEL.items())[3:]),
    "created_on": "2023-02-07T20:36:00",
    **_STAMP,
}
_PIPELINE: Final = {
    "id": "crm-pipeline",
    "name": "CRM Pipeline",
    **_PLACE,
    "is_active": True,
    "is_draft": False,
    "connection_id": "crm-connection",
    "data_model_id": "propensity-model",
    "partner_feed_key": "us1-1234567",
    "schedule_interval": "hourly",
    "environment": "development",
}
_PIPELINE_ANSWER: Final = {
    "id": "crm-pipeline",
    "name": "CRM Pipeline",
    **_PLACE,
    "is_active": True,
    "is_draft": False,
    "is_faulted": False,
    "faulted_reason": None,
    "connection_id": "crm-connection",
    "data_model_id": "propensity-model",
    "partner_feed_id": 2124,
    "partner_feed_key": MASK,
    "schedule_start_time": "2023-02-01T00:05:00Z",
    "schedule_end_time": None,
    "schedule_interval": "hourly",
    "environment": "development",
    "created_on": "2023-02-08T00:05:31.23",
    **_STAMP,
}
_POLICY: Final = {
    "on_failed_interval": "wait",
    "lookback_seconds": 0,
    "repair_late_rows": False,
    "count_unread_rows": False,
    "statement_timeout_seconds": 600,
    "max_bytes_billed": 0,
}
_SQL: Final = {
    "probe": "SELECT * FROM (SELECT u.updated_at, u.customer_id FROM mp.demo.users AS u\n) AS q LIMIT 0",
    "count": "SELECT COUNT(*) FROM (SELECT …\n) AS q WHERE q.UPDATED_AT >= '2023-01-31 18:35:00' AND …",
    "extract": "SELECT * FROM (SELECT …\n) AS q WHERE q.UPDATED_AT >= '2023-01-31 18:35:00' AND …",
    "count_without_load_timestamp": None,
    "count_in_future": None,
}
_RUN: Final = {
    "pipeline_run_id": 13325,
    "id": "crm-pipeline",
    **_PLACE,
    "logical_date": "2023-02-08T00:05:00Z",
    "start_date": "2023-02-08T01:05:06Z",
    "end_date": "2023-02-08T01:05:19Z",
    "data_interval_start": "2023-02-07T23:35:00Z",
    "data_interval_end": "2023-02-08T00:35:00Z",
    "pipeline_run_type": "scheduled",
    "pipeline_run_state": "success",
    "is_externally_triggered": False,
    "records_extracted": 1376,
    "records_mapped": 1374,
    "event_batches_generated": 1280,
    "created_on": "2023-02-08T01:05:04.45",
    "created_by": "scheduler",
    "last_modified_on": "2023-02-08T01:05:19.02",
    "last_modified_by": "scheduler",
    "environment": "development",
    "run_kind": "scheduled",
    "target_run_id": None,
    "attempt": 1,
    "records_rejected": 2,
    "records_unchanged": 94,
    "records_superseded": 0,
    "values_dropped": 0,
    "profiles_matched": 1270,
    "profiles_created": 104,
    "identity_conflicts": 0,
    "profiles_orphaned": 0,
    "records_late": 0,
    "unread_rows": None,
    "warehouse_use": {"seconds": 4.118, "bytes_scanned": None, "rows_per_second": 334.1},
    "failure": None,
    "cancel_requested_on": None,
    "generated_sql": _SQL,
}
_ATTEMPT: Final = {
    "attempt": 1,
    "started_on": "2023-02-08T01:05:06Z",
    "finished_on": "2023-02-08T01:05:19Z",
    "failure": None,
    "retry_on": None,
}
_REJECTS: Final = [
    {
        "reason": "no_identity",
        "count": 2,
        "samples": [
            {"row": {"UPDATED_AT": "2023-02-07 18:41:12.000", "CUSTOMER_ID": None, "propensity_to_buy": "0.41"}}
        ],
    }
]
_STATUS: Final = {
    "pipeline_id": "crm-pipeline",
    **_PLACE,
    "is_faulted": False,
    "is_connection_faulted": False,
    "is_connection_active": True,
    "is_active": True,
    "latest_pipeline_run": _RUN,
    "is_draft": False,
    "faulted_reason": None,
    "synced_until": "2023-02-08T00:35:00Z",
    **_OUTLOOK,
}

EXAMPLES: Final[dict[str, Any]] = {
    **{f"New{name.capitalize()}Connection": _connection(name, is_answer=False) for name in WAREHOUSE_TYPES},
    **{f"Replaced{name.capitalize()}Connection": _connection(name, is_answer=False) for name in WAREHOUSE_TYPES},
    **{f"{name.capitalize()}Connection": _connection(name, is_answer=True) for name in WAREHOUSE_TYPES},
    "NewDataModel": _DATA_MODEL,
    "ReplacedDataModel": _DATA_MODEL,
    "DataModelAnswer": _DATA_MODEL_ANSWER,
    "AdvisedDataModelAnswer": {**_DATA_MODEL_ANSWER, "warnings": []},
    "NewPipeline": _PIPELINE,
    "ReplacedPipeline": {
        **{name: value for name, value in _PIPELINE.items() if name != "partner_feed_key"},
        "partner_feed_key": MASK,
        "schedule_start_time": "2023-02-01T00:05:00Z",
        "schedule_interval": "weekly",
    },
    "PipelineAnswer": _PIPELINE_ANSWER,
    "PipelineWithOutlook": {**_PIPELINE_ANSWER, **_POLICY, **_OUTLOOK},
    "RunAnswer": _RUN,
    "RunDetailAnswer": {
        **_RUN,
        "attempts": [_ATTEMPT],
        "rejects": _REJECTS,
        "dropped_values": [],
        "new_attributes": ["ltv"],
        "verification": None,
        "progress": None,
    },
    "StatusAnswer": _STATUS,
    "ProfileToResolve": {"environment_type": "development", "identity": {"type": "customer_id", "value": "c-17"}},
    "NewCredential": {"name": "ci", "permission": "user", "workspaces": [5328]},
    "PreviewRequest": {"connection_id": "crm-connection", "data_model_id": "propensity-model", "rows": 5},
    "IdentitySettingsBody": {"strategy": "profile_conversion"},
}
"""An example by the name of its schema. What is not here is put together from the examples of its fields."""

_SLUG: Final = {"pattern": SLUG_PATTERN}
PARAMETERS: Final[dict[str, tuple[str, Any, dict[str, Any]]]] = {
    "workspaceId": ("The workspace.", 5328, {}),
    "connectionId": ("The connection's id.", "crm-connection", _SLUG),
    "modelId": ("The data model's id.", "propensity-model", _SLUG),
    "pipelineId": ("The pipeline's id.", "crm-pipeline", _SLUG),
    "pipelineRunId": ("The run's number.", 13325, {}),
    "clientId": ("The credential's client id.", "3yZUhXk9Qe5sW2", {}),
    "feedId": ("The feed's number.", 2124, {}),
    "orgId": ("The workspace's organisation; 1 unless it was made with another.", 1, {}),
    "accountId": ("The workspace's account; 1 unless it was made with another.", 1, {}),
    "mpid": ("The profile's number.", 9080350317581165000, {}),
    "type": ("Only connections of this type.", "snowflake", {}),
    "connectionType": ("The old spelling of `type`.", "snowflake", {}),
    "currentPage": ("Which page, from 1.", 1, {}),
    "pageSize": ("How many items a page has at most.", 50, {}),
    "startDate": ("Least logical date, inclusive.", "2023-02-01T00:00:00Z", {}),
    "endDate": ("Greatest logical date, inclusive.", "2023-02-08T00:00:00Z", {}),
    "before": ("Only entries with smaller ids.", 901, {}),
    "fields": ("Which parts to answer.", "user_identities,user_attributes", {}),
    "typed": ("Attribute values as JSON types instead of texts.", True, {}),
}
"""What is said of a parameter by its name, where its route does not say it: a description, an example, constraints."""

ERRORS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "400": (
        "The request is wrong, or cannot be done now.",
        {"message": "name is required.", "code": "invalid_request", "field": "name"},
    ),
    "401": (
        "No valid access token came with the request.",
        {
            "message": "Send an access token in the Authorization header: Bearer TOKEN. Request one from /oauth/token.",
            "code": "no_token",
        },
    ),
    "403": (
        "The credential's permission does not reach this.",
        {
            "message": "This credential has the permission 'user', which does not reach this. Use one with the permission 'admin'.",
            "code": "insufficient_scope",
        },
    ),
    "404": (
        "There is no such object, or it is not yours.",
        {"message": "There is nothing at this address.", "code": "not_found"},
    ),
    "408": (
        "The headers or the body did not come in time.",
        {"message": "The body did not come within 30 seconds.", "code": "request_timed_out"},
    ),
    "413": (
        "The body is too long.",
        {"message": "The body is longer than 1048576 bytes. Send less.", "code": "body_too_large"},
    ),
    "429": (
        "This credential asks too often; try again after `Retry-After` seconds.",
        {"message": "This credential asks too often. Try again in 1 s, and then more slowly.", "code": "rate_limited"},
    ),
    "431": (
        "The request line and the headers are together too long.",
        {
            "message": "The request line and the headers are together longer than 16384 bytes. Send less.",
            "code": "headers_too_large",
        },
    ),
    "500": (
        "The service met an error of its own; the operator finds it in the log under `X-Request-Id`.",
        {
            "message": "Something went wrong in the service. The operator finds the reason in the log, under this request id: "
            "5f0c2a9b1d3e4f60.",
            "code": "internal_error",
        },
    ),
    "503": (
        "The service cannot use its own database now, or has too much to do; try again after `Retry-After` seconds.",
        {
            "message": "The service cannot use its own database now. Try again later; the operator finds the reason in the log.",
            "code": "store_unusable",
        },
    ),
    "504": (
        "The answer took too long; what was asked for may still be done.",
        {
            "message": "The request was not answered within 300 seconds. What it asked for may still be done: look before you send it "
            "again.",
            "code": "request_timed_out",
        },
    ),
    "505": (
        "The warehouse cannot be connected to; the item names the step that failed.",
        {
            "message": "Snowflake refused the log-in. Check user and password, and that source_account_id and region name the right "
            "account.",
            "code": "credentials",
            "step": "login",
        },
    ),
}
"""What a failure means and an item that tells of it, by status."""

TOKEN_ERRORS: Final[dict[str, dict[str, Any]]] = {
    "400": {"message": "audience is required.", "code": "invalid_request"},
    "401": {"message": "The client id or the client secret is wrong.", "code": "invalid_client"},
    "429": {"message": "Too many failed attempts. Try again in 42 seconds.", "code": "too_many_failures"},
    "503": {"message": "The service cannot use its own database now. Try again later.", "code": "store_unusable"},
}
"""What the token endpoint says where it says something else."""
