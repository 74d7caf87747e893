"""What all request bodies have in common: which unknown fields are ignored (decision D18), and how loosely numbers are read."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from warehouse_sync.domain.slug import SLUG_PATTERN
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

MAX_NAME_CHARACTERS: Final = 256
MAX_VALUE_CHARACTERS: Final = 4096
NUMBER_AS_TEXT: Final = {"type": "string", "pattern": "^-?[0-9]{1,19}$"}
"""How the API's document describes a whole number that is sent as a text."""

_IGNORED: Final = frozenset(
    {
        # read-only
        "is_faulted", "faulted_reason", "mapping_id", "created_on", "created_by", "last_modified_on", "last_modified_by",
        "state", "explanation", "next_run_at", "next_intervals", "failed_intervals", "first_interval", "skipped_interval",
        "is_stale", "stale_since", "warnings",
        # published in another resource or for another warehouse
        "id", "name", "workspace_id", "type", "is_active", "is_draft", "connection_id", "data_model_id", "partner_feed_id",
        "partner_feed_key", "schedule_start_time", "schedule_end_time", "schedule_interval", "environment", "sql_query",
        "load_timestamp_field_name", "load_timestamp_field_type", "load_timestamp_field_time_zone", "load_timestamp_field_tz",
        "load_timestamp_field_time_offset", "load_timestamp_field_offset_seconds", "project_id", "dataset_id",
        "service_account_id", "service_account_key",
    }
    | {spec.name for kind in WAREHOUSE_TYPES.values() for spec in kind.fields}
)  # fmt: skip


def _whole_number(value: object) -> object:
    if isinstance(value, str) and len(value) <= 20 and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")  # noqa: TRY004 - what Pydantic expects of a validator
    return value


Name = Annotated[StrictStr, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]
Slug = Annotated[
    StrictStr,
    Field(
        description="Letters, digits, `_` and `-`; unique in the workspace.",
        examples=["crm-connection"],
        json_schema_extra={"pattern": SLUG_PATTERN},  # the service's own check says it in better words
    ),
]
Number = Annotated[
    int,
    BeforeValidator(_whole_number),
    WithJsonSchema({"anyOf": [{"type": "integer"}, NUMBER_AS_TEXT]}),
]
Text = Annotated[StrictStr, Field(max_length=MAX_VALUE_CHARACTERS)]
Flag = StrictBool


class Body(BaseModel):
    """A request body. Unknown fields are refused; read-only ones and those published elsewhere are ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, protected_namespaces=())

    synonyms: ClassVar[dict[str, str]] = {}
    """Other spellings of fields; the main one wins when both are sent."""

    ignored: ClassVar[frozenset[str]] = _IGNORED
    """Fields that are passed over if the body does not have them."""

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        if not isinstance(data, dict):
            return data
        known = dict(data)
        for other, main in cls.synonyms.items():
            if other in known:
                known.setdefault(main, known.pop(other))
        return {name: value for name, value in known.items() if name in cls.model_fields or name not in cls.ignored}


class NewIdentity(Body):
    """Who a new object is."""

    id: Slug
    name: Name
    workspace_id: Annotated[Number, Field(description="Must equal the one in the path.", examples=[5328])]


class SameIdentity(Body):
    """Who a replaced object is: what the path says, so it may be left out."""

    id: Slug | None = None
    name: Name
    workspace_id: Annotated[Number | None, Field(description="Must equal the one in the path.", examples=[5328])] = None


def check_identity(body: NewIdentity | SameIdentity, *, workspace_id: int, id: str | None = None) -> None:  # noqa: A002 - published
    """Refuses a body that speaks of another object than its path.

    Raises:
        InvalidRequest: the body's ``workspace_id`` or ``id`` differs.
    """
    if body.workspace_id is not None and body.workspace_id != workspace_id:
        raise InvalidRequest("workspace_id must equal the one in the path.", field="workspace_id")
    if id is not None and body.id is not None and body.id != id:
        raise InvalidRequest("id must equal the one in the path.", field="id")
