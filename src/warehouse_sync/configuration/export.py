"""A server's configuration as a document that can be declared again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from warehouse_sync.configuration.declared import Section, body_models
from warehouse_sync.configuration.plan import ServerState
from warehouse_sync.domain.secret import MASK

_IDENTITY: Final = frozenset({"id", "workspace_id"})


def document_of(state: ServerState, workspace_id: int) -> dict[str, Any]:
    """What a server holds, as a configuration file would say it.

    Secrets become ``${VARIABLES}`` named after their object and field; what has its default is left out where the API tells it has one.
    """
    names = {numbers[0]: name for name, numbers in state.feed_ids.items() if len(numbers) == 1}
    document: dict[str, Any] = {"version": 1, "workspace": workspace_id}
    for section in Section:
        entries = {name: _entry(section, name, found, names) for name, found in state.objects[section].items()}
        if entries:
            document[section.value] = entries
    return document


def _entry(section: Section, name: str, found: Mapping[str, Any], feed_names: Mapping[int, str]) -> dict[str, Any]:
    known = _fields_of(section, found)
    entry = {
        field: f"${{{_variable(name, field)}}}" if value == MASK else value
        for field, value in found.items()
        if field in known and field not in _IDENTITY and value not in (None, [], "")
    }
    if section is Section.FEEDS:
        entry.pop("name", None)
    if section is Section.PIPELINES:
        entry.pop("partner_feed_key", None)
        feed = feed_names.get(found["partner_feed_id"])
        if feed is not None:
            del entry["partner_feed_id"]
            entry["feed"] = feed
    return entry


def _fields_of(section: Section, found: Mapping[str, Any]) -> frozenset[str]:
    """The fields that a body of this kind may have, as the body models say."""
    schema = body_models()[section].json_schema()
    definitions = [schema, *schema.get("$defs", {}).values()]
    kind = found.get("type")
    fields: set[str] = set()
    for definition in definitions:
        properties = definition.get("properties", {})
        const = properties.get("type", {}).get("const")
        if section is not Section.CONNECTIONS or const == kind:
            fields |= set(properties)
    return frozenset(fields)


def _variable(name: str, field: str) -> str:
    return re.sub(r"\W", "_", f"{name}_{field}").upper()
