"""What configuration files declare, checked by the very models that the API checks bodies with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from warehouse_sync.api.bodies import Body
from warehouse_sync.api.connections import NewConnection
from warehouse_sync.api.data_models import NewDataModel
from warehouse_sync.api.pipelines import NewPipeline
from warehouse_sync.api.platform import NewFeed
from warehouse_sync.configuration.files import Entry, Written
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES

_FEED: Final = "feed"


class Section(StrEnum):
    """The kinds of object that files declare, in the order in which they are made: each may name earlier ones."""

    FEEDS = "feeds"
    CONNECTIONS = "connections"
    DATA_MODELS = "data_models"
    PIPELINES = "pipelines"


@dataclass(frozen=True, slots=True)
class DeclaredObject:
    """An object as it shall be.

    Attributes:
        section, id: what it is; a feed's id is its name.
        place: where it is declared, for messages.
        body: the body to send, every field with its default; without ``id`` and ``workspace_id``.
        secrets: fields of the body that the service never shows.
        feed: name of the declared or existing feed of a pipeline; None if the body names it by id or key.
    """

    section: Section
    id: str
    place: str
    body: Mapping[str, Any]
    secrets: frozenset[str] = frozenset()
    feed: str | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """All that files declare.

    Attributes:
        workspace_id: the workspace they are about; None if they do not say.
        objects: by section and id.
    """

    workspace_id: int | None
    objects: Mapping[Section, Mapping[str, DeclaredObject]]


def declare(written: Written) -> Declaration:
    """Checks every entry as the API would check its body.

    Raises:
        InvalidRequest: one is wrong; all that is wrong is said at once, each with its place.
    """
    faults: list[str] = []
    objects: dict[Section, dict[str, DeclaredObject]] = {}
    for section in Section:
        objects[section] = {}
        for name, entry in written.sections[section].items():
            try:
                objects[section][name] = _object(section, name, entry)
            except InvalidRequest as error:
                faults.append(error.message)
    faults += _dangling(objects)
    if faults:
        raise InvalidRequest("\n".join(faults), code="invalid_configuration")
    return Declaration(written.workspace_id, objects)


def body_models() -> Mapping[Section, TypeAdapter[Any]]:
    """What checks the bodies of each section."""
    return {
        Section.FEEDS: TypeAdapter(NewFeed),
        Section.CONNECTIONS: TypeAdapter(NewConnection),
        Section.DATA_MODELS: TypeAdapter(NewDataModel),
        Section.PIPELINES: TypeAdapter(NewPipeline),
    }


_MODELS: Final = body_models()


def _object(section: Section, name: str, entry: Entry) -> DeclaredObject:
    fields = dict(entry.fields)
    feed = fields.pop(_FEED, None) if section is Section.PIPELINES else None
    if feed is not None and ("partner_feed_id" in fields or "partner_feed_key" in fields):
        raise _refusal(entry.place, "names its feed twice. Keep feed, or partner_feed_id.")
    identity = {"name": name} if section is Section.FEEDS else {"id": name, "workspace_id": 1}
    try:
        body = _MODELS[section].validate_python({"name": name, **_implied(section), **fields, **identity})
    except ValidationError as error:
        raise _refusal(entry.place, _sentence(error)) from None
    except InvalidRequest as error:
        raise _refusal(entry.place, error.message) from None
    _refuse_unknown(entry, body, fields)
    return DeclaredObject(section, name, entry.place, _dumped(body), _secrets(section, fields), feed)


def _implied(section: Section) -> dict[str, Any]:
    return {"type": "sql"} if section is Section.DATA_MODELS else {}


def _refuse_unknown(entry: Entry, body: BaseModel, fields: Mapping[str, Any]) -> None:
    """The API passes over fields it answers with; a file that is written by hand holds none but by mistake."""
    synonyms = body.synonyms if isinstance(body, Body) else {}
    unknown = sorted(set(fields) - set(type(body).model_fields) - set(synonyms))
    if unknown:
        raise _refusal(f"{entry.place}.{unknown[0]}", "is not a field of it.")


def _dumped(body: BaseModel) -> dict[str, Any]:
    return body.model_dump(mode="json", exclude={"id", "workspace_id"})


def _secrets(section: Section, fields: Mapping[str, Any]) -> frozenset[str]:
    if section is Section.PIPELINES:
        return frozenset({"partner_feed_key"})
    if section is not Section.CONNECTIONS:
        return frozenset()
    kind = WAREHOUSE_TYPES.get(str(fields.get("type")))
    return frozenset(spec.name for spec in kind.fields if spec.secret) if kind else frozenset()


def _dangling(objects: Mapping[Section, Mapping[str, DeclaredObject]]) -> list[str]:
    """Nothing is dangling here that a server could not hold already, so this only finds what nobody could mean."""
    return [
        f"{pipeline.place} names no feed. Give feed: NAME, or partner_feed_id."
        for pipeline in objects[Section.PIPELINES].values()
        if not (pipeline.feed or pipeline.body.get("partner_feed_id") or pipeline.body.get("partner_feed_key"))
    ]


def _sentence(error: ValidationError) -> str:
    found = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(str(part) for part in fault["loc"] if part not in WAREHOUSE_TYPES)
        reason = fault["msg"].removeprefix("Value error, ")
        found.append(f"{field}: {reason[0].lower()}{reason[1:]}" if field else reason)
    return "cannot be used: " + "; ".join(found) + "."


def _refusal(place: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(f"{place} {sentence}", field=place, code="invalid_configuration")
